"""Bodies of outgoing messages, read from the pool when they are sent: never stored, personal data masked."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Subscription
from models.database import Connection
from models.masking import mask_contacts, mask_name, mask_phone
from models.order import Cause
from models.rules.divisions import Place, division
from models.rules.divisions import place as place_of
from models.rules.kits import shared_fen
from models.rules.purposes import Purpose
from models.rules.returns import ReplacementKind
from models.sealing import unseal
from models.settings import SHANGHAI, settings
from models.shipment import BlockReason
from tasks.openings import note_opening
from tasks.outbox_calls import Pending
from tasks.parcel_phone import parcel_phones

_WHY_BACK = (
    BlockReason.CANCELLED,
    BlockReason.REFUND,
    BlockReason.GOODS_CHANGED,
    BlockReason.ADDRESS_CHANGED,
    BlockReason.NOT_READY,
    BlockReason.REMARK,
    BlockReason.DESK,
)
"""Of several reasons why a document is asked back the first is told."""

_ORDER_TYPES: Mapping[str | None, str] = {
    None: "SALE",
    ReplacementKind.EXCHANGE: "EXCHANGE",
    ReplacementKind.RESHIP: "RESHIP",
}
"""What a warehouse is told of a document's order, by what it is for. `replaces` names the document that left first."""


def render_outbound(
    conn: Connection, document_ids: Sequence[int], purpose: Purpose, why: Cause
) -> dict[int, dict[str, Any]]:
    """The `data` of `outbound.created` per document id: what to ship, to whom (masked, with a token), by when.

    Notes and the ends of names and phones are opened for it, which is noted under the purpose.

    What is paid at the door is asked for once: of an order in several documents with the first of them. Its amount
    is shared out over its documents by the value of what each ships.
    """
    lines, amounts = _lines(conn, document_ids)
    rows = conn.execute(
        """select d.id, d.no, d.revision, d.carrier, d.receiver_token, d.ship_by, w.code, w.settings->>'owner_code',
                  w.sender_name, w.sender_phone, w.address, s.channel, s.code, s.name, o.order_nos,
                  r.province, r.city, r.district, r.town, r.oaid, r.name_enc, r.phone_enc, o.notes, o.cod_fen,
                  w.division_code, o.ordered_at, o.paid_at, p.kind, (
                    select x.no from allocation a join outbound_document x on x.id = a.document_id
                    where a.order_id = p.replaces and a.shipped > 0 order by x.id limit 1), o.ids
           from outbound_document d
           join warehouse w on w.id = d.warehouse_id join shop s on s.id = d.shop_id
           cross join lateral (
             select array_agg(order_no order by id) as order_nos, array_agg(id) as ids, min(id) as first_id,
                    min(created_at) as ordered_at, max(paid_at) as paid_at,
                    array_agg(notes_enc order by id) filter (where notes_enc is not null) as notes,
                    sum(case when d.id = (select min(document_id) from allocation where order_id = orders.id)
                        then cod_fen else 0 end) as cod_fen
             from orders join receiver n on n.order_id = orders.id
             where id in (select order_id from allocation where document_id = d.id)) o
           join receiver r on r.order_id = o.first_id left join replacement p on p.order_id = o.first_id
           where d.id = any(%s)""",
        (list(document_ids),),
    ).fetchall()
    note_opening(conn, purpose, why.actor, why.at, {order_id for row in rows for order_id in row[29]})
    return {row[0]: _outbound(row, lines[row[0]], amounts[row[0]]) for row in rows}


def joined_notes(sealed: Iterable[bytes]) -> dict[str, str]:
    """What buyer and seller noted on the orders of a document, each text once."""
    said: dict[str, list[str]] = {}
    for notes in sealed:
        for writer, text in json.loads(unseal(notes)).items():
            said.setdefault(writer, []).append(text)
    return {writer: "\n".join(dict.fromkeys(texts)) for writer, texts in said.items()}


