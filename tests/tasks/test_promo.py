"""A promo begins, counts while its time lasts, and ends by itself or by a person."""

from datetime import timedelta
from pathlib import Path

import pytest

from models.database import transaction
from models.errors import SetupError
from models.rules.promo import Pausable
from tasks.promo import (
    LONGEST,
    PromoInForce,
    batch_limit,
    current_promo,
    paused,
    promo_off,
    promo_on,
    read_profiles,
)
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload, why

EVENING = NOON + timedelta(hours=8)


def changes(pool: FakePool) -> list[tuple[str, str]]:
    rows = pool.rows("select actor, before->>'profile', after->>'profile' from setup_change where kind = 'promo'")
    return [(actor, f"{before or ''}->{after or ''}") for actor, before, after in rows]


def limit() -> int:
    with transaction() as conn:
        return batch_limit(conn, NOON)


def test_nothing_differs_without_a_promo(pool: FakePool, stopped: StoppedClock) -> None:
    assert current_promo() is None
    assert paused(Pausable.LEARN_PRICES) == ""
    assert limit() == 2000


def test_a_promo_counts_from_its_beginning_and_is_noted(pool: FakePool, stopped: StoppedClock) -> None:
    began = promo_on("big", EVENING, "Double Eleven, 电话 13912345678", why())

    assert current_promo() == began
    assert (began.profile, began.until, began.by) == ("big", EVENING, "test")
    assert "13912345678" not in str(began)
    assert limit() == 5000
    assert paused(Pausable.AUDIT_INGEST).startswith("audit_ingest is paused by promo big until 2026-11-20 20:00")
    assert changes(pool) == [("test", "->big")]


def test_a_promo_ends_by_itself_at_its_hour(pool: FakePool, stopped: StoppedClock) -> None:
    promo_on("big", EVENING, "", why())

    stopped.at = EVENING - timedelta(seconds=1)
    assert current_promo()
    stopped.at = EVENING
    assert current_promo() is None


def test_a_promo_that_is_over_is_put_away_by_the_next_one(pool: FakePool, stopped: StoppedClock) -> None:
    promo_on("big", EVENING, "", why())

    promo_on("usual", EVENING + timedelta(days=1), "", why(at=EVENING + timedelta(hours=1)))

    rows = pool.rows("select profile, ended_at, ended_by from promo order by id")
    assert rows == [("big", EVENING, "clock"), ("usual", None, None)]


def test_another_promo_takes_the_place_of_the_one_in_force(pool: FakePool, stopped: StoppedClock) -> None:
    promo_on("usual", EVENING, "", why())
    promo_on("big", EVENING, "", why())

    assert pool.rows("select profile, ended_by from promo order by id") == [("usual", "test"), ("big", None)]
    assert changes(pool) == [("test", "->usual"), ("test", "usual->big")]


def test_the_same_promo_twice_is_one(pool: FakePool, stopped: StoppedClock) -> None:
    assert promo_on("usual", EVENING, "", why()) == promo_on("usual", EVENING, "again", why())

    assert pool.rows("select count(*) from promo") == [(1,)]


def test_ending_a_promo_is_noted_and_ending_none_is_nothing(pool: FakePool, stopped: StoppedClock) -> None:
    promo_on("usual", EVENING, "", why())

    ended, again = promo_off(why()), promo_off(why())

    assert isinstance(ended, PromoInForce)
    assert (current_promo(), again) == (None, None)
    assert changes(pool) == [("test", "->usual"), ("test", "usual->")]


@pytest.mark.parametrize(
    ("profile", "until", "said"),
    [
        ("huge", EVENING, "promo huge: there is no such profile; there are usual, big"),
        ("big", NOON, "promo big: cannot last until 2026-11-20 12:00 in China; that has passed"),
        ("big", NOON + LONGEST * 2, "promo big: cannot last until 2027-01-21 12:00 in China; 31 days are the longest"),
    ],
)
def test_a_promo_that_cannot_be_is_refused(pool: FakePool, profile: str, until: object, said: str) -> None:
    with pytest.raises(SetupError, match=f"^{said}$"):
        promo_on(profile, until, "", why())  # type: ignore[arg-type]

    assert pool.rows("select count(*) from promo") == [(0,)]


def test_a_profile_of_a_file_counts_like_a_shipped_one(pool: FakePool, stopped: StoppedClock, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "profiles: {mine: {poll_seconds: 30, batch_size: 700, shops_at_once: 3, runs_at_once: 5, senders: 2,"
        " meter_release: false}}"
    )

    promo_on("mine", EVENING, "", why(), read_profiles(file))

    assert limit() == 700


def test_a_batch_is_as_large_as_the_promo_lets_it_be(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=10)
    mine = {"mine": read_profiles(Path("models/rules/promo.yaml"))["usual"].model_copy(update={"batch_size": 2})}
    promo_on("mine", EVENING, "", why(), mine)

    pool.take(*[[payload(n)] for n in range(1, 6)])

    assert pool.rows("select stored from batch order by id") == [(2,), (2,), (1,)]
