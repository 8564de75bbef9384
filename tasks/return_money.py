"""What of an order's money may still go back, and what its buyer is owed for units that never left."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from models.database import Connection
from models.rules.kits import kits_touched
from models.rules.returns import UNDECIDED, room_fen, worth_fen


class Room(NamedTuple):
    """What a buyer paid for an order, and how much of it may still go back."""

    paid_fen: int
    left_fen: int

    @property
    def gone_fen(self) -> int:
        """What went back, or is promised to."""
        return self.paid_fen - self.left_fen


def room_of(conn: Connection, order_id: int, but: int | None = None) -> Room:
    """How much of an order's money may still go back, without what the return `but` asks for.

    What other returns ask for is promised, except where the goods were called off before anybody agreed. Whoever is to
    be sure of it has locked the order's refunds.
    """
    ((paid_fen, refunded_fen, promised_fen, done_fen),) = conn.execute(
        """select o.paid_fen, o.refunded_fen, coalesce(m.promised, 0)::bigint, coalesce(m.done, 0)::bigint
           from orders o cross join (
             select sum(f.amount_fen) filter (
                      where f.state = any(%(undecided)s) and (f.state <> 'wanted' or r.state <> 'called_off')
                    ) as promised,
                    sum(f.amount_fen) filter (where f.state = 'done') as done
             from return_order r join refund f on f.return_id = r.id
             where r.order_id = %(order)s and r.id is distinct from %(but)s::bigint) m
           where o.id = %(order)s""",
        {"undecided": [state.value for state in UNDECIDED], "order": order_id, "but": but},
    ).fetchall()
    settled_fen = done_fen + owed_for_lacking(conn, [order_id])[order_id]
    return Room(paid_fen, room_fen(paid_fen, promised_fen, settled_fen, refunded_fen))


def owed_for_lacking(conn: Connection, order_ids: Sequence[int]) -> Counter[int]:
    """What the buyers of these orders are owed for units that warehouses lacked, paid by now or not, in fen.

    A kit counts whole as soon as a part of it lacks.
    """
    rows = conn.execute(
        """select r.order_id, l.paid_fen, l.quantity,
                  jsonb_object_agg(r.sku_id, r.units), jsonb_object_agg(r.sku_id, coalesce(c.per_unit, 1))
           from (select order_id, line_no, sku_id, sum(units) as units from remainder
                 where order_id = any(%s) and state = 'refunded' group by 1, 2, 3) r
           join order_line l on l.order_id = r.order_id and l.line_no = r.line_no
           left join line_component c on c.order_id = r.order_id and c.line_no = r.line_no and c.sku_id = r.sku_id
           group by r.order_id, r.line_no, 2, 3""",
        (list(order_ids),),
    )
    owed: Counter[int] = Counter()
    for order_id, paid_fen, quantity, units, per_unit in rows:
        owed[order_id] += worth_fen(kits_touched(per_unit, units), quantity, paid_fen)
    return owed
