"""A pool that was restored from a copy: the outside is ahead of it, so nothing goes to a warehouse a second time.

What was handed over after the copy was taken is not in it. Such an order stands before its dispatch again, or is read
again from its platform, and would get another instruction with another number. Until a person has compared with the
warehouses, orders that were paid before the restore wait at dispatch under RESTORED.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import Connection, one
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds, release_holds
from models.order import Cause
from models.settings import SHANGHAI, clock

BIG_STEP = 10_000_000
SMALL_STEP = 1_000_000
"""How far numbers jump, of eight and of four bytes: beyond what can have been given away since the copy was taken."""

_BEFORE_DISPATCH = "s.stage in ('ingested', 'validated', 'locked', 'routed')"
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Restore:
    """The copy that the pool came from, and when it was brought back."""

    id: int
    taken_at: datetime
    restored_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """How many orders go on, and how many stay back because a warehouse has them."""

    released: int
    kept: int


def open_restore(conn: Connection, *, ending: bool = False) -> Restore | None:
    """The restore that nobody has confirmed; held for this transaction, `ending` for itself alone."""
    lock = b"for update" if ending else b"for share"
    row = conn.execute(
        b"select id, taken_at, restored_at from backup where restored_at is not null and confirmed_at is null "
        b"order by id desc limit 1 " + lock
    ).fetchone()
    return Restore(*row) if row else None


def hold_restored(conn: Connection, restore: Restore | None, order_ids: Sequence[int], why: Cause) -> int:
    """Hold those of the orders that a warehouse may know already; returns how many."""
    if restore is None or not order_ids:
        return 0
    known = perhaps_known(conn, order_ids)
    sentence = f"{_copied(restore)}; its warehouse may have it already, `orderpool confirm-restore` lets it go on"
    finding = Finding(HoldCode.RESTORED, sentence, {"taken_at": _china(restore.taken_at)})
    return place_holds(conn, [(order_id, finding) for order_id in known], why)


def perhaps_known(conn: Connection, order_ids: Collection[int]) -> list[int]:
    """Those of the orders of which a warehouse may have an instruction that the pool does not remember, ascending.

    Until a restore is confirmed those are the ones paid before it; of orders paid at the door, the ones placed before.
    """
    rows = conn.execute(
        """select id from orders where id = any(%s) and coalesce(paid_at, created_at) < (
             select max(restored_at) from backup where restored_at is not null and confirmed_at is null)
           order by id""",
        (list(order_ids),),
    ).fetchall()
    return [row[0] for row in rows]


def confirm_restore(conn: Connection, instructed: Sequence[str], why: Cause) -> Confirmed:
    """End the wait after a restore: all go on but the orders of these numbers, which their warehouses have.

    Those stay under RESTORED until a person releases them by that code. Raises SetupError when no restore waits, a
    shop was not read past it, a number is not in the pool, or the document of one is being asked back.
    """
    restore = open_restore(conn, ending=True)
    if restore is None:
        raise SetupError("no restore waits to be confirmed")
    _must_be_read(conn, restore)
    kept = _instructed(conn, instructed)
    sentence = f"{_copied(restore)}; its warehouse has it by an instruction sent after that, and ships it"
    finding = Finding(HoldCode.RESTORED, sentence, {"taken_at": _china(restore.taken_at), "instructed": True})
    place_holds(conn, [(order_id, finding) for order_id in kept], why, renew=True)
    waiting = conn.execute(
        "select order_id from hold where code = 'RESTORED' and released_at is null and order_id <> all(%s) order by 1",
        (kept,),
    ).fetchall()
    released = release_holds(
        conn, [row[0] for row in waiting], [HoldCode.RESTORED], why, resume=True, reason="the restore was confirmed"
    )
    conn.execute(
        "update backup set confirmed_at = %s, confirmed_by = %s where restored_at is not null and confirmed_at is null",
        (why.at, why.actor),
    )
    return Confirmed(released, len(kept))


def _must_be_read(conn: Connection, restore: Restore) -> None:
    # what is read only afterwards would go to its warehouse unseen
    rows = conn.execute(
        "select code, watermark from shop where active and watermark is not null and watermark < %s order by 1",
        (restore.restored_at,),
    ).fetchall()
    if rows:
        shops = ", ".join(f"{code} (read up to {_china(watermark)})" for code, watermark in rows)
        raise SetupError(
            f"restore: not confirmed, for orders from before it are still to be read from {shops}; "
            "let their next windows run first"
        )


def _instructed(conn: Connection, numbers: Sequence[str]) -> list[int]:
    """The orders of these numbers that are not dispatched in the pool, locked, ascending."""
    wanted = list(dict.fromkeys(numbers))
    rows = conn.execute(
        "select n from unnest(%s::text[]) n where not exists (select 1 from orders o where o.order_no = n)", (wanted,)
    ).fetchall()
    if rows:
        shown = ", ".join(row[0] for row in rows[:SHOWN]) + (", ..." if len(rows) > SHOWN else "")
        raise SetupError(
            f"restore: not confirmed, for {len(rows)} of {len(wanted)} order numbers are not in the pool ({shown}); "
            "read their shops again, or leave them out when they are none of ours"
        )
    asked_back = conn.execute(
        """select distinct d.no from orders o join allocation a on a.order_id = o.id
           join outbound_document d on d.id = a.document_id
           join document_block b on b.document_id = d.id and b.lifted_at is null
           where o.order_no = any(%s) order by 1""",
        (wanted,),
    ).fetchall()
    if asked_back:
        # its orders would go on by a new document, and the warehouse has one of after the copy
        raise SetupError(
            f"restore: not confirmed, for warehouses have not answered on {len(asked_back)} documents of these orders "
            f"that are asked back ({', '.join(row[0] for row in asked_back[:SHOWN])}); wait for their reports"
        )
    found = conn.execute(
        f"""select s.order_id from order_state s join orders o on o.id = s.order_id
            where o.order_no = any(%s) and {_BEFORE_DISPATCH} order by 1 for update of s""".encode(),
        (wanted,),
    ).fetchall()
    return [row[0] for row in found]


def begin_backup(conn: Connection, key_check: bytes, why: Cause) -> int:
    """Write down a copy that is about to be taken, so that it is in it; returns its id."""
    return int(
        one(
            conn.execute(
                "insert into backup (taken_at, taken_by, key_check) values (%s, %s, %s) returning id",
                (why.at, why.actor, key_check),
            ).fetchone()
        )
    )


def end_backup(conn: Connection, backup_id: int, size_bytes: int) -> None:
    """Write down that a copy was taken."""
    conn.execute(
        "update backup set finished_at = %s, size_bytes = %s where id = %s", (clock().now(), size_bytes, backup_id)
    )


def recovered(conn: Connection, to: datetime, key_check: bytes, why: Cause) -> None:
    """Note that PostgreSQL itself brought this pool back to a moment, and do what a restore from a copy does."""
    conn.execute(
        "insert into backup (taken_at, taken_by, key_check, finished_at) values (%s, %s, %s, %s)",
        (to, why.actor, key_check, why.at),
    )
    for statement, values in brought_back(why):
        conn.execute(statement.encode(), values)


def brought_back(why: Cause) -> list[tuple[str, tuple[Any, ...]]]:
    """What a pool needs that was just brought back, in the transaction that did so.

    It notes the restore; takes messages that wait for perhaps delivered, since they may have been sent meanwhile; and
    lets all numbers jump, since ids that were given away since the copy was taken are known outside: a warehouse
    would take a new document of an old number for a repeat, and a run of Prefect an old batch for its own.
    """
    return [
        (
            """update backup set restored_at = %s, restored_by = %s, finished_at = coalesce(finished_at, taken_at)
               where id = (select max(id) from backup)""",
            (why.at, why.actor),
        ),
        ("update outbox set in_doubt = true where state in ('pending', 'refused') and kind <> 'stock'", ()),
        (
            """select setval(format('%%I.%%I', schemaname, sequencename)::regclass,
                             coalesce(last_value, start_value)
                             + case data_type when 'bigint'::regtype then %s else %s end)
               from pg_sequences where schemaname = 'public'""",
            (BIG_STEP, SMALL_STEP),
        ),
    ]


def _copied(restore: Restore) -> str:
    return f"the pool was restored from a copy of {_china(restore.taken_at)}"


def _china(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
