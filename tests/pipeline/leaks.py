"""Looking for receivers wherever they must not be: databases, logs, stored results.

What is looked for is known: the receivers that a test or the demo put in. A finding says where, never who.
"""

import base64
import binascii
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from models.sealing import phone_digits, unseal
from tests.pipeline.orders import NAMES, STREETS

_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")
_HEX = re.compile(r"\\+x((?:[0-9a-fA-F]{2}){4,})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_DIGITS = re.compile(r"(?=((?:\d[ -]?){6,15}\d))")
_NO_PLACE = re.compile(r"^.{2,9}?(?:省|自治区|市)(?:.{1,9}?(?:市|州|盟|地区))?(?:.{1,9}?(?:区|县|旗|市))?")
_DOOR = re.compile(r"^\D{2,20}?\d+\s*号")


class Search(Protocol):
    """Something that knows what it looks for."""

    def kind_in(self, text: str) -> str:
        """What kind of thing it found, "" for nothing."""


@dataclass(frozen=True, slots=True)
class Words:
    """A pattern, to prove that a place is really looked at."""

    pattern: str

    def kind_in(self, text: str) -> str:
        """`word` when it is there."""
        return "word" if re.search(self.pattern, text) else ""


@dataclass(slots=True)
class People:
    """Receivers, by what gives them away: a whole name, a phone however it is written, a street with its number."""

    words: dict[str, str] = field(default_factory=dict)
    phones: set[str] = field(default_factory=set)
    _starts: dict[str, list[str]] = field(default_factory=dict)
    _pairs: re.Pattern[str] | None = None

    def add(self, name: str = "", phone: str = "", address: str = "") -> None:
        """One more receiver; what a platform masks gives nobody away."""
        if len(name) >= 2 and "*" not in name:
            self._word(name, "name")
        digits = phone_digits(phone)
        if len(digits) >= 7:
            self.phones.add(digits)
        if len(address) >= 4 and "*" not in address:
            for part in (address, _NO_PLACE.sub("", address), *_DOOR.findall(_NO_PLACE.sub("", address))):
                if len(part) >= 4:
                    self._word(part, "street")

    def _word(self, word: str, kind: str) -> None:
        plain = unicodedata.normalize("NFKC", word)
        if plain not in self.words:
            self.words[plain] = kind
            self._starts.setdefault(plain[:2], []).append(plain)
            self._pairs = None

    def kind_in(self, text: str) -> str:
        """The kind of the first thing found: name, phone or street."""
        plain = unicodedata.normalize("NFKC", text)
        for found in _DIGITS.finditer(plain) if self.phones else ():
            # a phone inside a longer number is none, but an international prefix belongs to it
            if found.start() and plain[found.start() - 1].isdigit():
                continue
            digits = re.sub(r"\D", "", found[1])
            if digits in self.phones or digits.removeprefix("86") in self.phones or digits[:11] in self.phones:
                return "phone"
        if self._pairs is None:
            firsts = re.escape("".join(sorted({start[0] for start in self._starts})))
            seconds = re.escape("".join(sorted({start[1] for start in self._starts})))
            self._pairs = re.compile(f"(?=([{firsts}][{seconds}]))") if firsts else re.compile(r"(?!)")
        for pair in self._pairs.finditer(plain):
            for word in self._starts.get(pair[1], ()):
                if plain.startswith(word, pair.start()):
                    return self.words[word]
        return ""


def receivers() -> People:
    """The receivers of the tests' generated orders."""
    people = People()
    for name in NAMES:
        people.add(name)
    for number in range(2000):
        people.add(phone=f"139{number:08d}", address=f"{STREETS[number % len(STREETS)]}{number}号")
    return people


def people_of(url: str, people: People | None = None) -> People:
    """Everybody who is sealed in a pool, whatever way they came in; added to the `people` known already."""
    people = People() if people is None else people
    with psycopg.connect(url) as conn:
        rows = conn.execute("select name_enc, phone_enc, address_enc from receiver where erased_at is null").fetchall()
    for row in rows:
        people.add(*(unseal(value) if value else "" for value in row))
    return people


def leaks_in_database(url: str, wanted: Search) -> list[str]:
    """Every column with a value in which something is found, as `table.column: kind`; sealed values are opaque."""
    found: dict[str, None] = {}
    with psycopg.connect(url) as conn:
        columns = conn.execute(
            """select n.nspname, c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
               join pg_attribute a on a.attrelid = c.oid
               where c.relkind in ('r', 'p', 'm') and a.attnum > 0 and not a.attisdropped
                 and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
                 and a.attname not like '%\\_enc'
                 and a.atttypid in (select oid from pg_type where typcategory in ('S', 'A', 'U', 'E', 'C'))
               order by 1, 2, a.attnum"""
        ).fetchall()
        tables: dict[tuple[str, str], list[str]] = {}
        for schema, table, column in columns:
            tables.setdefault((schema, table), []).append(column)
        for (schema, table), names in tables.items():
            picked = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
            query = sql.SQL("select {} from {}").format(picked, sql.Identifier(schema, table))
            for row in conn.execute(query):
                for name, value in zip(names, row, strict=True):
                    if value and (kind := _kind_in(wanted, value)):
                        found[f"{table}.{name}: {kind}"] = None
    return list(found)


def leaks_in_files(folder: Path, wanted: Search) -> list[str]:
    """Every file below a folder in which something is found, as `path: kind`."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if kind := _kind_in(wanted, path.read_bytes().decode("utf-8", "replace")):
            found.append(f"{path.relative_to(folder)}: {kind}")
    return found


def _kind_in(wanted: Search, text: str) -> str:
    return next((kind for form in _forms(text) if (kind := wanted.kind_in(form))), "")


def _forms(text: str, deep: int = 2) -> Iterator[str]:
    """A text as it is, with JSON's escapes resolved, and what is packed in it as hex or base64, compressed or not."""
    yield text
    if _ESCAPED.search(text):
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if deep:
        for packed in _unpacked(text):
            for form in _inside(packed):
                yield from _forms(form, deep - 1)


def _unpacked(text: str) -> Iterator[bytes]:
    for found in _HEX.finditer(text):
        yield bytes.fromhex(found[1])
    for found in _BASE64.finditer(text):
        part = found[0].rstrip("=").replace("+", "-").replace("/", "_")
        part = part[:-1] if len(part) % 4 == 1 else part
        try:
            yield base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except (ValueError, binascii.Error):
            continue


def _inside(packed: bytes) -> Iterator[str]:
    yield packed.decode("utf-8", "replace")
    if packed[:2] in (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        try:
            yield zlib.decompress(packed, 47).decode("utf-8", "replace")
        except zlib.error:
            return


def everybody(orders: Iterable[dict[str, Any]], people: People) -> None:
    """Add the receivers of orders as the sandbox takes them."""
    for order in orders:
        to = order.get("receiver") or {}
        people.add(to.get("name", ""), to.get("phone", ""), to.get("address", ""))
