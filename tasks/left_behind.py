"""What a run leaves behind though it completed: orders that are held, payloads that could not be read."""

from collections.abc import Sequence

from models.database import transaction
from models.rules.faults import Fault
from tasks.runs import EXAMPLES, Obstacle


def unreadable(batch_ids: Sequence[int]) -> list[Obstacle]:
    """Per shop and problem: how many payloads of these batches wait in quarantine, and some of their platform ids."""
    with transaction() as conn:
        rows = conn.execute(
            """select s.code, count(*), regexp_replace(q.problem, '^order [^:]*: ', '') as problem,
                      (array_agg(q.external_id order by q.id))[1:%s]
               from quarantined_order q join shop s on s.id = q.shop_id
               where q.batch_id = any(%s) and q.released_at is null group by 1, 3 order by 2 desc, 3""",
            (EXAMPLES, list(batch_ids)),
        ).fetchall()
    return [
        Obstacle(shop, count, problem, Fault.UNREADABLE, tuple(each[:64] for each in ids))
        for shop, count, problem, ids in rows
    ]


def held_in_words(batch_ids: Sequence[int]) -> str:
    """`; held: 3 SHORT_STOCK, 1 BAD_AMOUNT` of the orders of these batches, "" when none is held."""
    with transaction() as conn:
        rows = conn.execute(
            """select h.code, count(*) from order_state s join hold h on h.order_id = s.order_id
               where s.batch_id = any(%s) and h.released_at is null group by 1 order by 2 desc, 1""",
            (list(batch_ids),),
        ).fetchall()
    return "; held: " + ", ".join(f"{count} {code}" for code, count in rows) if rows else ""
