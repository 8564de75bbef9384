"""What a newer platform version of a known order does: each change has the effect that the table of amendments says."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from models.database import Connection, copy_rows, one
from models.hold import Finding, HoldCode, place_holds, release_holds
from models.incoming import IncomingOrder, LineState, PayState
from models.order import LINE_COLUMNS, Cause, Stage, write_events, write_own_events
from models.rules.amendment import (
    DISPATCHED,
    PAYMENT,
    REASONS,
    Difference,
    Effect,
    Field,
    Handover,
    Standing,
    Stops,
    difference,
    effects,
)
from models.rules.fuller import fuller_notes, fuller_receiver
from models.rules.invoice import fuller_invoice
from models.rules.purposes import Purpose
from models.rules.review_findings import stopping_topics
from models.rules.waiting import latest_end
from models.settings import SHANGHAI
from tasks.asked_back import ask_back
from tasks.intercepts import called_off
from tasks.kept_stock import forget_kits, keep_wanted, return_to_pool
from tasks.known_orders import Known, facts_of, load_known
from tasks.openings import note_opening
from tasks.receivers import Personal, fuller_cut, personal_of, save_personal
from tasks.refunds import note_platform_refunds
from tasks.release_room import renew_room_waits
from tasks.rules_in_force import current_rules
from tasks.shop_settings import handling_of

_FACTS = """
  update orders o set pay_state = n.pay_state, platform_status = n.platform_status, paid_at = n.paid_at,
    modified_at = n.modified_at, ship_by = n.ship_by, not_ready = n.not_ready,
    split_from = coalesce(nullif(n.split_from, ''), o.split_from), goods_fen = n.goods_fen,
    discount_fen = n.discount_fen, freight_fen = n.freight_fen, total_fen = n.total_fen, paid_fen = n.paid_fen,
    refunded_fen = n.refunded_fen, cod_fen = n.cod_fen
  from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
              %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
              %s::bigint[], %s::bigint[])
       n(id, pay_state, platform_status, paid_at, modified_at, ship_by, not_ready, split_from, goods_fen,
         discount_fen, freight_fen, total_fen, paid_fen, refunded_fen, cod_fen)
  where o.id = n.id"""

_KEPT = frozenset(
    {HoldCode.SKIPPED, HoldCode.REPLAYED, HoldCode.MANUAL, HoldCode.REJECTED, HoldCode.RESTORED, HoldCode.LOCK_EXPIRED}
)
"""Holds that news of the shop does not end: those that a person placed, and LOCK_EXPIRED, which payment ends.

Else a buyer could keep stock without paying, by changing the order now and then.
"""


@dataclass(frozen=True, slots=True)
class Amendment:
    """A newer version of an order: what it says now, its line rows, and the personal values of its payload by place."""

    order_id: int
    order: IncomingOrder
    lines: list[tuple[Any, ...]]
    cut: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What a newer version changes of what is known, and with what effect."""

    amendment: Amendment
    known: Known
    difference: Difference
    effects: dict[Field, Effect]

    @property
    def order_id(self) -> int:
        return self.amendment.order_id

    def fields(self, effect: Effect) -> list[Field]:
        return [field for field, its in self.effects.items() if its is effect]

    @property
    def keeps_pay_state(self) -> bool:
        return any(field in PAYMENT for field in self.fields(Effect.REFUSE))

    @property
    def pay_state(self) -> PayState:
        return self.known.facts.pay_state if self.keeps_pay_state else self.amendment.order.pay_state


