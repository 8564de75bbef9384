"""What may be set per shop: capabilities where its platform grants it something else, and when to alarm."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from psycopg.types.json import Jsonb

from connectors import registry
from connectors.base import Capabilities, StockMode
from models.database import Connection, transaction
from models.errors import SetupError
from models.intercept import InterceptWay
from models.order import Cause
from models.remainder import ShortWay
from models.rules.retention import AFTER_SALES_DAYS, MOST_DAYS
from models.rules.returns import ExchangeShips
from models.rules.short_ships import SETTING as SHORT_SHIP
from tasks.access import log_change

ALARMS: Mapping[str, float] = {
    "not_collected_h": 24,
    "no_movement_days": 5,
    "dispatch_due_h": 6,
    "held_due_h": 12,
    "ship_back_overdue_h": 2,
    "stock_not_shown_h": 2,
    "token_alarm_days": 7,
}
"""Settings that are numbers, with what holds for a shop without one.

`not_collected_h`: after so many hours a parcel that left and has no scan is an alert. `no_movement_days`: after so many
days without a scan one that is on its way is. `dispatch_due_h`: so many hours before the promise to ship ends an order
that has not left is one; `held_due_h`: the same for an order that is held. `ship_back_overdue_h`: after so many hours
an unreported parcel is. `stock_not_shown_h`: the same for a listing that does not show what it should.
`token_alarm_days`: so many days before a token ends for good it is one.
"""

LOCKING: Mapping[str, float] = {"unpaid_lock_minutes": 30, "promise_priority": 5}
"""More of them. `unpaid_lock_minutes`: so long stock is kept for an order that is not paid. `promise_priority`: of what
comes, orders that wait under a lower number get theirs first.
"""

WAITING: Mapping[str, float] = {"handling_hours": 24}
"""More of them. `handling_hours`: what a warehouse needs to send an order off; no timed wait ends later than the
promise to ship less that.
"""

MERGING: Mapping[str, float] = {"merge_wait_minutes": 0, "merge_most_orders": 10}
"""More of them. `merge_wait_minutes`: so long an order waits for another one of its receiver; 0: not at all.
`merge_most_orders`: no more than these leave in one parcel.
"""

KEEPING: Mapping[str, float] = {"erase_after_days": AFTER_SALES_DAYS}
"""More of them. `erase_after_days`: so long after an order's end its receiver is kept, never beyond MOST_DAYS after its
goods left.
"""

NUMBERS: Mapping[str, float] = {**ALARMS, **LOCKING, **WAITING, **MERGING, **KEEPING}

SWITCHES: Mapping[str, bool] = {"merge": True}
"""Settings that are yes or no. `merge`: orders of one receiver leave in one parcel."""

CHOICES: Mapping[str, type[StrEnum]] = {
    "exchange_ships": ExchangeShips,
    SHORT_SHIP: ShortWay,
    "intercept": InterceptWay,
}
"""Settings that are one of some words.

`exchange_ships`: when the goods of an exchange leave. `short_ship`: what becomes of units that a warehouse closes a
document without; without a word of the shop a warehouse's own counts. `intercept`: whether carriers are asked at once
for the parcels of an order that is called off; without it a person decides.
"""

_USUAL: Mapping[str, float | bool | str | None] = {
    **NUMBERS,
    **SWITCHES,
    "exchange_ships": ExchangeShips.AFTER_INSPECTION.value,
    SHORT_SHIP: None,
    "intercept": None,
}

LONGEST_ALARM = 3650
"""No alarm waits longer, in hours or days: a number beyond it is a slip of the hand."""

_MOST: Mapping[str, int] = {
    "unpaid_lock_minutes": 30 * 24 * 60,
    "promise_priority": 1000,
    "handling_hours": 30 * 24,
    "merge_wait_minutes": 7 * 24 * 60,
    "merge_most_orders": 100,
    "erase_after_days": MOST_DAYS,
}
_WHOLE_FROM: Mapping[str, int] = {
    "promise_priority": 1,
    "merge_wait_minutes": 0,
    "merge_most_orders": 1,
    "erase_after_days": 0,
}


class PersonalField(StrEnum):
    """What of a receiver may come masked."""

    NAME = "name"
    PHONE = "phone"
    ADDRESS = "address"


_HINTS = get_type_hints(Capabilities)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)")
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}
_MAY_BE_ZERO = frozenset({"reships", "lag", "overlap"})


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting of a shop as text: what holds, and what holds for shops of its channel that set nothing."""

    name: str
    value: str
    usual: str

    @property
    def is_own(self) -> bool:
        """Whether the shop differs."""
        return self.value != self.usual


