"""Parcels that left and are wanted back: who wants it, what their carriers are asked, and what came of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.carriers.kuaidi100_label import Kuaidi100Label
from models.database import Connection
from models.intercept import FOR_PEOPLE, INTERCEPT_STEPS, InterceptState, InterceptWay, ReturnTo
from models.messages import OutboxKind
from models.order import Cause, write_own_events
from models.shipment import PARCEL_ENDS, ParcelStage
from tasks.counterparts import KUAIDI100
from tasks.credentials import Owner, secrets_of
from tasks.effects import Effect, post

_ENDED = [stage.value for stage in PARCEL_ENDS]


@dataclass(frozen=True, slots=True)
class InterceptRow:
    """A parcel that is wanted back, with what a person needs who phones its carrier about it."""

    carrier: str
    waybill: str
    state: InterceptState
    stage: ParcelStage
    reason: str
    answer: str
    wanted_at: datetime
    warehouse: str
    document: str
    orders: tuple[str, ...]

    @property
    def for_people(self) -> bool:
        """Whether a person has to do something."""
        return self.state in FOR_PEOPLE


def open_intercepts(conn: Connection) -> list[InterceptRow]:
    """The parcels that are wanted back and neither came back nor were delivered, the oldest wish first."""
    rows = conn.execute(
        """select p.carrier, p.waybill, i.state, p.stage, i.reason, i.answer, i.wanted_at, w.code, d.no,
                  array(select distinct o.order_no from parcel_line l join orders o on o.id = l.order_id
                        where l.parcel_id = p.id order by 1)
           from parcel_intercept i join parcel p on p.id = i.parcel_id
           join outbound_document d on d.id = p.document_id join warehouse w on w.id = d.warehouse_id
           where i.state not in ('done', 'missed') order by i.wanted_at, p.id"""
    ).fetchall()
    return [
        InterceptRow(
            carrier,
            waybill,
            InterceptState(state),
            ParcelStage(stage),
            reason,
            answer,
            at,
            warehouse,
            no,
            tuple(orders),
        )
        for carrier, waybill, state, stage, reason, answer, at, warehouse, no, orders in rows
    ]


def called_off(conn: Connection, order_ids: Collection[int], reason: str, why: Cause) -> None:
    """Want the parcels of orders back that their shop called off after they left; the caller has locked the orders.

    Carriers are asked at once where the shop says so, else a person decides. A box that other orders share waits for a
    person in any case.
    """
    parcels = on_the_road(conn, order_ids)
    want(conn, list(parcels), reason, why)
    rows = conn.execute(
        """select p.id from parcel p join outbound_document d on d.id = p.document_id join shop s on s.id = d.shop_id
           where p.id = any(%s) and s.settings->>'intercept' = %s order by 1""",
        ([parcel for parcel, others in parcels.items() if not others], InterceptWay.AUTO.value),
    ).fetchall()
    ask(conn, [row[0] for row in rows], why)


def follow(conn: Connection, parcel_ids: Collection[int], stage: ParcelStage, why: Cause) -> None:
    """End the wishes for parcels that came back, were delivered, or were called off by their carrier."""
    if stage is ParcelStage.DELIVERED:
        move(conn, parcel_ids, InterceptState.MISSED, why)
    elif stage in PARCEL_ENDS:
        answer = None if stage is ParcelStage.RETURNED else "its carrier called the parcel off"
        move(conn, parcel_ids, InterceptState.DONE, why, answer)


def move(
    conn: Connection, parcel_ids: Collection[int], to: InterceptState, why: Cause, answer: str | None = None
) -> list[int]:
    """Move the wishes for these parcels where a step leads there; their orders are told. Returns which moved."""
    entry = [state.value for state, nexts in INTERCEPT_STEPS.items() if to in nexts]
    rows = conn.execute(
        """update parcel_intercept set state = %s, changed_at = %s, answer = coalesce(%s, answer)
           where parcel_id = any(%s) and state = any(%s) returning parcel_id""",
        (to.value, why.at, answer, sorted(parcel_ids), entry),
    ).fetchall()
    moved = sorted(row[0] for row in rows)
    _tell(conn, moved, to, {"answer": answer} if answer else {}, why)
    return moved


def take_parcels_of(conn: Connection, order_ids: Collection[int]) -> None:
    """Lock the parcels of these orders by id, as news of them does: none ends before the caller's transaction."""
    conn.execute(
        """select 1 from parcel where id in (select parcel_id from parcel_line where order_id = any(%s)
             and parcel_id in (select x.id from parcel x join allocation a on a.document_id = x.document_id
                               where a.order_id = any(%s)))
           order by id for update""",
        (list(order_ids), list(order_ids)),
    )


