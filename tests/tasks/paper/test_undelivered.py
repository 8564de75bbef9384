"""What is picked by paper is what waits for its warehouse and may leave."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.settings import clock
from tasks.paper.documents import print_documents
from tasks.paper.undelivered import LATE, list_undelivered
from tests.fakes import FakePool
from tests.tasks.merged import person


@pytest.mark.parametrize(("wish", "listed"), [("pending", 1), ("refused", 1), ("delivered", 1), ("withdrawn", 2)])
def test_what_is_asked_back_is_not_listed_so_that_the_others_can_be_printed(
    pool: FakePool, wish: str, listed: int
) -> None:
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 1}, {"TEA": 1}])
    pool.through_the_stages()
    pool.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, batch_id, state, attempts, in_doubt,
             next_at, last_error, created_at)
           select 'outbound.cancel_requested', counterpart, subject_id, revision, key || '-cancel', batch_id, %s, 0,
             false, next_at, '', created_at
           from outbox where kind = 'outbound.created' order by id limit 1""",
        wish,
    )

    with transaction() as conn:
        (late,) = list_undelivered(conn, clock().now() + LATE + timedelta(days=3650))
        assert (late.waiting, len(late.nos)) == (listed, listed)
        assert len(print_documents(conn, late.nos, person()).documents) == listed