def amend_orders(conn: Connection, batch_id: int, amendments: Sequence[Amendment], why: Cause) -> int:
    """Take over newer versions as the table of amendments says; returns how many orders begin again in this batch.

    An order that begins again keeps what it has locked, as far as it wants it. A document that is blocked is not sent
    any more; where its warehouse may know it, a hold says that the warehouse has other facts. What was shipped stays as
    it was; where money of a return went back, its refund hears of it.
    """
    ids = [amendment.order_id for amendment in amendments]
    note_opening(conn, Purpose.NEWER_VERSION, why.actor, why.at, ids, detail={"batch": batch_id})
    known = load_known(conn, ids)
    stops = _stops(conn, batch_id)
    rulings = [_judge(known[amendment.order_id], amendment, stops) for amendment in amendments]
    _note_facts(conn, rulings)
    write_own_events(conn, (event for ruling in rulings for event in _events(ruling)), why)
    again = [ruling for ruling in rulings if ruling.fields(Effect.RE_REVIEW)]
    if again:
        step_back(conn, batch_id, [ruling.order_id for ruling in again], why, "the shop changed it")
    _note_lines(conn, rulings)
    keep_wanted(conn, [ruling.order_id for ruling in again], why)
    _move_deadlines(conn, rulings)
    _end_waits_in_time(conn, [ruling.order_id for ruling in rulings if Field.PROMISE in ruling.effects])
    _block_documents(conn, rulings, why)
    asked = ask_back(conn, {document for ruling in rulings for document in _at_warehouse(ruling)}, why)
    _tell_a_person(conn, [ruling for ruling in rulings if _concerns_a_person(ruling)], asked, why)
    note_platform_refunds(conn, [ruling.order_id for ruling in rulings], why)
    off = [ruling.order_id for ruling in rulings if _is_called_off(ruling)]
    if off:
        called_off(conn, off, "the shop called it off after it left", why)
    return len(again)


def step_back(
    conn: Connection, batch_id: int, order_ids: Sequence[int], why: Cause, because: str = "it begins again"
) -> None:
    """Put orders back to ingested in a batch, with their route given up and decided holds dropped.

    They keep the units that they still want, locked in the SKU pool; one that the shop cancelled keeps none. Lines
    that the shop amended while the order was dispatched become its lines. Whoever then changes lines further calls
    `keep_wanted` after it. An order that a person cancelled comes back under REJECTED: a person decides about it anew.
    `because` is told of those that leave a merge by it.
    """
    ids = list(order_ids)
    return_to_pool(conn, ids, why, because)
    take_amended_lines(conn, ids)
    keep_wanted(conn, ids, why)
    release_holds(conn, ids, [code for code in HoldCode if code not in _KEPT], why)
    release_holds(conn, _no_longer_unpaid(conn, ids), [HoldCode.LOCK_EXPIRED], why)
    _reject_called_off(conn, ids, why)
    conn.execute(
        "update order_state set stage = 'ingested', batch_id = %s, rule_version = %s where order_id = any(%s)",
        (batch_id, why.rule_version, ids),
    )
    write_events(conn, ids, Stage.INGESTED.value, why, {"batch": batch_id})


def _reject_called_off(conn: Connection, order_ids: Sequence[int], why: Cause) -> None:
    """Hold those of the orders that are cancelled because a person cancelled them."""
    rows = conn.execute(
        """select s.order_id, e.actor, e.at, e.detail->>'reason' from order_state s
           cross join lateral (
             select what, actor, at, detail from event
             where order_id = s.order_id and what in ('called_off', 'ingested') order by id desc limit 1) e
           where s.order_id = any(%s) and s.stage = 'cancelled' and e.what = 'called_off' order by 1""",
        (list(order_ids),),
    ).fetchall()
    place_holds(conn, [(row[0], called_off_finding(*row[1:])) for row in rows], why)


def called_off_finding(actor: str, at: datetime, reason: str) -> Finding:
    """The hold of an order that a person cancelled, when its shop changes it after that."""
    by, when = actor.removeprefix("person:"), f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    return Finding(
        HoldCode.REJECTED,
        f"cancelled by {by} at {when} (China): {reason}; the shop changed it since",
        {"reason": reason, "by": by, "cancelled_at": when},
    )


def _no_longer_unpaid(conn: Connection, order_ids: Sequence[int]) -> list[int]:
    rows = conn.execute(
        "select id from orders where id = any(%s) and pay_state <> 'unpaid' order by id", (list(order_ids),)
    ).fetchall()
    return [row[0] for row in rows]


def take_amended_lines(conn: Connection, order_ids: Sequence[int]) -> None:
    """Let the lines that the shop amended meanwhile take the place of those that were decided on."""
    ids = list(order_ids)
    amended = conn.execute(
        "select order_id, line_no, sku_id from amended_line where order_id = any(%s)", (ids,)
    ).fetchall()
    if not amended:
        return
    forget_kits(conn, sorted({row[0] for row in amended}), amended)
    conn.execute(
        """delete from order_line l where order_id = any(%s)
           and exists (select 1 from amended_line a where a.order_id = l.order_id)""",
        (ids,),
    )
    columns = ", ".join(LINE_COLUMNS)
    conn.execute(
        f"""with taken as (delete from amended_line where order_id = any(%s) returning {columns})
            insert into order_line ({columns}) select {columns} from taken""".encode(),
        (ids,),
    )


