"""Promo profiles: what changes while a promo is in force, as data that is read strictly."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import SetupError


class Pausable(StrEnum):
    """Flows whose scheduled runs may do nothing during a promo; what they put off they do after it."""

    AUDIT_INGEST = "audit_ingest"
    AUDIT_TRACKING = "audit_tracking"
    LEARN_PRICES = "learn_prices"
    LEARN_LANES = "learn_lanes"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PromoSettings(_Part):
    """What is otherwise during a promo.

    Every active shop is read every `poll_seconds`, `shops_at_once` at a time, in batches of `batch_size` orders; the
    work pool runs `runs_at_once` flows; `senders` messages go to one counterpart at a time; scheduled runs of `pause`
    do nothing. `meter_release`: a warehouse gets no more documents than it has room for, which is its
    `in_progress_limit`, else `in_progress_share` of its daily limit; with neither it is not metered.
    """

    poll_seconds: int = Field(ge=5, le=900)
    batch_size: int = Field(ge=1, le=5000)
    shops_at_once: int = Field(ge=1, le=64)
    runs_at_once: int = Field(ge=1, le=200)
    senders: int = Field(ge=1, le=64)
    pause: tuple[Pausable, ...] = ()
    meter_release: bool
    in_progress_share: float | None = Field(default=None, gt=0, le=10)

    def to_json(self) -> dict[str, Any]:
        """Every setting, as it is stored and shown."""
        return self.model_dump(mode="json")


class _Profiles(_Part):
    profiles: dict[str, PromoSettings] = Field(min_length=1)


def parse_profiles(body: Any, source: str) -> dict[str, PromoSettings]:
    """The profiles by name in a document that was read from `source`.

    Raises SetupError with every fault: where it is, and what is wanted there.
    """
    if not isinstance(body, Mapping):
        raise SetupError(f"promo profiles {source}: want settings per name under `profiles:`")
    try:
        # as JSON, lists may be tuples and words may be enums while a text is still no number
        return _Profiles.model_validate_json(json.dumps(dict(body), default=str)).profiles
    except ValidationError as error:
        raise SetupError(f"promo profiles {source}: {_faults(error)}") from None


def stored_settings(body: Any, source: str) -> PromoSettings:
    """The settings that a promo began with; raises SetupError when they are not such."""
    try:
        return PromoSettings.model_validate_json(json.dumps(body))
    except ValidationError as error:
        raise SetupError(f"promo {source}: {_faults(error)}") from None


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{_place(fault['loc'])}{_wish(fault)}" for fault in error.errors())


def _place(loc: tuple[int | str, ...]) -> str:
    words = [str(part) for part in loc if part != "profiles"]
    return f"{', '.join(words)}: " if words else ""


def _wish(fault: Any) -> str:
    given = fault.get("input")
    shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
    match fault["type"]:
        case "extra_forbidden":
            return f"is not a setting; the settings are {', '.join(PromoSettings.model_fields)}"
        case "missing" | "too_short":
            return "is missing, or there is none in it"
        case _:
            return f"{fault['msg'][0].lower()}{fault['msg'][1:]}{shown}"
