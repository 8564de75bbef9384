"""Bodies of outgoing messages, read from the pool when they are sent: never stored, personal data masked."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.base import Subscription
from models.database import Connection
from models.masking import mask_contacts, mask_name, mask_phone
from models.sealing import unseal
from models.settings import SHANGHAI, settings
from tasks.outbox import Pending
from tasks.parcel_phone import parcel_phones


def render_outbound(conn: Connection, document_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The `data` of `outbound.created` per document id: what to ship, to whom (masked, with a token), by when.

    What is paid at the door is asked for once: of an order in several documents with the first of them.
    """
    lines = _lines(conn, document_ids)
    rows = conn.execute(
        """select d.id, d.no, d.revision, d.carrier, d.receiver_token, d.ship_by, w.code, w.settings->>'owner_code',
                  w.sender_name, w.sender_phone, w.address, s.channel, s.code, s.name, o.order_nos, o.total_fen,
                  r.province, r.city, r.district, r.town, r.oaid, r.name_enc, r.phone_enc, r.notes_enc, o.cod_fen
           from outbound_document d
           join warehouse w on w.id = d.warehouse_id join shop s on s.id = d.shop_id
           cross join lateral (
             select array_agg(order_no order by id) as order_nos, sum(total_fen) as total_fen, min(id) as first_id,
                    sum(case when d.id = (select min(document_id) from allocation where order_id = orders.id)
                        then cod_fen else 0 end) as cod_fen
             from orders where id in (select order_id from allocation where document_id = d.id)) o
           join receiver r on r.order_id = o.first_id
           where d.id = any(%s)""",
        (list(document_ids),),
    ).fetchall()
    return {row[0]: _outbound(row, lines[row[0]]) for row in rows}


def _outbound(row: Sequence[Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
    name = unseal(row[21]) if row[21] else ""
    phone = unseal(row[22]) if row[22] else ""
    notes = json.loads(unseal(row[23])) if row[23] else {}
    return {
        "outbound_no": row[1],
        "version": row[2],
        "order_type": "SALE",
        "warehouse_code": row[6],
        "owner_code": row[7] or "",
        "channel": {"platform": row[11].upper(), "shop_code": row[12], "shop_name": row[13], "order_nos": row[14]},
        "priority": "NORMAL",
        "flags": [],
        "ship_by": china_time(row[5]),
        "carrier": {"code": row[3], "service": "STANDARD", "tracking_no": None, "label_url": None},
        "receiver": {
            "token": row[4],
            "name_masked": mask_name(name),
            "phone_masked": mask_phone(phone),
            "province": row[16],
            "city": row[17],
            "district": row[18],
            "town": row[19],
            "address": "****",
            "oaid": row[20],
        },
        "sender": {"name": row[8], "phone": row[9], "address": row[10]},
        "lines": lines,
        "totals": {
            "qty": sum(line["qty"] for line in lines),
            "amount": yuan(int(row[15])),
            "currency": "CNY",
            "cod_amount": yuan(int(row[24])),
        },
        "buyer_note": mask_contacts(notes.get("buyer", "")),
        "seller_note": mask_contacts(notes.get("seller", "")),
    }


def _lines(conn: Connection, document_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    lines: dict[int, list[dict[str, Any]]] = {document_id: [] for document_id in document_ids}
    for row in conn.execute(
        """select a.document_id, l.sku_code, s.barcode, l.title, a.quantity, l.platform_line, l.unit_price_fen
           from allocation a join order_line l on l.order_id = a.order_id and l.line_no = a.line_no
           join sku s on s.id = l.sku_id
           where a.document_id = any(%s) order by a.document_id, a.order_id, a.line_no""",
        (list(document_ids),),
    ):
        lines[row[0]].append(
            {
                "line_no": str(len(lines[row[0]]) + 1),
                "sku": row[1],
                "barcode": row[2],
                "name": row[3],
                "qty": row[4],
                "stock_type": "GOOD",
                "platform_line_no": row[5],
                "unit_price": yuan(row[6]),
            }
        )
    return lines


def render_subscriptions(conn: Connection, pending: Sequence[Pending]) -> dict[int, Subscription]:
    """Per message id, the parcel to follow and where its pushes go."""
    by_parcel = {message.subject_id: message.id for message in pending}
    phones = parcel_phones(conn, list(by_parcel))
    rows = conn.execute(
        """select distinct on (p.id) p.id, p.carrier, p.waybill, r.province, r.city, r.district,
                  p.callback_token, p.salt_enc
           from parcel p join parcel_line pl on pl.parcel_id = p.id join receiver r on r.order_id = pl.order_id
           where p.id = any(%s) order by p.id, pl.order_id""",
        (list(by_parcel),),
    ).fetchall()
    return {
        by_parcel[row[0]]: Subscription(
            carrier=row[1],
            waybill=row[2],
            phone_last4=phones[row[0]],
            from_place="",
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