def on_the_road(conn: Connection, order_ids: Collection[int], among: Collection[int] = ()) -> dict[int, list[str]]:
    """Parcels of these orders that have not ended, locked, with the numbers of orders in them that are in neither set.

    Whoever asks for one order after the other takes the parcels of all first.
    """
    take_parcels_of(conn, order_ids)
    mine = sorted({*order_ids, *among})
    rows = conn.execute(
        """select p.id, coalesce(array_agg(distinct o.order_no) filter (where o.id <> all(%s)), '{}')
           from parcel p join parcel_line l on l.parcel_id = p.id join orders o on o.id = l.order_id
           where p.stage <> all(%s) and p.id in (select parcel_id from parcel_line where order_id = any(%s)
             and parcel_id in (select x.id from parcel x join allocation a on a.document_id = x.document_id
                               where a.order_id = any(%s)))
           group by 1 order by 1""",
        (mine, _ENDED, list(order_ids), list(order_ids)),
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def want(conn: Connection, parcel_ids: Sequence[int], reason: str, why: Cause) -> None:
    """Note that these parcels are wanted back, each once."""
    rows = conn.execute(
        """insert into parcel_intercept (parcel_id, state, wish, reason, asked_by, wanted_at, changed_at)
           select p, 'wanted', %s, %s, %s, %s, %s from unnest(%s::bigint[]) p order by 1
           on conflict do nothing returning parcel_id""",
        (ReturnTo.ADDRESS.value, reason, why.actor, why.at, why.at, list(parcel_ids)),
    ).fetchall()
    _tell(conn, [row[0] for row in rows], InterceptState.WANTED, {"reason": reason}, why)


def ask(conn: Connection, parcel_ids: Sequence[int], why: Cause) -> None:
    """Ask for these parcels as far as the service can, once each; the others are for the phone."""
    credentials = secrets_of(conn, Owner.CARRIER, KUAIDI100)
    rows = conn.execute(
        """select p.id, p.carrier, d.batch_id from parcel p join outbound_document d on d.id = p.document_id
           where p.id = any(%s) order by 1""",
        (list(parcel_ids),),
    ).fetchall()
    batches = {row[0]: row[2] for row in rows if Kuaidi100Label.can_intercept(credentials, row[1])}
    asked = move(conn, batches, InterceptState.ASKED, why)
    kind = OutboxKind.INTERCEPT
    post(conn, [Effect(kind, f"carrier:{KUAIDI100}", i, f"intercept-{i}", batches[i]) for i in asked], why.at)
    move(conn, [row[0] for row in rows if row[0] not in batches], InterceptState.BY_PHONE, why)


def _tell(conn: Connection, parcel_ids: Sequence[int], to: InterceptState, more: dict[str, str], why: Cause) -> None:
    rows = conn.execute(
        """select distinct l.order_id, p.waybill from parcel_line l join parcel p on p.id = l.parcel_id
           where p.id = any(%s) order by 1, 2""",
        (list(parcel_ids),),
    ).fetchall()
    events = [(order_id, _EVENTS[to], {"parcel": waybill, **more}) for order_id, waybill in rows]
    write_own_events(conn, events, why)


_EVENTS = {
    InterceptState.WANTED: "intercept_wanted",
    InterceptState.ASKED: "intercept_asked",
    InterceptState.AGREED: "intercept_agreed",
    InterceptState.REFUSED: "intercept_refused",
    InterceptState.IN_DOUBT: "intercept_in_doubt",
    InterceptState.BY_PHONE: "intercept_by_phone",
    InterceptState.DONE: "intercept_done",
    InterceptState.MISSED: "intercept_missed",
}