def _kinds(capability: str) -> tuple[Any, ...]:
    hint = _HINTS[capability]
    return get_args(hint) if type(None) in get_args(hint) else (hint,)


def setting_name(capability: str) -> str:
    """The name under which a capability is set: with its unit where it is a time (`lag` is set as `lag_s`)."""
    return f"{capability}_s" if timedelta in _kinds(capability) else capability


# whether a shop can be read at all, and whether it lists what it offers, is in the nature of its channel
CAPABILITY_NAMES: Mapping[str, str] = {
    setting_name(field.name): field.name
    for field in fields(Capabilities)
    if field.name not in ("pulls", "lists_products")
}
"""The capability that each setting replaces."""


def capabilities_of(shop_code: str, channel: str, stored: Mapping[str, Any]) -> Capabilities:
    """What a shop can do: its channel's capabilities with the shop's own values (`settings["capabilities"]`).

    Raises SetupError naming the shop and the setting that cannot be used.
    """
    usual = registry.CHANNELS[channel].capabilities
    return replace(usual, **{_capability(shop_code, name): _read(shop_code, name, raw) for name, raw in stored.items()})


def settings_of(code: str) -> list[SettingRow]:
    """A shop's settings; raises SetupError when there is no shop of this code."""
    with transaction() as conn:
        return _rows(code, *_stored_settings(conn, code))


def _stored_settings(conn: Connection, code: str, lock: str = "") -> tuple[str, dict[str, Any]]:
    """The channel of a shop and what is set for it."""
    found = conn.execute(f"select channel, settings from shop where code = %s {lock}".encode(), (code,)).fetchone()
    if found is None:
        raise SetupError(f"shop {code}: is not in the pool; `orderpool shop list` shows those that are")
    return found[0], found[1]


def set_shop(code: str, wishes: Mapping[str, str], why: Cause | None = None) -> list[SettingRow]:
    """Change a shop's settings and return them all; an empty text goes back to the usual value.

    With a cause, what differs is noted. Raises SetupError when the shop, a name or a value is not known; then nothing
    is changed.
    """
    with transaction() as conn:
        # not `for update`: rows that name the shop may be written meanwhile
        channel, stored = _stored_settings(conn, code, "for no key update")
        before = _rows(code, channel, stored)
        own = dict(stored.get("capabilities") or {})
        for name, text in wishes.items():
            _change(code, stored if name in _USUAL else own, name, text.strip())
        capabilities_of(code, channel, own)
        changed = {key: value for key, value in stored.items() if key != "capabilities"}
        changed |= {"capabilities": own} if own else {}
        conn.execute("update shop set settings = %s where code = %s", (Jsonb(changed), code))
        after = _rows(code, channel, changed)
        if why is not None:
            log_change(conn, "shop", code, _values(before), _values(after), why)
    return after


def _values(rows: list[SettingRow]) -> dict[str, str]:
    return {row.name: row.value for row in rows}


def number_of(stored: Mapping[str, Any], name: str) -> float:
    """One of NUMBERS for a shop with these stored settings."""
    return float(stored.get(name, NUMBERS[name]))


def is_on(stored: Mapping[str, Any], name: str) -> bool:
    """One of SWITCHES for a shop with these stored settings."""
    return bool(stored.get(name, SWITCHES[name]))


def choice_of(stored: Mapping[str, Any], name: str) -> str:
    """One of CHOICES that has a usual word, for a shop with these stored settings."""
    return str(stored.get(name, _USUAL[name]))


def handling_of(stored: Mapping[str, Any]) -> timedelta:
    """What a warehouse needs to send off an order of a shop with these stored settings."""
    return timedelta(hours=number_of(stored, "handling_hours"))


def _change(code: str, place: dict[str, Any], name: str, text: str) -> None:
    if name not in _USUAL:
        _capability(code, name)
    if not text:
        place.pop(name, None)
    elif name in SWITCHES:
        place[name] = _read_switch(code, name, text)
    elif name in NUMBERS:
        place[name] = _read_number(code, name, text)
    elif name in CHOICES:
        place[name] = read_choice(f"shop {code}: setting {name}", CHOICES[name], text)
    else:
        place[name] = _stored(_read(code, name, text))


