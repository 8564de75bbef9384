"""Which digits carriers get: the receiver's, or the sender's where the platform hides the receiver's."""

import pytest

from models.database import transaction
from tasks.parcel_phone import parcel_phones
from tests.fakes import FakePool
from tests.tasks.shipping import dispatched, report


def phones(pool: FakePool) -> list[str]:
    with transaction() as conn:
        ids = [row[0] for row in conn.execute("select id from parcel order by id").fetchall()]
        found = parcel_phones(conn, ids)
    return [found[parcel_id] for parcel_id in ids]


@pytest.mark.parametrize(
    ("receiver", "sender", "given"),
    [
        ("5678", "0571-88880000", "5678"),
        ("", "0571-88880000", "0000"),
        ("", "+86 138 1234 4321", "4321"),
        ("", "", ""),
    ],
)
def test_the_last_four_digits_of_a_parcel(pool: FakePool, receiver: str, sender: str, given: str) -> None:
    dispatched(pool)
    report(pool, {"YT1": {1: 3, 2: 1}})
    pool.execute("update receiver set phone_last4 = %s", receiver)
    pool.execute("update warehouse set sender_phone = %s", sender)

    assert phones(pool) == [given]
