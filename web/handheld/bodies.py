"""What a handheld may send, bounded before anything looks at it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tasks.floor_scan import ScanIn
from web.requests import Body

MOST_SCANS = 200
_CODE_CHARS = 100
_NO_CHARS = 32
_MOST_UNITS = 10_000
_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)  # before that there was nothing to scan

_PLAIN = r"^[^\x00-\x1f\x7f]*$"
_Text = Annotated[str, StringConstraints(max_length=_CODE_CHARS, pattern=_PLAIN)]
_No = Annotated[str, StringConstraints(max_length=_NO_CHARS, pattern=r"^[A-Za-z0-9_-]*$")]


class _Bounded(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignInBody(_Bounded):
    """What a badge's barcode says."""

    badge: _Text


class ScanBody(_Bounded):
    """One scan, with the handheld's id and time of it."""

    id: UUID
    at: Annotated[AwareDatetime, Field(ge=_FIRST_DAY)]
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}$")]
    code: _Text
    wave: _No = ""
    document: _No = ""
    sku: _Text = ""
    quantity: Annotated[int, Field(ge=1, le=_MOST_UNITS)] = 1
    more: bool = False

    def scan(self, applied_at: datetime) -> ScanIn:
        """The scan as it is applied now; a handheld's clock that is ahead does not count."""
        given = self.model_dump()
        return ScanIn(**given | {"at": min(self.at.astimezone(UTC), applied_at)}, applied_at=applied_at)


class ScansBody(_Bounded):
    """Scans, oldest first, and whose they are in the handheld's opinion."""

    picker: _Text = ""
    warehouse: _Text = ""
    scans: Annotated[list[ScanBody], Field(min_length=1, max_length=MOST_SCANS)]


class NothingBody(_Bounded):
    """A request that says everything by its address."""


_Model = TypeVar("_Model", bound=_Bounded)


def _read(model: type[_Model]) -> Callable[[bytes], _Model]:
    def read(body: Body) -> _Model:
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            places = sorted({".".join(map(str, found["loc"])) or "body" for found in error.errors()})
            raise HTTPException(422, f"not usable: {', '.join(places[:5])}") from error

    return read


SignInRead = Annotated[SignInBody, Depends(_read(SignInBody))]
ScansRead = Annotated[ScansBody, Depends(_read(ScansBody))]
NothingRead = Annotated[NothingBody, Depends(_read(NothingBody))]


def sends(model: type[BaseModel]) -> dict[str, Any]:
    """What a route's description says of its body, for `openapi_extra`."""
    # FastAPI refers to definitions of its own; ours go in whole
    schema = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.pop("$defs", {})
    for name, part in schema.get("properties", {}).items():
        if part.get("items", {}).get("$ref"):
            schema["properties"][name] = part | {"items": definitions[part["items"]["$ref"].rpartition("/")[2]]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