def render_cancels(conn: Connection, document_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The `data` of `outbound.cancel_requested` per document id: which document is asked back, and what for."""
    rows = conn.execute(
        """select d.id, d.no, d.revision, w.code, w.settings->>'owner_code',
                  (select count(distinct a.order_id) from allocation a where a.document_id = d.id) > 1,
                  (select b.reason from document_block b where b.document_id = d.id and b.lifted_at is null
                   order by array_position(%s::text[], b.reason) limit 1),
                  (select p.kind from allocation a join replacement p on p.order_id = a.order_id
                   where a.document_id = d.id limit 1)
           from outbound_document d join warehouse w on w.id = d.warehouse_id where d.id = any(%s)""",
        ([reason.value for reason in _WHY_BACK], list(document_ids)),
    ).fetchall()
    return {
        row[0]: {
            "outbound_no": row[1],
            "version": row[2],
            "warehouse_code": row[3],
            "owner_code": row[4] or "",
            **({"order_type": _ORDER_TYPES[row[7]]} if row[7] else {}),
            "reason_code": "UNMERGE" if row[5] else (row[6] or "changed").upper(),
        }
        for row in rows
    }


def _outbound(row: Sequence[Any], lines: list[dict[str, Any]], amount_fen: int) -> dict[str, Any]:
    name = unseal(row[20]) if row[20] else ""
    phone = unseal(row[21]) if row[21] else ""
    notes = joined_notes(row[22] or ())
    return {
        "outbound_no": row[1],
        "version": row[2],
        "order_type": _ORDER_TYPES[row[27]],
        **({"replaces": row[28]} if row[28] else {}),
        "warehouse_code": row[6],
        "owner_code": row[7] or "",
        "channel": {
            "platform": row[11].upper(),
            "shop_code": row[12],
            "shop_name": row[13],
            "order_nos": row[14],
            "ordered_at": china_time(row[25]),
            "paid_at": china_time(row[26]),
        },
        "priority": "NORMAL",
        "flags": [],
        "ship_by": china_time(row[5]),
        "carrier": {"code": row[3], "service": "STANDARD", "tracking_no": None, "label_url": None},
        "receiver": {
            "token": row[4],
            "name_masked": mask_name(name),
            "phone_masked": mask_phone(phone),
            "province": row[15],
            "city": row[16],
            "district": row[17],
            "town": row[18],
            "address": "****",
            "oaid": row[19],
        },
        "sender": {"name": row[8], "phone": row[9], **_division(row[24]), "address": row[10]},
        "lines": lines,
        "totals": {
            "qty": sum(line["qty"] for line in lines),
            "amount": yuan(amount_fen),
            "currency": "CNY",
            "cod_amount": yuan(int(row[23])),
        },
        "buyer_note": mask_contacts(notes.get("buyer", "")),
        "seller_note": mask_contacts(notes.get("seller", "")),
    }


def _division(code: str) -> dict[str, str]:
    at = place_of(code) if division(code) else Place("", "", "", code)
    return {"province": at.province, "city": at.city, "district": at.district}


@dataclass(frozen=True, slots=True)
class _Share:
    """Units of a SKU that a document ships for an order line; of a kit so many go into each, else `per_unit` is None.

    `quantity` and `price_fen` (of one piece) are the line's, `total_fen` is the order's.
    """

    document_id: int
    order_id: int
    line_no: int
    units: int
    sku_code: str
    barcode: str
    name: str
    per_unit: int | None
    line_code: str
    title: str
    platform_line: str
    quantity: int
    price_fen: int
    total_fen: int
    order_no: str


def _lines(conn: Connection, document_ids: Sequence[int]) -> tuple[dict[int, list[dict[str, Any]]], Mapping[int, int]]:
    """Per document its lines, in the order by which reports number them, and what of its orders' totals it ships."""
    shares = _shares(conn, document_ids)
    values = _values(shares)
    lines: dict[int, list[dict[str, Any]]] = {document_id: [] for document_id in document_ids}
    for share, value_fen in zip(shares, values, strict=True):
        if share.document_id in lines:
            number = len(lines[share.document_id]) + 1
            lines[share.document_id].append(_line(share, number, value_fen))
    return lines, _amounts(shares, values)


def _shares(conn: Connection, document_ids: Sequence[int]) -> list[_Share]:
    """What these documents ship, and what other documents ship of the same orders."""
    rows = conn.execute(
        """select a.document_id, a.order_id, a.line_no, a.quantity - coalesce(r.units, 0), k.code,
                  k.barcode, k.name, c.per_unit, l.sku_code, l.title, l.platform_line, l.quantity,
                  l.unit_price_fen, o.total_fen, o.order_no
           from allocation a join orders o on o.id = a.order_id
           join order_line l on l.order_id = a.order_id and l.line_no = a.line_no join sku k on k.id = a.sku_id
           left join line_component c on c.order_id = a.order_id and c.line_no = a.line_no and c.sku_id = a.sku_id
           left join remainder r on r.document_id = a.document_id and r.order_id = a.order_id
             and r.line_no = a.line_no and r.sku_id = a.sku_id and r.state = 'placed'
           where a.order_id in (select order_id from allocation where document_id = any(%s))
             and a.document_id is not null
           order by a.document_id, a.order_id, a.line_no, a.sku_id""",
        (list(document_ids),),
    ).fetchall()
    return [_Share(*row) for row in rows]


def _values(shares: Sequence[_Share]) -> list[int]:
    """What each share is of its line's price, in fen that add up to it over all documents, evenly per unit."""
    of_line: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, share in enumerate(shares):
        of_line[share.order_id, share.line_no].append(place)
    values = [0] * len(shares)
    for places in of_line.values():
        line = shares[places[0]]
        parts = shared_fen(line.price_fen * line.quantity, [shares[place].units for place in places])
        for place, part in zip(places, parts, strict=True):
            values[place] = part
    return values


def _amounts(shares: Sequence[_Share], values: Sequence[int]) -> Mapping[int, int]:
    """Per document its part of its orders' totals, in fen that add up to them over all documents."""
    of_order: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    totals = {}
    for share, value_fen in zip(shares, values, strict=True):
        of_order[share.order_id][share.document_id] += value_fen
        totals[share.order_id] = share.total_fen
    amounts: dict[int, int] = defaultdict(int)
    for order_id, goods in of_order.items():
        for document_id, part in zip(goods, shared_fen(totals[order_id], list(goods.values())), strict=True):
            amounts[document_id] += part
    return amounts


def _line(share: _Share, number: int, value_fen: int) -> dict[str, Any]:
    in_kit = share.per_unit is not None
    line = {
        "line_no": str(number),
        "sku": share.sku_code,
        "barcode": share.barcode,
        "name": (share.name or share.sku_code) if in_kit else share.title,
        "qty": share.units,
        "stock_type": "GOOD",
        "order_no": share.order_no,
        "platform_line_no": share.platform_line,
        "unit_price": yuan(value_fen // share.units),
        "amount": yuan(value_fen),
    }
    kit = {"sku": share.line_code, "name": share.title, "per_unit": share.per_unit}
    return line | {"kit": kit} if in_kit else line


def render_subscriptions(conn: Connection, pending: Sequence[Pending]) -> dict[int, Subscription]:
    """Per message id, the parcel to follow and where its pushes go."""
    by_parcel = {message.subject_id: message.id for message in pending}
    phones = parcel_phones(conn, list(by_parcel))
    rows = conn.execute(
        """select distinct on (p.id) p.id, p.carrier, p.waybill, r.province, r.city, r.district,
                  p.callback_token, p.salt_enc, w.division_code
           from parcel p join parcel_line pl on pl.parcel_id = p.id join receiver r on r.order_id = pl.order_id
           join outbound_document d on d.id = p.document_id join warehouse w on w.id = d.warehouse_id
           where p.id = any(%s) order by p.id, pl.order_id""",
        (list(by_parcel),),
    ).fetchall()
    return {
        by_parcel[row[0]]: Subscription(
            carrier=row[1],
            waybill=row[2],
            phone_last4=phones[row[0]],
            from_place="".join(_division(row[8]).values()),
            to_place=row[3] + row[4] + row[5],
            callback_url=f"{settings().callback_base()}/hooks/kuaidi100/{row[6]}",
            salt=unseal(row[7]),
        )
        for row in rows
    }


def china_time(at: datetime | None) -> str | None:
    """ISO 8601 with China's offset, as warehouses read it."""
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds") if at else None


def yuan(fen: int) -> str:
    """Fen as a yuan string with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
