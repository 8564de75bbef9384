"""Orders to be reviewed, and what the review made of them."""

from collections.abc import Mapping
from typing import Any

from models.batch import BatchOrigin
from models.database import transaction
from models.order import Cause
from tasks.amend import step_back
from tasks.batches import open_batch
from tasks.release import release_orders
from tasks.review_rules import read_rules_text, use_rules
from tests.fakes import NOON, FakePool, payload, why

PERSON = Cause("person:li", NOON, None, 1)


def guest(no: int, **changes: Any) -> dict[str, Any]:
    """An order of somebody without an account; its phone is its own."""
    return payload(no, customer_id=0, **changes)


def review(pool: FakePool, *payloads: Mapping[str, Any], run: str = "run-1") -> dict[str, list[str]]:
    """Take orders in and review them; the open holds by order number."""
    pool.take([dict(one) for one in payloads], run=run)
    pool.through_the_stages(to="validate", batches=[max(pool.open_batches())])
    return pool.holds()


def evidence(pool: FakePool, code: str) -> dict[str, Any]:
    """The evidence of the only hold of a code."""
    ((found,),) = pool.rows("select evidence from hold where code = %s and released_at is null", code)
    return dict(found)


def put_in_force(text: str) -> None:
    """Put rules in force that differ from the usual ones."""
    use_rules(read_rules_text(text, "test"), "", why())


def let_go(order_id: int, code: str) -> None:
    """Release a hold as a person does."""
    with transaction() as conn:
        release_orders(conn, [order_id], code, "looked at it", PERSON)


def review_again(pool: FakePool, *order_ids: int) -> dict[str, list[str]]:
    """Let orders begin again and review them; the open holds by order number."""
    with transaction() as conn:
        ((shop_id,),) = conn.execute("select id from shop where code = 'WOO'").fetchall()
        batch_id = open_batch(conn, shop_id, BatchOrigin.RESUME, "again", NOON)
        step_back(conn, batch_id, list(order_ids), why())
    pool.through_the_stages(to="validate", batches=[batch_id])
    return pool.holds()
