"""Loading what the review asks of orders, for a set of them in a few statements."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection
from models.incoming import IncomingInvoice, InvoiceKind, LineState, PayState
from models.rules.repeats import basket_of
from models.rules.review_rules import ReviewRules
from models.rules.reviewed import Earlier, Listed, Reviewed, ReviewedLine, UsualPrice
from models.sealing import keyed_digest, unseal
from tasks.blacklist import Known, listed_of
from tasks.review_history import Bought, repeats_of
from tasks.shop_settings import handling_of

_ORDERS = """
  select o.id, o.order_no, o.shop_id, s.code, s.channel, o.pay_state, o.platform_status, o.not_ready, o.total_fen,
         o.refunded_fen, o.ship_by, coalesce(o.paid_at, o.created_at), o.stored_at, o.buyer_key,
         r.province, r.city, r.district, r.division_code, r.phone_hash, r.address_hash, r.notes_enc, r.invoice_enc,
         s.settings, exists (select 1 from replacement p where p.order_id = o.id)
  from orders o join shop s on s.id = o.shop_id join receiver r on r.order_id = o.id
  where o.id = any(%s) and o.kind = 'goods' order by o.id"""
_LINES = """
  select l.order_id, l.line_no, l.sku_code, l.sku_id, l.quantity, l.paid_fen, l.state,
         l.state <> 'closed' or exists (
           select from allocation a where a.order_id = l.order_id and a.line_no = l.line_no)
  from order_line l where l.order_id = any(%s) order by l.order_id, l.line_no"""

_UNPAID = (PayState.UNPAID, PayState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Needs:
    """What some rules ask for, so that nothing else is loaded."""

    within: timedelta | None
    prices: bool
    blacklist: bool
    notes: bool
    invoices: bool


@dataclass(slots=True)
class _Loaded:
    """What was found for the orders, by id where not said otherwise."""

    lines: Mapping[int, tuple[ReviewedLine, ...]] = field(default_factory=dict)
    repeats: Mapping[int, Earlier] = field(default_factory=dict)
    listed: Mapping[int, tuple[Listed, ...]] = field(default_factory=dict)
    prices: Mapping[str, UsualPrice] = field(default_factory=dict)  # by SKU code
    handling: Mapping[int, timedelta] = field(default_factory=dict)  # by shop


def needs_of(*rules: ReviewRules) -> Needs:
    """What any of these rules ask for."""
    repeats = [one.repeat.within_minutes for one in rules if one.repeat.scope.active]
    return Needs(
        within=timedelta(minutes=max(repeats)) if repeats else None,
        prices=any(one.price.scope.active for one in rules),
        blacklist=any(one.blacklist.scope.active for one in rules),
        notes=any(one.remark.scope.active and one.remark.topics for one in rules),
        invoices=any(one.invoice.scope.active for one in rules),
    )


def load_reviewed(
    conn: Connection,
    order_ids: Sequence[int],
    needs: Needs,
    at: datetime | None,
    same_no: Mapping[int, tuple[str, ...]] | None = None,
) -> list[Reviewed]:
    """These orders as the rules see them, by id; their receivers are settled before.

    `at` is the moment of the review. Without it each is seen as when it came, ready to ship: so past orders are judged
    again.
    """
    rows = conn.execute(_ORDERS, (list(order_ids),)).fetchall()
    loaded = _load(conn, rows, needs)
    same = same_no or {}
    return [_reviewed(row, needs, at, loaded, same.get(row[0], ())) for row in rows]


def _load(conn: Connection, rows: Sequence[tuple[Any, ...]], needs: Needs) -> _Loaded:
    loaded = _Loaded(_lines(conn, [row[0] for row in rows]), handling={row[2]: handling_of(row[22]) for row in rows})
    if needs.within is not None:
        loaded.repeats = repeats_of(conn, _bought(rows, loaded.lines), needs.within)
    if needs.prices:
        loaded.prices = usual_prices(conn, {line.sku_id for of in loaded.lines.values() for line in of if line.sku_id})
    if needs.blacklist:
        loaded.listed = listed_of(conn, [Known(row[0], row[3], row[13], row[18], row[19]) for row in rows])
    return loaded


def _bought(rows: Sequence[tuple[Any, ...]], lines: Mapping[int, tuple[ReviewedLine, ...]]) -> list[Bought]:
    return [
        Bought(
            row[0],
            row[1],
            row[11],
            row[2],
            row[13],
            row[18],
            basket_of((line.sku_code, line.quantity) for line in lines.get(row[0], ()) if line.counts),
        )
        for row in rows
        if row[5] not in _UNPAID and not row[23]
    ]


def _lines(conn: Connection, order_ids: Sequence[int]) -> dict[int, tuple[ReviewedLine, ...]]:
    found: dict[int, list[ReviewedLine]] = {}
    for order_id, number, code, sku_id, quantity, paid_fen, state, counts in conn.execute(_LINES, (list(order_ids),)):
        line = ReviewedLine(number, code, sku_id, quantity, paid_fen, LineState(state), counts)
        found.setdefault(order_id, []).append(line)
    return {order_id: tuple(lines) for order_id, lines in found.items()}


def usual_prices(conn: Connection, sku_ids: Collection[int]) -> dict[str, UsualPrice]:
    """What units of these SKUs usually cost, by code; SKUs of which nothing is known are left out."""
    rows = conn.execute(
        """select k.code, p.usual_fen, p.line_count, p.given from sku_price p join sku k on k.id = p.sku_id
           where p.sku_id = any(%s)""",
        (list(sku_ids),),
    )
    return {code: UsualPrice(fen, lines, given) for code, fen, lines, given in rows}


def _reviewed(
    row: tuple[Any, ...], needs: Needs, at: datetime | None, loaded: _Loaded, same_no: tuple[str, ...]
) -> Reviewed:
    order_id = row[0]
    notes = _notes(row[20]) if needs.notes and row[20] else {}
    return Reviewed(
        id=order_id,
        order_no=row[1],
        shop=row[3],
        channel=row[4],
        pay_state=PayState(row[5]) if at else PayState.READY,
        platform_status=row[6],
        not_ready=row[7],
        total_fen=row[8],
        refunded_fen=row[9],
        ship_by=row[10],
        at=at or row[12],
        handling=loaded.handling[row[2]],
        region=(row[14], row[15], row[16]),
        division_code=row[17],
        lines=loaded.lines.get(order_id, ()),
        same_no=same_no,
        repeats=loaded.repeats.get(order_id),
        listed=loaded.listed.get(order_id, ()),
        notes=notes,
        note_marks={by: keyed_digest("note", note).hex() for by, note in notes.items()},
        invoice=_invoice(row[21]) if needs.invoices and row[21] else None,
        usual_prices=loaded.prices,
        replaces=row[23],
    )


def _notes(sealed: bytes) -> dict[str, str]:
    return dict(json.loads(unseal(sealed)))


def _invoice(sealed: bytes) -> IncomingInvoice:
    said = json.loads(unseal(sealed))
    return IncomingInvoice(InvoiceKind(said["kind"]), said["title"], said["tax_no"])
