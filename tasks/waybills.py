"""E-waybills of own warehouses: wanted when a document is accepted, used when a parcel leaves, else given back."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from models.database import Connection, one
from models.errors import SetupError
from models.floor import HANDHELD
from models.messages import OutboxKind
from models.order import Cause
from models.shipment import ENDED, DocumentState
from models.waybill import WaybillState
from tasks.effects import Effect, post
from tasks.stock_counters import columns
from tasks.waybill_accounts import SETTING, counterpart_of
from tasks.waybill_rows import cancel_key, move_waybills, order_key, tell_of_waybills

_WORKING: Final = frozenset(DocumentState) - ENDED - {DocumentState.CREATED, DocumentState.PUT_BACK}
"""States of a document that its warehouse has and works on, to send it off."""

WITH_SERVICE: Final = f"""
  select d.id, d.no, d.batch_id, d.carrier, w.code, w.settings->'{SETTING}'->>'service', d.state
  from outbound_document d join warehouse w on w.id = d.warehouse_id
  where w.wms = '{HANDHELD}' and w.settings->'{SETTING}'->'carriers' ? d.carrier"""
"""Documents whose warehouse has an account for e-waybills of their carrier, to be narrowed."""


def waybill_of(conn: Connection, document_ids: Collection[int]) -> Mapping[int, set[str]]:
    """The numbers under which these documents may leave, by document; those without an e-waybill are not in it."""
    numbers: dict[int, set[str]] = {}
    for document_id, number in conn.execute(
        "select document_id, number from waybill where document_id = any(%s) and state in ('got', 'used')",
        (list(document_ids),),
    ):
        numbers.setdefault(document_id, set()).add(number)
    return numbers


def owner_of(conn: Connection, numbers: Collection[str]) -> Mapping[str, int]:
    """The document for which each of these numbers was given last, also of one that was given back since."""
    as_kept = {number.upper(): number for number in numbers if number}
    rows = conn.execute(
        "select number, document_id from waybill where number = any(%s) order by state <> 'cancelled', id",
        (list(as_kept),),
    ).fetchall()
    return {as_kept[number]: document_id for number, document_id in rows}


def follow_documents(
    conn: Connection, states: Mapping[int, DocumentState], left: Sequence[tuple[int, str]], why: Cause
) -> None:
    """What documents that moved mean for their e-waybills; `left` are (document, number) of parcels that left now.

    The caller has locked the documents. Safe to repeat.
    """
    use_waybills(conn, left, why)
    drop_waybills(conn, [i for i, state in states.items() if state in ENDED], why)
    want_waybills(conn, [i for i, state in states.items() if state in _WORKING], why)


def want_waybills(conn: Connection, document_ids: Collection[int], why: Cause) -> int:
    """Ask for an e-waybill for each of these documents whose warehouse has an account for its carrier.

    One that was asked for stays as it is. Returns how many are new.
    """
    if not document_ids:
        return 0
    query = f"{WITH_SERVICE} and d.id = any(%s) order by d.id"
    rows = conn.execute(query.encode(), (list(document_ids),)).fetchall()
    made = conn.execute(
        """insert into waybill (document_id, package_no, service, carrier, number, order_key, state, task_id,
                                service_no, wanted_at)
           select n.document_id, 1, n.service, n.carrier, '', n.order_key, 'wanted', '', '', %s
           from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) n(document_id, service, carrier, order_key)
           order by 1 on conflict (document_id, package_no) do nothing returning id, document_id, order_key""",
        (why.at, *columns([(row[0], row[5], row[3], order_key(row[1], 1)) for row in rows], 4)),
    ).fetchall()
    places = {i: (counterpart_of(service, code), batch_id) for i, _, batch_id, _, code, service, _ in rows}
    post(conn, [_wish(*places[document_id], i, key) for i, document_id, key in made], why.at)
    tell_of_waybills(conn, [row[0] for row in made], WaybillState.WANTED, why)
    return len(made)


def _wish(counterpart: str, batch_id: int, waybill_id: int, key: str) -> Effect:
    return Effect(OutboxKind.WAYBILL, counterpart, waybill_id, key, batch_id)


def want_another(conn: Connection, document_no: str, why: Cause) -> int:
    """Ask for an e-waybill for one more package of a document; returns which package that is.

    Raises SetupError when the document is not being worked on, or its warehouse has no account for its carrier.
    """
    query = f"{WITH_SERVICE} and d.no = %s for update of d"
    row = conn.execute(query.encode(), (document_no,)).fetchone()
    if row is None:
        raise SetupError(f"document {document_no}: its warehouse has no account for e-waybills of its carrier")
    document_id, _, batch_id, carrier, code, service, state = row
    if DocumentState(state) not in _WORKING:
        raise SetupError(f"document {document_no}: gets no further e-waybill; it is {state}")
    counted = conn.execute("select max(package_no) from waybill where document_id = %s", (document_id,)).fetchone()
    package_no = (one(counted) or 0) + 1
    key = order_key(document_no, package_no)
    made = conn.execute(
        """insert into waybill (document_id, package_no, service, carrier, number, order_key, state, task_id,
                                service_no, wanted_at)
           values (%s, %s, %s, %s, '', %s, 'wanted', '', '', %s) returning id""",
        (document_id, package_no, service, carrier, key, why.at),
    ).fetchone()
    waybill_id = int(one(made))
    post(conn, [_wish(counterpart_of(service, code), batch_id, waybill_id, key)], why.at)
    tell_of_waybills(conn, [waybill_id], WaybillState.WANTED, why)
    return package_no


def use_waybills(conn: Connection, left: Sequence[tuple[int, str]], why: Cause) -> None:
    """Parcels left under these numbers of their documents; what was to be cancelled of them is not any more."""
    if not left:
        return
    rows = conn.execute(
        """select v.id, v.order_key from waybill v
           join unnest(%s::bigint[], %s::text[]) n(document_id, number)
             on v.document_id = n.document_id and v.number = upper(n.number)
           order by v.id for update of v""",
        ([row[0] for row in left], [row[1] for row in left]),
    ).fetchall()
    move_waybills(conn, [row[0] for row in rows], WaybillState.USED, why)
    _withdraw(conn, [cancel_key(row[1]) for row in rows])


def drop_waybills(conn: Connection, document_ids: Collection[int], why: Cause) -> None:
    """Give back what these documents, which ended, have not used of their e-waybills, each once.

    One that was never asked for ends at once; of the others the service is told, when it is known under which number.
    """
    if not document_ids:
        return
    rows = conn.execute(
        """select id, order_key, number from waybill
           where document_id = any(%s) and state in ('wanted', 'got', 'refused') and unwanted_at is null
           order by id for update""",
        (list(document_ids),),
    ).fetchall()
    if not rows:
        return
    ids = [row[0] for row in rows]
    conn.execute("update waybill set unwanted_at = %s where id = any(%s)", (why.at, ids))
    # one that a person wrote in is made as well, whatever became of the wish for it
    numbered = {i for i, _, number in rows if number}
    messages = [row for row in _messages(conn, ids) if row[3] or row[0] in numbered]
    made = {row[0] for row in messages}
    _withdraw(conn, [key for i, key, _ in rows if i not in made])
    move_waybills(conn, [i for i in ids if i not in made], WaybillState.CANCELLED, why)
    keys = {i: key for i, key, _ in rows}
    post(
        conn,
        [
            Effect(OutboxKind.WAYBILL_CANCEL, counterpart, i, cancel_key(keys[i]), batch_id)
            for i, counterpart, batch_id, _ in messages
        ],
        why.at,
    )


def _messages(conn: Connection, waybill_ids: Sequence[int]) -> list[tuple[int, str, int, bool]]:
    """Per e-waybill who was to make it, for which batch, and whether it may be made; its messages are locked.

    Whoever sends marks them first: it waits for us, or we see what it marked.
    """
    conn.execute(
        "select 1 from outbox where kind = 'waybill' and subject_id = any(%s) order by id for update",
        (list(waybill_ids),),
    )
    return conn.execute(
        """select subject_id, min(counterpart), min(batch_id), bool_or(state = 'delivered' or in_doubt) from outbox
           where kind = 'waybill' and subject_id = any(%s) group by 1 order by 1""",
        (list(waybill_ids),),
    ).fetchall()


def _withdraw(conn: Connection, keys: Sequence[str]) -> None:
    conn.execute(
        "update outbox set state = 'withdrawn' where key = any(%s) and state in ('pending', 'refused')", (list(keys),)
    )