def _read_switch(code: str, name: str, text: str) -> bool:
    value = _YES_NO.get(text)
    if value is None:
        raise SetupError(f"shop {code}: setting {name}: want yes or no, not {text!r}")
    return value


def read_choice(what: str, kind: type[StrEnum], text: str) -> str:
    """One of some words; raises SetupError naming what it is for and those that there are."""
    value = _word(kind, text)
    if value is None:
        raise SetupError(f"{what}: want one of {', '.join(kind)}, not {text!r}")
    return value.value


def _read_number(code: str, name: str, text: str) -> float:
    most = _MOST.get(name, LONGEST_ALARM)
    least = _WHOLE_FROM.get(name)
    value = _number(text) if least is None else _whole(text, least)
    if value is None or value > most:
        wish = "a number above 0" if least is None else f"a whole number from {least}"
        raise SetupError(f"shop {code}: setting {name}: want {wish}, at most {most}, not {text!r}")
    return value


def _rows(code: str, channel: str, stored: Mapping[str, Any]) -> list[SettingRow]:
    usual = registry.CHANNELS[channel].capabilities
    own = capabilities_of(code, channel, stored.get("capabilities") or {})
    rows = [
        SettingRow(name, as_text(getattr(own, capability)), as_text(getattr(usual, capability)))
        for name, capability in CAPABILITY_NAMES.items()
    ]
    return rows + [SettingRow(name, as_text(stored.get(name, value)), as_text(value)) for name, value in _USUAL.items()]


def as_text(value: Any) -> str:
    """A capability or setting as people write it: `90d`, `none`, `name,phone`."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case timedelta():
            seconds = value.total_seconds()
            unit = next((unit for unit in "dhm" if seconds and seconds % _UNITS[unit] == 0), "s")
            return f"{seconds / _UNITS[unit]:g}{unit}"
        case frozenset():
            return ",".join(sorted(str(item) for item in value)) or "none"
        case float() | int():
            return f"{value:g}" if value < 1e6 else f"{value:.0f}"
    return str(value)


def _stored(value: Any) -> Any:
    """A value as JSON keeps it: times in seconds, several words as a list."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return sorted(value) if isinstance(value, frozenset) else value


def _capability(code: str, name: str) -> str:
    if name not in CAPABILITY_NAMES:
        known = ", ".join(sorted((*CAPABILITY_NAMES, *_USUAL)))
        raise SetupError(f"shop {code}: there is no setting {name}; there are {known}")
    return CAPABILITY_NAMES[name]


def _read(code: str, name: str, raw: Any) -> Any:
    text = as_text(frozenset(raw) if isinstance(raw, list) else raw)
    capability = CAPABILITY_NAMES[name]
    kind, *none = _kinds(capability)
    if none and text == "none":
        return None
    value, wish = _reading(kind, text, 0 if capability in _MAY_BE_ZERO else 1)
    if value is None:
        raise SetupError(f"shop {code}: setting {name}: want {wish}{' or none' if none else ''}, not {text!r}")
    return value


def _reading(kind: Any, text: str, least: int) -> tuple[Any, str]:
    """The value that a text means (None: it means none), and what would."""
    if kind is bool:
        return _YES_NO.get(text), "yes or no"
    if kind is int:
        return _whole(text, least), f"a whole number from {least}"
    if kind is float:
        return _number(text), "a number above 0"
    if kind is timedelta:
        return _time(text, least), f"a time from {least} s, such as 90s, 30m, 2h or 90d"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _word(kind, text), f"one of {', '.join(kind)}"
    known = StockMode if get_args(kind) == (StockMode,) else PersonalField
    return _words(known, text), f"some of {', '.join(known)}, with commas between"


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found > 0 else None


def _whole(text: str, least: int) -> int | None:
    is_one = text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if is_one and int(text) >= least else None


def _time(text: str, least: int) -> timedelta | None:
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
    return timedelta(seconds=seconds) if least <= seconds < 1e9 else None


def _word(kind: type[StrEnum], text: str) -> StrEnum | None:
    return next((member for member in kind if member.value == text), None)


def _words(kind: type[StrEnum], text: str) -> frozenset[StrEnum] | None:
    found = [_word(kind, part.strip()) for part in text.split(",")] if text != "none" else []
    return None if None in found else frozenset(member for member in found if member is not None)
