"""The filter of the list of orders as its form and its address have it: read, refused in words, and written again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from models.database import Connection
from models.hold import HoldCode
from models.order import Stage
from models.rules.division_names import code_beginning, divisions_named, full_name, is_code
from models.rules.order_status import Status
from models.settings import SHANGHAI
from models.shipment import DocumentState
from tasks.order_wish import Key, Wish
from web.console.words import _

FIELDS = ("q", "status", "hold", "shop", "since", "until", "region", "sku", "overdue", "batch", "stage", "document")
"""The fields of the form, which are the parameters of the address; `before` comes with the next page."""

MOST_CHARS = 100
_KEY = re.compile(r"(-?\d{1,17})-(\d{1,18})")
_LARGEST = 2**63 - 1


@dataclass(slots=True)
class Filter:
    """A filter as it was asked for: its fields as text, what it means, and what of it means nothing."""

    fields: dict[str, str]
    wish: Wish = field(default_factory=Wish)
    problems: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether all orders are meant."""
        return not any(self.fields.values())

    @property
    def query(self) -> str:
        """The fields as the query of an address."""
        return urlencode({name: value for name, value in self.fields.items() if value})


def read_filter(conn: Connection, asked: Mapping[str, str]) -> Filter:
    """The filter of an address's parameters; what means nothing is left out and said."""
    found = Filter({name: asked.get(name, "").strip()[:MOST_CHARS].replace("\x00", "") for name in FIELDS})
    given = found.fields
    wishes: dict[str, Any] = {"sku": given["sku"], "search": given["q"], "overdue": bool(given["overdue"])}
    for name, kind in (("status", Status), ("hold", HoldCode), ("stage", Stage), ("document", DocumentState)):
        wishes[name] = _one_of(found, name, kind)
    wishes["shop_id"] = _shop(conn, found)
    wishes["since"], wishes["until"] = _day(found, "since"), _day(found, "until", days=1)
    wishes["division"] = _division(found)
    wishes["batch_id"] = _number(found, "batch")
    found.wish = replace(Wish(before=read_key(asked.get("before", ""))), **wishes)
    return found


def _one_of(found: Filter, name: str, kind: Any) -> Any:
    text = found.fields[name]
    try:
        return kind(text) if text else None
    except ValueError:
        found.problems.append(_("%(value)s is no %(field)s here.", value=text, field=name))
        return None


def _shop(conn: Connection, found: Filter) -> int | None:
    code = found.fields["shop"]
    if not code:
        return None
    row = conn.execute("select id from shop where code = %s", (code,)).fetchone()
    if row is None:
        found.problems.append(_("There is no shop %(code)s.", code=code))
    return row[0] if row else None


def _day(found: Filter, name: str, days: int = 0) -> datetime | None:
    text = found.fields[name]
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=SHANGHAI)
        return (day + timedelta(days=days)).astimezone(UTC)
    except (ValueError, OverflowError):
        found.problems.append(_("%(value)s is no day; write it like 2026-11-11.", value=text))
        return None


def _division(found: Filter) -> str:
    text = found.fields["region"]
    if not text or is_code(text):
        return code_beginning(text) if len(text) == 6 else text
    named = divisions_named(text)
    if len(named) == 1:
        return code_beginning(named[0].code)
    if named:
        several = ", ".join(full_name(each.code) for each in named[:5])
        found.problems.append(_("%(name)s may be %(several)s; write which.", name=text, several=several))
    else:
        found.problems.append(_("No region is called %(name)s.", name=text))
    return ""


def _number(found: Filter, name: str) -> int | None:
    text = found.fields[name]
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST):
        found.problems.append(_("%(value)s is no number of a batch.", value=text))
        return None
    return int(text)


def read_key(text: str) -> Key | None:
    """Where a page of the list begins, as an address has it; None for the first page."""
    match = _KEY.fullmatch(text)
    if not match or int(match[2]) > _LARGEST:
        return None
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(match[1])), int(match[2])
    except OverflowError:
        return None


def write_key(key: Key | None) -> str | None:
    """Where the next page begins, for an address."""
    if key is None:
        return None
    return f"{(key[0] - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)}-{key[1]}"
