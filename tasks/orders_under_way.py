"""Orders on their way through the stages, taken so that no run works on them meanwhile: their batches, then they."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.rows import TupleRow

from models.batch import BatchState
from models.database import Connection
from models.errors import SetupError
from models.incoming import OrderKind
from models.order import Stage

ENTRY: Final[dict[str, Stage]] = {
    "validate": Stage.INGESTED,
    "lock_stock": Stage.VALIDATED,
    "route": Stage.LOCKED,
    "dispatch": Stage.ROUTED,
}
"""The stages of a run that orders can be sent to again, and where an order stands that waits for each."""

UNDER_WAY: Final = tuple(ENTRY.values())
"""Where an order stands that is not dispatched, in the order of the way."""


@dataclass(frozen=True, slots=True)
class OrderUnderWay:
    """An order, where it stands, and the batch that carries it."""

    id: int
    no: str
    shop_id: int
    stage: Stage
    batch_id: int
    batch_state: BatchState
    kind: OrderKind

    @property
    def over(self) -> str:
        """Why it is on no way at all; "" when it is."""
        if self.kind is OrderKind.HEADER:
            return "it carries no goods"
        return "it is cancelled" if self.stage is Stage.CANCELLED else ""


def entry_of(stage: str) -> Stage:
    """Where orders stand that wait for a stage of a run. Raises SetupError naming the stages there are."""
    try:
        return ENTRY[stage]
    except KeyError as error:
        raise SetupError(f"there is no stage {stage}; the stages are {', '.join(ENTRY)}") from error


def orders_of_batch(conn: Connection, batch_id: int, stages: Sequence[Stage] = tuple(Stage)) -> list[int]:
    """The orders of a batch that stand at one of these stages; nobody else works on it before the transaction ends.

    Raises SetupError when there is no such batch.
    """
    if conn.execute("select 1 from batch where id = %s for update", (batch_id,)).fetchone() is None:
        raise SetupError(f"batch {batch_id}: is not in the pool")
    rows = conn.execute(
        "select order_id from order_state where batch_id = %s and stage = any(%s) order by 1",
        (batch_id, [stage.value for stage in stages]),
    ).fetchall()
    return [row[0] for row in rows]


def take_orders_under_way(conn: Connection, order_ids: Collection[int]) -> dict[int, OrderUnderWay]:
    """Lock the batches of these orders, then the orders, each by id; gives those that are known, by id.

    A stage that is at work on one of the batches is waited for.
    """
    ids = sorted(set(order_ids))
    while True:
        batches = conn.execute(
            """select id from batch where id in (select batch_id from order_state where order_id = any(%s))
               order by id for update""",
            (ids,),
        ).fetchall()
        conn.execute("select 1 from order_state where order_id = any(%s) order by order_id for update", (ids,))
        rows = conn.execute(
            """select s.order_id, o.order_no, o.shop_id, s.stage, s.batch_id, b.state, o.kind from order_state s
               join orders o on o.id = s.order_id join batch b on b.id = s.batch_id
               where s.order_id = any(%s) order by 1""",
            (ids,),
        ).fetchall()
        # one that came into another batch before it was locked: that batch is waited for as well
        if {row[4] for row in rows} <= {row[0] for row in batches}:
            return {row[0]: _order(row) for row in rows}


def _order(row: TupleRow) -> OrderUnderWay:
    return OrderUnderWay(row[0], row[1], row[2], Stage(row[3]), row[4], BatchState(row[5]), OrderKind(row[6]))
