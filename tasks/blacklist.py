"""The blacklist: phones, addresses and buyers whose orders a person looks at first. Only keyed digests are stored."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from connectors.converters import BadValue
from models.database import Connection, in_transaction, one, transaction
from models.errors import SetupError
from models.masking import brief, mask_phone
from models.order import Cause
from models.review import BlacklistKind
from models.rules.address import resolve_text
from models.rules.receiver_text import plain_address
from models.rules.reviewed import Listed
from models.sealing import keyed_digest, phone_digits, phone_hash
from tasks.catalog import Imported
from tasks.review_receivers import address_digest
from tasks.sheets import Column, Sheet, as_text, read_sheet

PAGE: Final = 200
"""Entries that `list_entries` gives at once."""

_BUYER = "buyer"
_KIND_WORDS: Final = {
    "phone": BlacklistKind.PHONE,
    "电话": BlacklistKind.PHONE,
    "手机": BlacklistKind.PHONE,
    "address": BlacklistKind.ADDRESS,
    "地址": BlacklistKind.ADDRESS,
    "buyer": BlacklistKind.BUYER,
    "买家": BlacklistKind.BUYER,
}
_STREET_AT_FRONT = re.compile("[\u3400-\u9fff]{2,6}?(?:路|街|大道|巷|弄|村|小区|花园|广场)")


@dataclass(frozen=True, slots=True)
class Person:
    """Who is named: by what, by which digest, and the mask that people recognise."""

    kind: BlacklistKind
    digest: bytes
    shown: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as people see it; `ended_at` is None while it counts."""

    id: int
    kind: BlacklistKind
    shown: str
    reason: str
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of who ordered: the shop and its buyer key, and digests of phone and address."""

    order_id: int
    shop: str
    buyer_key: str
    phone_hash: bytes | None
    address_hash: bytes | None


def person_of(kind: BlacklistKind, value: str, shop: str = "") -> Person:
    """Whom a value names, for all shops, or a buyer for one.

    Raises SetupError when it names nobody: a mask, no phone, an address without a street or in no division we know, a
    buyer without a shop. The value is not repeated.
    """
    text = value.strip()
    match kind:
        case BlacklistKind.PHONE:
            digest, shown = phone_hash(text), mask_phone(phone_digits(text))
            if digest is None:
                raise SetupError("blacklist: the phone cannot be listed; it is masked, or no phone")
        case BlacklistKind.ADDRESS:
            digest, shown = _address(text)
        case BlacklistKind.BUYER:
            if not text or not shop:
                raise SetupError("blacklist: a buyer is listed by the platform's buyer id and the shop; one is missing")
            digest, shown = buyer_digest(shop, text), f"{shop} {_mask_key(text)}"
    return Person(kind, digest, shown)


def _address(text: str) -> tuple[bytes, str]:
    where = resolve_text(text)
    if where is None:
        raise SetupError("blacklist: the address cannot be listed; it names no division we know, or more than one")
    plain = plain_address(where.code, text)
    digest = address_digest(where.code, plain)
    if digest is None or not any(char.isdigit() for char in plain):
        raise SetupError("blacklist: the address cannot be listed; it is masked, or lacks the street and number")
    names = dict.fromkeys(name for name in (where.province, where.city, where.district) if name)
    street = _STREET_AT_FRONT.match(plain)
    return digest, f"{''.join(names)}{street[0] if street else ''}***"


def buyer_digest(shop: str, buyer_key: str) -> bytes:
    """The digest of a buyer: platforms number buyers each for themselves, so the shop is in it."""
    return keyed_digest(_BUYER, f"{shop}\n{buyer_key}")


def _mask_key(key: str) -> str:
    return f"{key[:2]}***{key[-2:]}" if len(key) > 6 else f"{key[:1]}***"


def add_entry(person: Person, reason: str, why: Cause) -> tuple[int, bool]:
    """Put somebody on the blacklist; the entry's id, and whether it is new.

    Orders reviewed from then on are held. Somebody who is on it already stays under the first reason. Raises SetupError
    without a reason.
    """
    return in_transaction(lambda conn: _add(conn, person, _said(reason), why))


def _said(reason: str) -> str:
    kept = brief(reason)
    if not kept:
        raise SetupError("blacklist: nobody is listed without a reason; say why")
    return kept


def _add(conn: Connection, person: Person, reason: str, why: Cause) -> tuple[int, bool]:
    row = conn.execute(
        """insert into blacklist (kind, digest, shown, reason, made_at, made_by) values (%s, %s, %s, %s, %s, %s)
           on conflict (kind, digest) where ended_at is null do nothing returning id""",
        (person.kind.value, person.digest, person.shown, reason, why.at, why.actor),
    ).fetchone()
    if row:
        return int(row[0]), True
    known = conn.execute(
        "select id from blacklist where kind = %s and digest = %s and ended_at is null",
        (person.kind.value, person.digest),
    )
    return int(one(known.fetchone())), False


def add_buyer_of(shop: str, buyer_key: str, reason: str, why: Cause) -> tuple[int, bool]:
    """Put a buyer of a shop on the blacklist. Raises SetupError when there is no such shop."""
    with transaction() as conn:
        if conn.execute("select 1 from shop where code = %s", (shop,)).fetchone() is None:
            raise SetupError(f"blacklist: the buyer cannot be listed; there is no shop {shop}")
    return add_entry(person_of(BlacklistKind.BUYER, buyer_key, shop), reason, why)


def end_entry(entry_id: int, why: Cause) -> bool:
    """Take an entry off the blacklist; orders that it holds wait for a person still. False when it had ended before.

    Raises SetupError when there is none.
    """
    with transaction() as conn:
        row = conn.execute("select ended_at from blacklist where id = %s for update", (entry_id,)).fetchone()
        if row is None:
            raise SetupError(f"blacklist entry {entry_id}: cannot be ended; there is no such entry")
        conn.execute(
            "update blacklist set ended_at = %s, ended_by = %s where id = %s and ended_at is null",
            (why.at, why.actor, entry_id),
        )
        return row[0] is None


def list_entries(*, ended: bool = False, before: int | None = None, contains: str = "") -> list[Entry]:
    """The newest PAGE entries, or those before an id; `contains` looks into mask and reason. `ended`: those as well."""
    with transaction() as conn:
        rows = conn.execute(
            """select id, kind, shown, reason, made_at, made_by, ended_at, ended_by from blacklist
               where (%(ended)s or ended_at is null) and id < coalesce(%(before)s, 9223372036854775807)
                 and position(lower(%(contains)s) in lower(shown || ' ' || reason)) > 0
               order by id desc limit %(page)s""",
            {"ended": ended, "before": before, "contains": contains.strip(), "page": PAGE},
        ).fetchall()
    return [_entry(row) for row in rows]


def find_entries(person: Person) -> list[Entry]:
    """Every entry, ended ones as well, that was made for this phone, address or buyer; the newest first."""
    with transaction() as conn:
        rows = conn.execute(
            """select id, kind, shown, reason, made_at, made_by, ended_at, ended_by from blacklist
               where kind = %s and digest = %s order by id desc""",
            (person.kind.value, person.digest),
        ).fetchall()
    return [_entry(row) for row in rows]


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(row[0], BlacklistKind(row[1]), *row[2:])


def _as_kind(written: str) -> BlacklistKind:
    kind = _KIND_WORDS.get(written.casefold())
    if kind is None:
        raise BadValue("is neither phone, address nor buyer")
    return kind


COLUMNS = (
    Column("kind", ("类型",), _as_kind, required=True),
    Column("value", ("内容", "值"), as_text, required=True, secret=True),
    Column("shop", ("店铺编码", "店铺"), as_text),
    Column("reason", ("原因",), as_text, required=True),
)


def import_entries(path: Path, why: Cause) -> Imported:
    """Put everybody on the blacklist whom a file names; who is on it already stays. Raises SetupError listing bad rows.

    No value of the file is repeated in an error.
    """
    return import_people(read_sheet(path, COLUMNS), why)


def import_people(sheet: Sheet, why: Cause) -> Imported:
    """`import_entries` of a sheet that is read already."""
    with transaction() as conn:
        shops = {row[0] for row in conn.execute("select code from shop")}
        people = _people(sheet, shops)
        sheet.require_clean()
        added = sum(_add(conn, person, reason, why)[1] for person, reason in people)
    return Imported(added, 0, len(people) - added, ignored=sheet.ignored)


def _people(sheet: Sheet, shops: set[str]) -> list[tuple[Person, str]]:
    people = []
    for row in sheet.rows:
        kind, reason = row["kind"], brief(str(row["reason"]))
        if not isinstance(kind, BlacklistKind) or not row["value"] or not reason:
            continue  # noted when it was read
        if kind is BlacklistKind.BUYER and row["shop"] not in shops:
            sheet.refuse(row, "shop", "there is no such shop; a buyer is listed for one")
            continue
        try:
            people.append((person_of(kind, str(row["value"]), str(row["shop"])), reason))
        except SetupError as error:
            sheet.refuse(row, "value", str(error).removeprefix("blacklist: "))
    # rows are locked in one order, or two imports may wait for each other
    return sorted(people, key=lambda one: (one[0].kind.value, one[0].digest))


def listed_of(conn: Connection, orders: Iterable[Known]) -> Mapping[int, tuple[Listed, ...]]:
    """The open entries that each order meets, the oldest first; orders that meet none are left out."""
    kinds = {row[0] for row in conn.execute("select distinct kind from blacklist where ended_at is null")}
    if not kinds:
        return {}
    owners: dict[tuple[str, bytes], list[int]] = {}
    for order in orders:
        for key in _keys(order, kinds):
            owners.setdefault(key, []).append(order.order_id)
    rows = conn.execute(
        """select b.id, b.kind, b.digest, b.reason from blacklist b
           join unnest(%s::text[], %s::bytea[]) k(kind, digest) on k.kind = b.kind and k.digest = b.digest
           where b.ended_at is null order by b.id""",
        ([kind for kind, _ in owners], [digest for _, digest in owners]),
    ).fetchall()
    found: dict[int, list[Listed]] = {}
    for entry_id, kind, digest, reason in rows:
        for order_id in owners[kind, bytes(digest)]:
            found.setdefault(order_id, []).append(Listed(entry_id, kind, reason))
    return {order_id: tuple(entries) for order_id, entries in found.items()}


def _keys(order: Known, kinds: set[str]) -> Iterable[tuple[str, bytes]]:
    if order.phone_hash and BlacklistKind.PHONE.value in kinds:
        yield BlacklistKind.PHONE.value, bytes(order.phone_hash)
    if order.address_hash and BlacklistKind.ADDRESS.value in kinds:
        yield BlacklistKind.ADDRESS.value, bytes(order.address_hash)
    if order.buyer_key and BlacklistKind.BUYER.value in kinds:
        yield BlacklistKind.BUYER.value, buyer_digest(order.shop, order.buyer_key)
