"""Notices of shops: a signed notice only says that an order changed, its state is read again from the shop."""

import hashlib
import json
from collections.abc import Callable
from typing import cast

from fastapi import APIRouter, HTTPException, Request

from connectors.base import Push, PushChannel
from connectors.registry import CHANNELS
from models.database import transaction
from models.errors import ChannelDenied, ChannelRejected
from tasks.counterparts import open_channel
from tasks.inbox import keep_all
from web.requests import MAX_ID_CHARS, Body, Code

router = APIRouter()

ACCEPTED = {"code": 0, "msg": "success"}
"""What Douyin wants to read, else it sends again; others look at the HTTP status only."""


def _receiver(channel: str) -> Callable[[str, Request, bytes], dict[str, object]]:
    def receive(shop_code: Code, request: Request, body: Body) -> dict[str, object]:
        """Store the orders that a signed notice of one shop names; a test notice is only answered."""
        with transaction() as conn:
            known = "select 1 from shop where code = %s and channel = %s and active"
            if conn.execute(known, (shop_code, channel)).fetchone() is None:
                raise HTTPException(404, "not found")
            reader = cast(PushChannel, open_channel(conn, shop_code))
            # the buyer's data in the body is not needed to read the orders again, so it is not kept
            notices = {_bounded(no): json.dumps({"order_id": order}) for no, order in _read(reader, request, body)}
            keep_all(conn, f"shop:{shop_code}", notices)
        return dict(ACCEPTED)

    return receive


def _read(channel: PushChannel, request: Request, body: bytes) -> list[tuple[str, str]]:
    try:
        return channel.read_notices(request.headers, body)
    except ChannelDenied as error:
        raise HTTPException(401, "the signature is wrong") from error
    except ChannelRejected as error:
        raise HTTPException(400, "the body is not a notice of orders") from error


def _bounded(message_id: str) -> str:
    return message_id if len(message_id) <= MAX_ID_CHARS else hashlib.sha256(message_id.encode()).hexdigest()


for _name, _kind in CHANNELS.items():
    if _kind.capabilities.push is Push.HTTP:
        router.post(f"/hooks/{_name}/{{shop_code}}")(_receiver(_name))