def _stops(conn: Connection, batch_id: int) -> Stops:
    """What stops a parcel of the batch's shop, by the review rules in force."""
    row = conn.execute(
        "select s.code from batch b join shop s on s.id = b.shop_id where b.id = %s", (batch_id,)
    ).fetchone()
    return partial(stopping_topics, shop=one(row)[0], rules=current_rules(conn))


def _judge(known: Known, amendment: Amendment, stops: Stops) -> _Ruling:
    now = facts_of(amendment.order, personal_of(amendment.order, amendment.cut))
    told = difference(known.facts, now, stops)
    return _Ruling(amendment, known, told, effects(known.standing, told.fields))


def _concerns_a_person(ruling: _Ruling) -> bool:
    return bool(ruling.fields(Effect.BLOCK) or ruling.fields(Effect.REFUSE))


def _is_called_off(ruling: _Ruling) -> bool:
    """Whether the shop cancelled an order of which parcels left, or refunded all of it."""
    stopped = {*ruling.fields(Effect.BLOCK), *ruling.fields(Effect.REFUSE)}
    left = any(document.handover in (Handover.LEFT, Handover.PART_LEFT) for document in ruling.known.documents)
    return left and (Field.CANCEL in stopped or (Field.REFUND in stopped and _is_refunded(ruling)))


def _is_refunded(ruling: _Ruling) -> bool:
    """Whether nothing of the order is wanted any more: all money went back, or every line was called off at once."""
    order = ruling.amendment.order
    if 0 < order.paid_fen <= order.refunded_fen:
        return True
    # a line that was closed before, or of an order that is shipped there, may have been closed as shipped
    was_open = all(line.state is not LineState.CLOSED and not line.gone for line in ruling.known.facts.lines.values())
    all_closed = bool(order.lines) and all(line.state is LineState.CLOSED for line in order.lines)
    return was_open and all_closed and order.pay_state not in (PayState.SHIPPED, PayState.FINISHED)


def _tell_a_person(conn: Connection, rulings: Sequence[_Ruling], asked: Collection[int], why: Cause) -> None:
    """Hold orders that were dispatched and changed; a hold that is open tells all that changed since it was placed.

    `asked`: the documents that their warehouses are asked to give back.
    """
    rows = conn.execute(
        """select order_id, evidence->'fields' from hold
           where order_id = any(%s) and code = 'CHANGED_LATE' and released_at is null""",
        ([ruling.order_id for ruling in rulings],),
    ).fetchall()
    told: dict[int, list[str] | None] = dict(rows)
    findings = [(ruling.order_id, _finding(ruling, told.get(ruling.order_id) or (), asked)) for ruling in rulings]
    place_holds(conn, findings, why, renew=True)


def _finding(ruling: _Ruling, told: Sequence[str], asked: Collection[int]) -> Finding:
    """What a person is to know: what changed, with what the open hold told before."""
    order = ruling.amendment.order
    stopped, refused = ruling.fields(Effect.BLOCK), ruling.fields(Effect.REFUSE)
    nos = [document.no for document in ruling.known.documents]
    back = [document.no for document in ruling.known.documents if document.id in asked]
    fields = list(dict.fromkeys([*told, *(field.value for field in (*stopped, *refused))]))
    news = ", ".join(fields)
    end = f"{', '.join(nos)} left before; what was shipped stays" if refused else _what_stops(ruling.known, back)
    return Finding(
        HoldCode.CHANGED_LATE,
        f"the shop changed the order after its dispatch ({news}); {end}",
        {
            "fields": fields,
            "documents": nos,
            "pay_state": order.pay_state.value,
            "refunded_fen": order.refunded_fen,
            **({"asked_back": back} if back else {}),
        },
    )


def _at_warehouse(ruling: _Ruling) -> list[int]:
    """The documents that are blocked and that a warehouse has, or may have."""
    if not ruling.fields(Effect.BLOCK):
        return []
    return [document.id for document in ruling.known.documents if document.handover is Handover.SENT]


