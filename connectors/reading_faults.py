"""What is wrong with an order that a mapping could not read."""

from dataclasses import dataclass
from typing import Any

from models.errors import OrderError


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that could not be read: ours, the payload's path, why, and the value fit to be shown.

    Of a personal value only type and length are shown.
    """

    field: str
    path: str
    why: str
    shown: str

    def __str__(self) -> str:
        value = f" = {self.shown}" if self.shown else ""
        return f"{self.field}: {self.path}{value} {self.why}"


class MappingError(OrderError):
    """An order that does not fit its mapping, with every fault found in it."""

    def __init__(self, order: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"order {order}: " + "; ".join(str(fault) for fault in faults))
        self.order = order
        self.faults = faults


def shown(value: Any, personal: bool) -> str:
    """A value for an error text, "" for none: short, and of a personal one nothing but type and length."""
    if value is None:
        return ""
    if personal or not isinstance(value, str | int | float | bool):
        length = f" of {len(value)}" if isinstance(value, str | list | dict) else ""
        return f"<{type(value).__name__}{length}>"
    written = repr(value)
    return written if len(written) <= 80 else written[:77] + "..."
