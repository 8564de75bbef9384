"""Finding orders by what people hold in their hands: a number, a phone, a waybill, a warehouse's document."""

import re
from typing import NamedTuple

from models.database import Connection
from models.sealing import phone_digits, phone_hash

MOST_FOUND = 4_000
LEAST_BEGINNING = 4
"""An order number is found by its beginning from so many characters on."""

_LAST_OF_UNICODE = "\U0010ffff"
_LAST_FOUR = re.compile(r"\d{4}")


class Search(NamedTuple):
    """What a search found; `by_beginning`: only numbers that begin so. `hint` says what would help to find more."""

    order_ids: list[int]
    by_beginning: bool = False
    hint: str = ""


TOO_SHORT = "too_short"
WHOLE_PHONE = "whole_phone"
IN_QUARANTINE = "in_quarantine"
"""Hints: type more; four digits of a phone name nobody; the order was read but could not be understood."""


def find_orders(conn: Connection, wish: str) -> Search:
    """Orders with this order number, waybill, document number or phone; else those whose number begins so.

    `NUMBER 1234` finds the orders of a number or its beginning whose receiver's phone ends in 1234. The last four
    digits of a phone alone name nobody and are taken as a number. A phone that the platform masks is not found.
    """
    text = " ".join(wish.split())
    if exact := _exact(conn, text):
        return Search(exact)
    number, _, rest = text.partition(" ")
    if _LAST_FOUR.fullmatch(rest):
        return _of_phone_end(conn, number, rest)
    if beginning := _beginning(conn, text):
        return Search(beginning, by_beginning=True)
    return Search([], hint=_hint(conn, text))


def _exact(conn: Connection, text: str) -> list[int]:
    rows = conn.execute(
        """select id from orders where order_no = %(text)s
           union select o.id from shop s join orders o on o.shop_id = s.id and o.external_id = %(text)s
           union select order_id from receiver where phone_hash = %(phone)s and phone_hash is not null
             and restricted_at is null
           union select a.order_id from outbound_document d join allocation a on a.document_id = d.id
                 where d.no = %(text)s
           union select a.order_id from parcel p join allocation a on a.document_id = p.document_id
                 where p.waybill = %(text)s or (p.renumbered > 0 and p.former_waybills @> array[%(text)s::text])
           limit %(most)s""",
        {"text": text, "phone": phone_hash(text) if len(phone_digits(text)) >= 10 else None, "most": MOST_FOUND},
    ).fetchall()
    return [row[0] for row in rows]


def _beginning(conn: Connection, text: str) -> list[int]:
    """Orders whose number begins so, compared byte by byte, as the index on numbers is sorted."""
    if len(text) < LEAST_BEGINNING:
        return []
    rows = conn.execute(
        "select id from orders where order_no ~>=~ %s and order_no ~<~ %s order by order_no using ~<~ limit %s",
        (text, text + _LAST_OF_UNICODE, MOST_FOUND),
    ).fetchall()
    return [row[0] for row in rows]


def _of_phone_end(conn: Connection, number: str, last4: str) -> Search:
    exact = _exact(conn, number)
    found = exact or _beginning(conn, number)
    rows = conn.execute(
        "select order_id from receiver where order_id = any(%s) and phone_last4 = %s", (found, last4)
    ).fetchall()
    return Search([row[0] for row in rows], by_beginning=not exact)


def _hint(conn: Connection, text: str) -> str:
    quarantined = conn.execute(
        """select 1 from shop s join quarantined_order q on q.shop_id = s.id and q.external_id = %s
           where q.released_at is null limit 1""",
        (text,),
    ).fetchone()
    if quarantined:
        return IN_QUARANTINE
    if _LAST_FOUR.fullmatch(text):
        return WHOLE_PHONE
    return TOO_SHORT if len(text) < LEAST_BEGINNING else ""
