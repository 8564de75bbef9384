"""What Kuaidi100 pushes about parcels: verified, stored, answered; `track_parcels` reads it later."""

import hashlib
import json
from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Response

from connectors.carriers.kuaidi100 import ACCEPTED, BAD_SIGNATURE, push_is_signed
from models.database import transaction
from models.sealing import unseal
from tasks.counterparts import KUAIDI100
from tasks.inbox import keep
from web.requests import Body, Code

router = APIRouter()

SOURCE = f"carrier:{KUAIDI100}"


@router.post("/hooks/kuaidi100/{callback_token}")
def receive(callback_token: Code, body: Body) -> Response:
    """Store one signed push of a parcel, as JSON of its form; `message_id` starts with the parcel's token.

    The vendor repeats whatever is not answered with ACCEPTED, so a parcel we no longer know is accepted too.
    """
    form = _form(body)
    with transaction() as conn:
        found = conn.execute("select salt_enc from parcel where callback_token = %s", (callback_token,)).fetchone()
        if found is not None and not push_is_signed(form, unseal(found[0])):
            return Response(BAD_SIGNATURE, media_type="application/json")
        if found is not None:
            digest = hashlib.sha256(form["param"].encode()).hexdigest()[:32]
            keep(conn, SOURCE, f"{callback_token}:{digest}", json.dumps(form, ensure_ascii=False))
    return Response(ACCEPTED, media_type="application/json")


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError as error:
        raise HTTPException(400, "the body is not a form") from error
    return {"sign": fields.get("sign", ""), "param": fields.get("param", "")}
