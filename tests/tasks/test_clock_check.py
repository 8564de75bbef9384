"""A machine whose clock is off does nothing, and says by how much."""

import pytest

from models.errors import SetupError
from models.settings import settings
from tasks.clock_check import refuse_wrong_clock
from tests.clocks import StoppedClock, in_force


@pytest.mark.parametrize(("ahead_s", "words"), [("7200", "7200 s ahead of"), ("-7200", "7200 s behind")])
def test_a_clock_that_is_off_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch, ahead_s: str, words: str
) -> None:
    monkeypatch.setenv("ORDERPOOL_CLOCK_AHEAD_S", ahead_s)
    settings.cache_clear()

    with pytest.raises(SetupError, match=words):
        refuse_wrong_clock()


def test_the_machines_own_clock_is_trusted(database: str) -> None:
    refuse_wrong_clock()


def test_a_clock_that_was_chosen_is_left_alone(database: str) -> None:
    with in_force(StoppedClock()):
        refuse_wrong_clock()
