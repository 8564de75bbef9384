"""Limits: how long a thing may stay in a state before a person should look, as data, with the reason of each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from models.errors import SetupError

_TIME = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST: Final = timedelta(days=3650)
MOST_SINGLE: Final = 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a state may last, and why so long."""

    after: timedelta
    why: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits by kind of thing and its state; `watched` is how old a thing may be that is looked at, `groups` from how
    many single alerts on there is one about all of them."""

    watched: timedelta
    groups: Mapping[str, int]
    limits: Mapping[str, Mapping[str, Limit]]

    def of(self, kind: str) -> dict[str, timedelta]:
        """The limits of a kind by state."""
        return {state: limit.after for state, limit in self.limits[kind].items()}


def parse_limits(body: Any, source: str) -> Limits:
    """The limits in a document that was read from `source`, scalars as text.

    Raises SetupError with every fault: where it is, and what is wanted there.
    """
    return _read(body, source, None)


def with_own(usual: Limits, body: Any, source: str) -> Limits:
    """The usual limits with an installation's own in their place; it names only those that differ.

    Raises SetupError with every fault: a kind or state that there is none of is one.
    """
    return _read(body, source, usual)


def _read(body: Any, source: str, usual: Limits | None) -> Limits:
    faults: list[str] = []
    if not isinstance(body, Mapping):
        raise SetupError(f"limits {source}: want `watched:`, `groups:` and `limits:`")
    found = usual or Limits(timedelta(0), {}, {})
    for name, value in body.items():
        match name:
            case "watched":
                found = replace(found, watched=_time(value, name, faults) or found.watched)
            case "groups":
                found = replace(found, groups={**found.groups, **dict(_groups(value, usual, faults))})
            case "limits":
                found = replace(found, limits={**found.limits, **dict(_kinds(value, usual, faults))})
            case _:
                faults.append(f"{name}: there is no such word; there are watched, groups and limits")
    if faults:
        raise SetupError(f"limits {source}: " + "; ".join(faults))
    return found


def _groups(value: Any, usual: Limits | None, faults: list[str]) -> Iterator[tuple[str, int]]:
    for name, text in _items(value, "groups", faults):
        if usual is not None and name not in usual.groups:
            faults.append(f"groups {name}: there is none; there are {', '.join(usual.groups)}")
        elif not str(text).isascii() or not str(text).isdigit() or not 1 <= int(text) <= MOST_SINGLE:
            faults.append(f"groups {name}: want a whole number from 1 to {MOST_SINGLE}, not {text!r}")
        else:
            yield name, int(text)


def _kinds(value: Any, usual: Limits | None, faults: list[str]) -> Iterator[tuple[str, dict[str, Limit]]]:
    for kind, states in _items(value, "limits", faults):
        known = usual.limits.get(kind) if usual is not None else None
        if usual is not None and known is None:
            faults.append(f"limits {kind}: there is none; there are {', '.join(usual.limits)}")
            continue
        limits = dict(known or {})
        for state, given in _items(states, kind, faults):
            if known is not None and state not in known:
                faults.append(f"{kind} {state}: there is none; there are {', '.join(known)}")
            elif limit := _limit(given, f"{kind} {state}", faults):
                limits[state] = limit
        yield kind, limits


def _limit(given: Any, what: str, faults: list[str]) -> Limit | None:
    if not isinstance(given, Mapping) or set(given) != {"after", "why"}:
        faults.append(f"{what}: want `after` and `why`")
        return None
    after = _time(given["after"], what, faults)
    why = str(given["why"]).strip()
    if not why:
        faults.append(f"{what}: `why` is empty")
    return Limit(after, why) if after and why else None


def _items(value: Any, what: str, faults: list[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    else:
        faults.append(f"{what}: want names with what holds for each")


def _time(value: Any, what: str, faults: list[str]) -> timedelta | None:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    time = timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else timedelta(0)
    if not timedelta(0) < time <= LONGEST:
        faults.append(f"{what}: want a time such as 35m, 6h or 3d, at most {LONGEST.days}d, not {value!r}")
        return None
    return time
