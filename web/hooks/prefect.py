"""What our own automations in Prefect tell: a run in trouble, or that no orders were fetched for a while."""

import hmac
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, HTTPException, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.alert import AlertRule
from models.database import transaction
from models.settings import clock
from tasks.alerts import raise_alerts
from tasks.run_alerts import hook_token, note, silent_shops, trouble_of
from web.requests import Bearer, Body

router = APIRouter()

Name = Annotated[str, Field(max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunTold(_Strict):
    """A run as it is now; `shop` is the one it works for, "" where it works for none."""

    kind: Literal["run"]
    run_id: UUID
    flow: Name
    deployment: Name
    shop: Name
    state_type: Name
    state_name: Name
    message: Annotated[str, Field(max_length=2000)]
    at: AwareDatetime


class SilenceTold(_Strict):
    """No run that fetches orders completed lately."""

    kind: Literal["silence"]


_TOLD: TypeAdapter[RunTold | SilenceTold] = TypeAdapter(Annotated[RunTold | SilenceTold, Field(discriminator="kind")])


@router.post("/hooks/prefect", status_code=204)
def receive(token: Bearer, body: Body) -> Response:
    """Turn what Prefect tells into alerts; told twice it changes nothing."""
    if not hmac.compare_digest(token.encode(), hook_token().encode()):
        raise HTTPException(401, "the token is not ours", {"WWW-Authenticate": "Bearer"})
    try:
        told = _TOLD.validate_json(body)
    except ValidationError as error:
        places = {".".join(str(part) for part in found["loc"]) or "body" for found in error.errors()}
        raise HTTPException(422, f"not usable: {', '.join(sorted(places))}") from error
    _take(told, clock().now())
    return Response(status_code=204)


def _take(told: RunTold | SilenceTold, now: datetime) -> None:
    if isinstance(told, SilenceTold):
        with transaction() as conn:
            raise_alerts(conn, AlertRule.INGEST_SILENT, silent_shops, now)
        return
    trouble = trouble_of(
        flow=told.flow,
        deployment=told.deployment,
        shop=told.shop,
        run_id=str(told.run_id),
        state_type=told.state_type,
        state_name=told.state_name,
        message=told.message,
        at=told.at,
    )
    if trouble is not None:
        with transaction() as conn:
            note(conn, trouble, now)
