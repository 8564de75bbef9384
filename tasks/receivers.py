"""The room of personal data, in and out: receivers sealed as rows, unsealed to be compared with newer versions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from models.database import Connection
from models.incoming import IncomingInvoice, IncomingOrder, IncomingReceiver, InvoiceKind
from models.receiver import RECEIVER_COLUMNS
from models.rules.fuller import fuller_notes, fuller_values
from models.sealing import phone_digits, phone_hash, seal, unseal


@dataclass(frozen=True, slots=True)
class Personal:
    """All that is personal of an order: receiver, notes by writer, invoice, and what was cut out of the payload."""

    receiver: IncomingReceiver
    notes: dict[str, str]
    cut: dict[str, Any]
    invoice: IncomingInvoice | None = None


def personal_of(order: IncomingOrder, cut: Mapping[str, Any]) -> Personal:
    """What an arriving version brings; `cut` are the personal values of its payload by place."""
    notes = fuller_notes({}, {"buyer": order.buyer_note, "seller": order.seller_note})
    return Personal(order.receiver, notes, dict(cut), order.invoice)


def fuller_cut(known: Mapping[str, Any], new: Mapping[str, Any], *, masked: bool) -> dict[str, Any]:
    """The cut-out values of a newer version, place by place filled up from the known ones."""
    return {
        place: fuller_values(known.get(place), new.get(place), masked=masked)
        for place in {**known, **new}  # in the order of their paths
    }


def receiver_row(order_id: int, personal: Personal) -> tuple[Any, ...]:
    """The row of `receiver`, in RECEIVER_COLUMNS, personal fields sealed. The division is found at validate."""
    to = personal.receiver
    return (
        order_id,
        _sealed(to.name),
        _sealed(to.phone),
        _sealed(to.address),
        _sealed(json.dumps(personal.notes, ensure_ascii=False)) if personal.notes else None,
        _sealed(orjson.dumps(personal.cut).decode()),
        phone_hash(to.phone),
        _last4(to.phone),
        to.province,
        to.city,
        to.district,
        to.town,
        "",
        to.oaid,
        to.masked,
        _ciphers(to),
        to.merge_key,
        _invoice_sealed(personal.invoice),
    )


def load_personal(conn: Connection, order_ids: Sequence[int]) -> dict[int, Personal]:
    """What is kept of these orders, in clear, by order id."""
    rows = conn.execute(
        """select order_id, name_enc, phone_enc, address_enc, notes_enc, cut_enc, cipher_enc, invoice_enc,
                  province, city, district, town, oaid, masked, merge_key
           from receiver where order_id = any(%s)""",
        (list(order_ids),),
    ).fetchall()
    return {row[0]: _personal(row) for row in rows}


def _personal(row: Sequence[Any]) -> Personal:
    name, phone, address, notes, cut, ciphers, invoice = (unseal(value) if value else "" for value in row[1:8])
    sent: dict[str, str] = json.loads(ciphers) if ciphers else {}
    province, city, district, town, oaid, masked, merge_key = row[8:]
    receiver = IncomingReceiver(
        name=name,
        phone=phone,
        province=province,
        city=city,
        district=district,
        town=town,
        address=address,
        oaid=oaid,
        masked=masked,
        merge_key=merge_key,
        **{f"{part}_cipher": text for part, text in sent.items()},
    )
    return Personal(
        receiver,
        fuller_notes({}, json.loads(notes) if notes else {}),
        orjson.loads(cut) if cut else {},
        _invoice(json.loads(invoice)) if invoice else None,
    )


def save_personal(conn: Connection, changed: Mapping[int, Personal]) -> None:
    """Write receivers that changed, all in one statement; one that was erased stays erased."""
    if not changed:
        return
    rows = [receiver_row(order_id, personal) for order_id, personal in changed.items()]
    columns = dict(zip(RECEIVER_COLUMNS, zip(*rows, strict=True), strict=True))
    conn.execute(
        """update receiver r set name_enc = n.name_enc, phone_enc = n.phone_enc, address_enc = n.address_enc,
             notes_enc = n.notes_enc, cut_enc = n.cut_enc, phone_hash = n.phone_hash, phone_last4 = n.phone_last4,
             province = n.province, city = n.city, district = n.district, town = n.town, oaid = n.oaid,
             masked = n.masked, cipher_enc = n.cipher_enc, merge_key = n.merge_key,
             invoice_enc = n.invoice_enc
           from unnest(%(order_id)s::bigint[], %(name_enc)s::bytea[], %(phone_enc)s::bytea[], %(address_enc)s::bytea[],
                       %(notes_enc)s::bytea[], %(cut_enc)s::bytea[], %(phone_hash)s::bytea[], %(phone_last4)s::text[],
                       %(province)s::text[], %(city)s::text[], %(district)s::text[], %(town)s::text[],
                       %(oaid)s::text[], %(masked)s::bool[], %(cipher_enc)s::bytea[], %(merge_key)s::text[],
                       %(invoice_enc)s::bytea[])
                n(order_id, name_enc, phone_enc, address_enc, notes_enc, cut_enc, phone_hash, phone_last4,
                  province, city, district, town, oaid, masked, cipher_enc, merge_key, invoice_enc)
           where r.order_id = n.order_id and r.erased_at is null""",
        {name: list(values) for name, values in columns.items()},
    )


def _ciphers(to: IncomingReceiver) -> bytes | None:
    sent = {"name": to.name_cipher, "phone": to.phone_cipher, "address": to.address_cipher}
    given = {key: value for key, value in sent.items() if value}
    return seal(json.dumps(given)) if given else None


def _invoice_sealed(invoice: IncomingInvoice | None) -> bytes | None:
    return seal(json.dumps(asdict(invoice), ensure_ascii=False)) if invoice else None


def _invoice(sealed: dict[str, str]) -> IncomingInvoice:
    return IncomingInvoice(InvoiceKind(sealed["kind"]), sealed["title"], sealed["tax_no"])


def _sealed(text: str) -> bytes | None:
    return seal(text) if text else None


def _last4(phone: str) -> str:
    # a virtual number's extension is what carriers ask for; a masked number still shows its end
    tail = phone.rsplit("-", 1)[-1] if "-" in phone and not phone.startswith("0") else phone
    digits = phone_digits(tail) or "".join(c for c in tail[-4:] if c.isdigit())
    return digits[-4:] if len(digits) >= 4 else ""