def _what_stops(known: Known, asked_back: Sequence[str]) -> str:
    nos = ", ".join(document.no for document in known.documents if not document.ended)
    if known.standing is Standing.UNSENT:
        return f"{nos} was not sent yet and is taken back"
    if asked_back:
        return f"{nos} is blocked, and its warehouse is asked to give {', '.join(asked_back)} back"
    if nos:
        return f"{nos} is blocked; its warehouse works from what was known then"
    left = [document.no for document in known.documents if document.handover is Handover.LEFT]
    return f"{', '.join(left)} left; what lacked waits" if left else "its warehouse gave it back"


def _events(ruling: _Ruling) -> Iterable[tuple[int, str, dict[str, Any]]]:
    refused = dict.fromkeys(ruling.fields(Effect.REFUSE), Effect.REFUSE)
    taken = {field: effect for field, effect in ruling.effects.items() if effect is not Effect.REFUSE}
    if taken or not refused:
        yield ruling.order_id, "amended", _told(ruling, taken)
    if refused:
        yield ruling.order_id, "amendment_refused", _told(ruling, refused)


def _told(ruling: _Ruling, of: Mapping[Field, Effect]) -> dict[str, Any]:
    detail: dict[str, Any] = {"pay_state": ruling.amendment.order.pay_state.value}
    detail["fields"] = {field.value: effect.value for field, effect in of.items()}
    if ruling.difference.lines and not of.keys().isdisjoint(_LINE_FIELDS):
        detail["lines"] = ruling.difference.lines
    if ruling.difference.parts and not of.keys().isdisjoint(_RECEIVER_FIELDS):
        detail["receiver"] = list(ruling.difference.parts)
    return detail


_LINE_FIELDS = {Field.GOODS, Field.REFUND, Field.REFUND_WITHDRAWN, Field.SHIPPED}
_RECEIVER_FIELDS = {Field.ADDRESS, Field.CONTACT}


def _note_facts(conn: Connection, rulings: Sequence[_Ruling]) -> None:
    rows = [_facts(ruling) for ruling in rulings]
    conn.execute(_FACTS, [[row[place] for row in rows] for place in range(15)])
    fuller = {ruling.order_id: _fuller(ruling) for ruling in rulings}
    known = {ruling.order_id: ruling.known.personal for ruling in rulings}
    save_personal(conn, {i: personal for i, personal in fuller.items() if personal != known[i]})


def _facts(ruling: _Ruling) -> tuple[Any, ...]:
    order = ruling.amendment.order
    return (
        ruling.order_id,
        ruling.pay_state.value,
        order.platform_status,
        order.paid_at,
        order.modified_at,
        order.ship_by,
        ruling.known.not_ready if ruling.keeps_pay_state else order.not_ready,
        order.split_from,
        order.goods_fen,
        order.discount_fen,
        order.freight_fen,
        order.total_fen,
        order.paid_fen,
        order.refunded_fen,
        order.cod_fen,
    )


def _fuller(ruling: _Ruling) -> Personal:
    known, new = ruling.known.personal, personal_of(ruling.amendment.order, ruling.amendment.cut)
    refused = not _RECEIVER_FIELDS.isdisjoint(ruling.fields(Effect.REFUSE))
    # parts of two addresses do not mix, neither here nor when the payload is read again
    moved = Field.ADDRESS in ruling.effects
    return Personal(
        known.receiver if refused else fuller_receiver(known.receiver, new.receiver),
        fuller_notes(known.notes, new.notes),
        new.cut if moved else fuller_cut(known.cut, new.cut, masked=new.receiver.masked),
        fuller_invoice(known.invoice, new.invoice),
    )


