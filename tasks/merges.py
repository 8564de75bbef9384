"""Merges as rows: who is in which, who joins and who leaves; orders that a merge routes share one document.

Rows of merges are taken last, after orders, documents, stock and days, by id.
"""

from collections.abc import Collection, Iterable, Sequence

from models.database import Connection, copy_rows, take_ids
from models.order import Cause, write_own_events

DOCUMENT_UNIT = "coalesce(-{member}.group_id, {order}.order_id)"
"""What shares one document of a warehouse: the open merge of an order (`member`, left joined), else the order."""


def mates(conn: Connection, order_ids: Collection[int]) -> dict[int, int]:
    """The open merge of each of these orders that is in one, and of all others in the same, by order id."""
    rows = conn.execute(
        """select o.order_id, o.group_id from merge_member o where o.left_at is null and o.group_id in (
             select group_id from merge_member where order_id = any(%s) and left_at is null) order by 1""",
        (list(order_ids),),
    )
    return {row[0]: row[1] for row in rows}


def join(conn: Connection, shop_id: int, groups: Sequence[Sequence[int]], why: Cause) -> list[int]:
    """Make a merge of each of these groups of orders, none of which is in one; returns their ids.

    Each order's story says with whom it is merged.
    """
    ids = take_ids(conn, "merge_group_id_seq", len(groups))
    copy_rows(
        conn,
        "merge_group",
        ("id", "shop_id", "made_at", "made_by"),
        ((group_id, shop_id, why.at, why.actor) for group_id in ids),
    )
    members = [(group_id, order_id) for group_id, of in zip(ids, groups, strict=True) for order_id in of]
    copy_rows(
        conn,
        "merge_member",
        ("group_id", "order_id", "joined_at", "left_why"),
        ((group_id, order_id, why.at, "") for group_id, order_id in members),
    )
    nos = numbers(conn, [order_id for _, order_id in members])
    _tell(conn, "merged", [(group_id, of, of) for group_id, of in zip(ids, groups, strict=True)], nos, {}, why)
    return ids


def leave(conn: Connection, order_ids: Collection[int], why: Cause, because: str) -> None:
    """Take orders out of their open merges; one who is left alone in a merge is out of it as well, and it ends.

    The caller has locked these orders. To be called after what they share with the others was settled: who is in a
    merge says whose document a warehouse's day counts.
    """
    before = mates(conn, order_ids) if order_ids else {}
    if not before:
        return
    conn.execute("select 1 from merge_group where id = any(%s) order by id for update", (sorted({*before.values()}),))
    before = mates(conn, order_ids)  # others may have left meanwhile
    leaving = {*order_ids} & before.keys()
    staying: dict[int, list[int]] = {group_id: [] for group_id in before.values()}
    for order_id in before.keys() - leaving:
        staying[before[order_id]].append(order_id)
    ended = [group_id for group_id, rest in staying.items() if len(rest) < 2]
    alone = [order_id for group_id in ended for order_id in staying[group_id]]
    _end(conn, sorted(leaving), because, why)
    _end(conn, alone, "nobody else is left in the merge", why)
    conn.execute("update merge_group set ended_at = %s where id = any(%s)", (why.at, ended))
    told = [
        (group_id, [i for i in sorted(leaving) if before[i] == group_id], [i for i in before if before[i] == group_id])
        for group_id in staying
    ]
    _tell(conn, "unmerged", told, numbers(conn, before), {"why": because}, why)


def _end(conn: Connection, order_ids: Sequence[int], because: str, why: Cause) -> None:
    conn.execute(
        "update merge_member set left_at = %s, left_why = %s where order_id = any(%s) and left_at is null",
        (why.at, because, list(order_ids)),
    )


def _tell(
    conn: Connection,
    what: str,
    groups: Iterable[tuple[int, Sequence[int], Sequence[int]]],
    nos: dict[int, str],
    more: dict[str, str],
    why: Cause,
) -> None:
    """An event for the first orders of each (merge, orders, all of it), that names the others of it."""
    write_own_events(
        conn,
        (
            (
                order_id,
                what,
                {**more, "group": group_id, "with": [nos[other] for other in everybody if other != order_id]},
            )
            for group_id, of, everybody in groups
            for order_id in of
        ),
        why,
    )


def numbers(conn: Connection, order_ids: Collection[int]) -> dict[int, str]:
    """The order numbers by id."""
    rows = conn.execute("select id, order_no from orders where id = any(%s)", (list(order_ids),))
    return {row[0]: row[1] for row in rows}
