"""How a seller wants orders routed: settings with a version, the shipped ones being version 0."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from models.errors import SetupError


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """How a seller wants orders routed; `version` is stored with every decision.

    `split`: an order may leave from several warehouses, `max_parcels` at most, each part worth `least_part_fen`.
    `anywhere`: warehouses whose areas do not cover the receiver may serve it too, after those whose areas do.
    `areas_first`: of plans with equally many parcels that keep the promise alike, the areas decide before the cost;
    false: the cost decides, and areas only between equals. `horizon_days`: how many days after today it may leave.
    A lane without a price costs `fen_per_km` and `fen_per_kg` (every kilogram begun) and takes a day for every
    `km_per_day` begun; so does a transfer, plus `transfer_fen`. Up to `exact_up_to` warehouses every set of them is
    looked at. Without stock or carrier an order is tried again after `retry_minutes`.
    """

    version: int = 0
    split: bool = True
    least_part_fen: int = 0
    max_parcels: int = 3
    anywhere: bool = True
    areas_first: bool = True
    horizon_days: int = 3
    fen_per_km: float = 0.5
    fen_per_kg: int = 200
    km_per_day: int = 600
    transfer_fen: int = 0
    exact_up_to: int = 10
    retry_minutes: int = 1440

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}; it has to be from {least} to {most}"
            for name, (least, most) in _RANGES.items()
            if not least <= getattr(self, name) <= most  # so that what is no number is refused too
        ]
        if faults:
            raise SetupError(f"routing rules: {'; '.join(faults)}")

    def to_json(self) -> dict[str, Any]:
        """Every setting but the version."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "version"}


_RANGES = {
    "least_part_fen": (0, 100_000_000),
    "max_parcels": (1, 50),
    "horizon_days": (0, 60),
    "fen_per_km": (0, 100_000),
    "fen_per_kg": (0, 1_000_000),
    "km_per_day": (1, 100_000),
    "transfer_fen": (0, 100_000_000),
    "exact_up_to": (1, 12),
    "retry_minutes": (1, 43_200),
}


def rules_from(settings: Mapping[str, Any], version: int) -> RoutingRules:
    """The rules that stored settings say, the defaults for what they leave out.

    Raises SetupError that names every unknown name and every value of the wrong kind.
    """
    defaults = RoutingRules()
    known = defaults.to_json()
    faults = [f"{name} is not a setting" for name in settings if name not in known]
    faults += [
        f"{name} is {value!r}; it has to be {_kind(known[name])}"
        for name, value in settings.items()
        if name in known and not _is_like(value, known[name])
    ]
    if faults:
        raise SetupError(f"routing rules: {'; '.join(faults)}; the settings are {', '.join(known)}")
    return replace(defaults, version=version, **settings)


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))


def _kind(default: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