def _note_lines(conn: Connection, rulings: Sequence[_Ruling]) -> None:
    """Lines are replaced where nothing is decided on them, else kept aside; their states and prices are noted."""
    free = [ruling for ruling in rulings if _replaces_lines(ruling)]
    aside = [ruling for ruling in rulings if ruling.known.standing in DISPATCHED and Field.GOODS in ruling.effects]
    ids = [ruling.order_id for ruling in free]
    forget_kits(conn, ids, [(row[0], row[1], row[4]) for ruling in free for row in ruling.amendment.lines])
    conn.execute("delete from order_line where order_id = any(%s)", (ids,))
    copy_rows(conn, "order_line", LINE_COLUMNS, (row for ruling in free for row in ruling.amendment.lines))
    conn.execute("delete from amended_line where order_id = any(%s)", ([ruling.order_id for ruling in aside],))
    copy_rows(conn, "amended_line", LINE_COLUMNS, (row for ruling in aside for row in ruling.amendment.lines))
    rows = [row for ruling in rulings if not _replaces_lines(ruling) for row in ruling.amendment.lines]
    for table in ("order_line", "amended_line"):
        conn.execute(
            f"""update {table} l set state = n.state, unit_price_fen = n.price, paid_fen = n.paid
                from unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
                     n(order_id, line, state, price, paid)
                where l.order_id = n.order_id and l.platform_line = n.line
                  and (l.state, l.unit_price_fen, l.paid_fen) is distinct from (n.state, n.price, n.paid)""".encode(),
            [[row[place] for row in rows] for place in (0, 2, 9, 7, 8)],
        )


def _replaces_lines(ruling: _Ruling) -> bool:
    if ruling.known.standing in DISPATCHED:
        return False
    return bool(ruling.fields(Effect.RE_REVIEW)) or Field.GOODS in ruling.effects


def _move_deadlines(conn: Connection, rulings: Sequence[_Ruling]) -> None:
    """A new promise is what documents under way are measured by; the earliest of all orders in them counts.

    So it is for orders that wait for room in their warehouse.
    """
    documents = [
        document.id
        for ruling in rulings
        if Field.PROMISE in ruling.effects
        for document in ruling.known.documents
        if not document.ended
    ]
    conn.execute("select 1 from outbound_document where id = any(%s) order by id for update", (documents,))
    conn.execute(
        """update outbound_document d set ship_by = n.at, deadline_at = n.at
           from (select a.document_id, min(o.ship_by) as at from allocation a join orders o on o.id = a.order_id
                 where a.document_id = any(%s) group by 1) n
           where d.id = n.document_id and n.at is not null""",
        (documents,),
    )
    renew_room_waits(conn, [ruling.order_id for ruling in rulings if Field.PROMISE in ruling.effects])


def _end_waits_in_time(conn: Connection, order_ids: Sequence[int]) -> None:
    """A promise that moved may let the waits that people and merging chose end earlier, never later.

    Goods of a presale wait for their day again where the promise now leaves the time.
    """
    rows = conn.execute(
        """select h.id, o.ship_by, s.settings, case h.code when 'PRESALE'
             then (h.evidence->>'from')::timestamp at time zone 'Asia/Shanghai' else h.release_at end
           from hold h join orders o on o.id = h.order_id join shop s on s.id = o.shop_id
           where h.order_id = any(%s) and h.code in ('MANUAL', 'SIBLING', 'PRESALE') and h.released_at is null
             and h.release_at is not null order by h.id""",
        (list(order_ids),),
    ).fetchall()
    ends = {hold: latest_end(until, ship_by, handling_of(settings)) for hold, ship_by, settings, until in rows}
    conn.execute(
        """update hold h set release_at = n.at from unnest(%s::bigint[], %s::timestamptz[]) n(id, at)
           where h.id = n.id and (h.release_at > n.at or h.code = 'PRESALE' and h.release_at < n.at)""",
        (list(ends), list(ends.values())),
    )


def _block_documents(conn: Connection, rulings: Sequence[_Ruling], why: Cause) -> None:
    # of several orders in a document the last says whose news it was
    blocks = {
        (document.id, reason): ruling.order_id
        for ruling in rulings
        for document in ruling.known.documents
        if not document.ended
        for reason in sorted({REASONS[field].value for field in ruling.fields(Effect.BLOCK)})
    }
    conn.execute(
        """insert into document_block (document_id, order_id, reason, placed_at)
           select d, o, r, %s from unnest(%s::bigint[], %s::bigint[], %s::text[]) b(d, o, r)
           order by 1, 3
           on conflict (document_id, reason) where lifted_at is null
           do update set order_id = excluded.order_id, placed_at = excluded.placed_at""",
        (why.at, [document for document, _ in blocks], list(blocks.values()), [reason for _, reason in blocks]),
    )
