"""What is printed of outbound documents by number: so that they can leave when their warehouse's system fails."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from connectors.carriers.codes import carrier_name
from models.database import Connection
from models.errors import SetupError
from models.messages import OutboxKind, OutboxState
from models.order import Cause, write_own_events
from models.rules.purposes import Purpose
from models.shipment import GIVEN_BACK, LEFT, DocumentState
from tasks.floor_rows import blocks_of
from tasks.paper.pick_list import Line, Listed, Pick, PickList
from tasks.paper.receiver_block import Party
from tasks.paper.sheet import china
from tasks.paper.slips import Slip
from tasks.render import render_outbound

MOST_DOCUMENTS: Final = 500
"""So many documents are printed at once: a few hundred pages."""


NOT_BY_HAND: Final = LEFT | GIVEN_BACK
"""States in which a document is not to be picked by paper: something of it left, or its warehouse gave it back."""

REMARK: Final = "系统恢复后勿重复发货 When its system is back: do not ship these again"

PRINTED: Final = "pick_list_printed"
"""The event of an order whose goods somebody may fetch by paper now."""


class _Found(NamedTuple):
    id: int
    no: str
    warehouse_id: int
    warehouse: str
    carrier: str
    ship_by: datetime | None
    told: str


def print_documents(conn: Connection, nos: Sequence[str], why: Cause) -> PickList:
    """A pick list of documents of one warehouse, with their lines, and an event in the story of each of their orders.

    It is the way round a warehouse's system that does not answer, so it serves documents of any warehouse. Raises
    SetupError, printing none, when one is not in the pool, has begun to leave, was given back or is blocked; when they
    are of several warehouses; and for more than MOST_DOCUMENTS.
    """
    found = _find(conn, nos)
    data = render_outbound(conn, [document.id for document in found], Purpose.PAPER, why)
    picks = _picks(conn, found)
    listed = [
        Listed(slot, document.no, data[document.id]["totals"]["qty"], _about(document, data[document.id]),
               lines=_lines(data[document.id]))
        for slot, document in enumerate(found, 1)
    ]  # fmt: skip
    _tell(conn, found, why)
    told = {document.told for document in found}
    carriers = {carrier_name(document.carrier) for document in found}
    facts = (
        ("仓库 Warehouse", found[0].warehouse),
        ("快递 Carrier", "、".join(sorted(carriers))),
        ("最晚发货 Ship by", china(min((d.ship_by for d in found if d.ship_by), default=None))),
        ("单据 Documents", f"{len(found)}"),
        ("件数 Units", f"{sum(pick.wanted for pick in picks)} / {len(picks)} SKU"),
        ("系统 Its system", told.pop() if len(told) == 1 else "各单不同 See each"),
    )
    return PickList("手工拣货单 Manual pick list", "", facts, picks, listed, why.at, REMARK)


def document_slips(conn: Connection, nos: Sequence[str], why: Cause) -> list[Slip]:
    """Their slips, in the order in which they are named. Raises SetupError as `print_documents` does."""
    found = _find(conn, nos)
    data = render_outbound(conn, [document.id for document in found], Purpose.PAPER, why)
    return [slip_of(data[document.id], None, "") for document in found]


def slip_of(data: Mapping[str, Any], slot: int | None, mark: str) -> Slip:
    """The slip of a document from the data of its instruction, in which the receiver and notes are masked."""
    channel, to = data["channel"], data["receiver"]
    region = " ".join(dict.fromkeys(to[part] for part in ("province", "city", "district") if to[part]))
    return Slip(
        data["outbound_no"],
        slot,
        channel["shop_name"] or channel["shop_code"],
        channel["order_nos"],
        carrier_name(data["carrier"]["code"]),
        Party(to["name_masked"], to["phone_masked"], region, ""),
        _lines(data),
        data["buyer_note"],
        mark,
    )


def _lines(data: Mapping[str, Any]) -> list[Line]:
    return [Line(line["sku"], _named(line), line["barcode"], line["qty"]) for line in data["lines"]]


def _named(line: Mapping[str, Any]) -> str:
    return f"{line['name']} ({line['kit']['name']})" if "kit" in line else str(line["name"])


def _find(conn: Connection, nos: Sequence[str]) -> list[_Found]:
    """The documents in the order in which they are named, each once, with what was told to their warehouse."""
    wanted = list(dict.fromkeys(nos))
    if not wanted or len(wanted) > MOST_DOCUMENTS:
        raise SetupError(f"{len(wanted)} documents: 1 to {MOST_DOCUMENTS} can be printed at once")
    rows = conn.execute(
        """select d.id, d.no, d.warehouse_id, concat_ws(' ', w.code, nullif(w.name, '')), d.carrier, d.ship_by, d.state,
                  x.state, x.in_doubt
           from outbound_document d join warehouse w on w.id = d.warehouse_id
           left join lateral (select state, in_doubt from outbox where kind = %s and subject_id = d.id
                              order by id desc limit 1) x on true
           where d.no = any(%s)""",
        (OutboxKind.OUTBOUND_CREATED.value, wanted),
    ).fetchall()
    found = {row[1]: _Found._make((*row[:6], _told(row[7], in_doubt=bool(row[8])))) for row in rows}
    _require_all(wanted, found)
    blocked = blocks_of(conn, [document.id for document in found.values()])
    for _id, no, *_, state, _told_state, _in_doubt in rows:
        if DocumentState(state) in NOT_BY_HAND:
            raise SetupError(f"document {no}: is {state}, so it is not to be picked by paper")
        if _id in blocked:
            raise SetupError(f"document {no}: must not leave ({', '.join(blocked[_id])}), so it is not printed")
    return [found[no] for no in wanted]


def _require_all(wanted: Sequence[str], found: Mapping[str, _Found]) -> None:
    unknown = [no for no in wanted if no not in found]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise SetupError(f"document {unknown[0][:40]}{more}: is not in the pool, so nothing is printed")
    warehouses = sorted({document.warehouse for document in found.values()})
    if len(warehouses) > 1:
        raise SetupError(
            f"{wanted[0]} and others: are of {', '.join(warehouses)}; print those of one warehouse at once"
        )


def _told(message: str | None, *, in_doubt: bool) -> str:
    if message == OutboxState.DELIVERED:
        return "已收到 Received"
    return "可能已收到 Maybe received" if in_doubt else "未收到 Not received"


def _picks(conn: Connection, found: Sequence[_Found]) -> list[Pick]:
    slots = {document.id: slot for slot, document in enumerate(found, 1)}
    rows = conn.execute(
        """select a.document_id, k.code, k.name, k.barcode, coalesce(p.place, ''), sum(a.quantity - a.shipped)::int
           from allocation a join sku k on k.id = a.sku_id
           left join sku_place p on p.sku_id = k.id and p.warehouse_id = a.warehouse_id
           where a.document_id = any(%s) group by 1, 2, 3, 4, 5 having sum(a.quantity - a.shipped) > 0
           order by coalesce(p.place, '') = '', 5, 2""",
        (list(slots),),
    ).fetchall()
    dealt: dict[tuple[str, str, str, str], Counter[int]] = defaultdict(Counter)
    for document_id, code, name, barcode, place, units in rows:
        dealt[place, code, name, barcode][slots[document_id]] += units
    return [
        Pick(place, code, name, barcode, sum(to.values()), sorted(to.items()))
        for (place, code, name, barcode), to in dealt.items()
    ]


def _about(document: _Found, data: Mapping[str, Any]) -> list[str]:
    slip = slip_of(data, None, "")
    told = [
        f"{slip.shop} · {slip.carrier}",
        f"订单 Orders: {', '.join(slip.order_nos)}",
        f"收 {slip.to.name} {slip.to.phone} {slip.to.region}",
        f"系统 System: {document.told}",
    ]
    return [*told, f"留言 Note: {slip.note}"] if slip.note else told


def _tell(conn: Connection, found: Sequence[_Found], why: Cause) -> None:
    nos = {document.id: document.no for document in found}
    rows = conn.execute(
        "select distinct order_id, document_id from allocation where document_id = any(%s) order by 1, 2", (list(nos),)
    ).fetchall()
    write_own_events(conn, ((order_id, PRINTED, {"document": nos[i]}) for order_id, i in rows), why)
