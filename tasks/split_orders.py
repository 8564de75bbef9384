"""Orders that a platform split into others: the old one gives way to the new ones, and never do both leave."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.database import Connection
from models.hold import Finding, HoldCode, place_holds, release_holds
from models.order import Cause, Stage, advance, write_own_events
from models.rules.splits import Member, settle
from tasks.amend import step_back
from tasks.kept_stock import give_back_route, take_stock_of
from tasks.lock_stock import unlock_stock

# upwards and downwards from the seeds; `union` ends a circle
_FAMILY = """
  with recursive family as (
    select o.id, o.shop_id, o.external_id, o.split_from from orders o where o.id = any(%s) and (
      o.split_from <> '' or exists (
        select 1 from orders c where c.shop_id = o.shop_id and c.split_from = o.external_id and c.split_from <> ''))
    union
    select o.id, o.shop_id, o.external_id, o.split_from from family f join lateral (
      select p.* from orders p where p.shop_id = f.shop_id and p.external_id = f.split_from and f.split_from <> ''
      union all
      select c.* from orders c where c.shop_id = f.shop_id and c.split_from = f.external_id and c.split_from <> ''
    ) o on true)
  select id from family"""


def settle_splits(conn: Connection, batch_id: int, why: Cause) -> None:
    """Settle the families of the batch's ingested orders, before they are reviewed.

    An order that was split and is not on its way is closed: its stock is given back, it ends as cancelled. When it is
    on its way already, its children are held as duplicates. Families reach into other batches; all rows are locked
    together in order of their ids, as every stage does.
    """
    rows = conn.execute(
        "select order_id from order_state where batch_id = %s and stage = 'ingested' order by 1", (batch_id,)
    ).fetchall()
    mine = [row[0] for row in rows]
    relatives = relatives_of(conn, mine)
    if not relatives:
        return
    family = _locked(conn, sorted({*mine, *relatives}), relatives)
    settlement = settle(family)
    take_stock_of(conn, sorted({*settlement.closed, *settlement.held}))
    _close(conn, settlement.closed, why)
    _hold(conn, batch_id, settlement.held, family, why)
    free_children(conn, list(settlement.closed), why)


def relatives_of(conn: Connection, order_ids: Sequence[int]) -> list[int]:
    """The families of these orders, themselves included; orders that were never split have none."""
    return [row[0] for row in conn.execute(_FAMILY, (list(order_ids),))]


def free_children(conn: Connection, order_ids: Sequence[int], why: Cause) -> int:
    """Let those go on that were held because one of these orders was on its way, and none above them is any more.

    Called when an order that was dispatched turns out never to leave; the caller has locked the families. Returns how
    many go on.
    """
    relatives = relatives_of(conn, order_ids)
    if not relatives:
        return 0
    still = settle(_locked(conn, relatives, relatives)).held
    freed = _held_for_splits(conn, relatives) - still.keys()
    return release_holds(conn, sorted(freed), [HoldCode.DUPLICATE], why, resume=True)


def _held_for_splits(conn: Connection, order_ids: Sequence[int]) -> set[int]:
    rows = conn.execute(
        """select order_id from hold where order_id = any(%s) and code = 'DUPLICATE' and released_at is null
           and evidence ? 'split_from'""",
        (list(order_ids),),
    ).fetchall()
    return {row[0] for row in rows}


def _locked(conn: Connection, order_ids: Sequence[int], family: Sequence[int]) -> dict[int, Member]:
    rows = conn.execute(
        """select s.order_id, o.external_id, o.split_from, s.stage from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) order by s.order_id for update of s""",
        (list(order_ids),),
    ).fetchall()
    members = set(family)
    return {row[0]: Member(row[1], row[2], Stage(row[3])) for row in rows if row[0] in members}


def _close(conn: Connection, closed: Mapping[int, Sequence[int]], why: Cause) -> None:
    ids = sorted(closed)
    if not ids:
        return
    unlock_stock(conn, ids, why)
    give_back_route(conn, ids, why, "the platform split it")
    release_holds(conn, ids, list(HoldCode), why)
    nos = _nos(conn, [child for children in closed.values() for child in children])
    news = ((parent, "split", {"into": [nos[child] for child in children]}) for parent, children in closed.items())
    write_own_events(conn, news, why)
    advance(conn, ids, Stage.CANCELLED, why)


def _hold(conn: Connection, batch_id: int, held: Mapping[int, int], family: Mapping[int, Member], why: Cause) -> None:
    # what has come further elsewhere gives its stock back and waits here
    further = {order_id for order_id in held if family[order_id].stage is not Stage.INGESTED}
    if further := further - _held_for_splits(conn, sorted(further)):
        step_back(conn, batch_id, sorted(further), why)
        unlock_stock(conn, sorted(further), why)
    ways = _documents(conn, sorted(set(held.values())))
    place_holds(conn, [(child, _finding(*ways[parent])) for child, parent in sorted(held.items())], why)


def _finding(parent_no: str, documents: list[str]) -> Finding:
    on_its_way = f"is on its way as {', '.join(documents)}" if documents else "is on its way"
    return Finding(
        HoldCode.DUPLICATE,
        f"the platform split it from order {parent_no}, which {on_its_way}",
        {"split_from": parent_no, "documents": documents},
    )


def _documents(conn: Connection, order_ids: list[int]) -> dict[int, tuple[str, list[str]]]:
    rows: list[tuple[Any, ...]] = conn.execute(
        """select o.id, o.order_no, array_remove(array_agg(distinct d.no), null) from orders o
           left join allocation a on a.order_id = o.id left join outbound_document d on d.id = a.document_id
           where o.id = any(%s) group by 1, 2""",
        (order_ids,),
    ).fetchall()
    return {row[0]: (row[1], sorted(row[2])) for row in rows}


def _nos(conn: Connection, order_ids: list[int]) -> dict[int, str]:
    return dict(conn.execute("select id, order_no from orders where id = any(%s)", (order_ids,)).fetchall())
