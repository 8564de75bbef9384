"""Notices of own web shops: a signed notice only says that an order changed, its state is read again from the shop."""

import hashlib
import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from connectors.channels.woocommerce import WooCommerceChannel
from models.database import Connection, transaction
from models.errors import ChannelDenied, ChannelRejected
from tasks.counterparts import open_channel
from web.hooks.incoming import keep
from web.requests import MAX_ID_CHARS, Body, Code

router = APIRouter()


@router.post("/hooks/woocommerce/{shop_code}")
def receive(shop_code: Code, request: Request, body: Body) -> dict[str, str]:
    """Store one signed order notice of a WooCommerce shop; its first, unsigned ping is only answered."""
    with transaction() as conn:
        order = _read(conn, shop_code, request, body)
        if order is None:
            return {"result": "pong"}
        topic = request.headers.get("x-wc-webhook-topic", "")
        if not topic.startswith("order."):
            return {"result": "ignored"}
        # the buyer's data in the body is not needed to read the order again, so it is not kept
        notice = json.dumps({"topic": topic, "order_id": str(order.get("id", ""))})
        keep(conn, f"shop:{shop_code}", _message_id(request, body), notice)
    return {"result": "stored"}


def _read(conn: Connection, shop_code: str, request: Request, body: bytes) -> dict[str, Any] | None:
    known = conn.execute("select 1 from shop where code = %s and channel = 'woocommerce' and active", (shop_code,))
    if known.fetchone() is None:
        raise HTTPException(404, "not found")
    channel = open_channel(conn, shop_code)
    assert isinstance(channel, WooCommerceChannel)
    try:
        return channel.read_webhook(request.headers, body)
    except ChannelDenied as error:
        raise HTTPException(401, "the signature is wrong") from error
    except ChannelRejected as error:
        raise HTTPException(400, "the body is not an order") from error


def _message_id(request: Request, body: bytes) -> str:
    delivery = request.headers.get("x-wc-webhook-delivery-id", "")
    return delivery if 0 < len(delivery) <= MAX_ID_CHARS else hashlib.sha256(body).hexdigest()
