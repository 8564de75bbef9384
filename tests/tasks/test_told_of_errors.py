"""What runs tell of errors: bounded, and without the values of orders."""

import re

import psycopg
import pytest
from prefect.exceptions import CrashedRun
from psycopg import errors as pg

from models.errors import MOST_TOLD, SetupError, StepFailed
from models.masking import mask_phone
from tasks.runs import held_rows, in_one_line
from tasks.skip import skip
from tests.fakes import FakePool, payload
from tests.tasks.merged import person

PHONE = "13912345678"


def test_an_error_that_nobody_foresaw_is_told_by_its_place_and_not_by_its_words() -> None:
    with pytest.raises(ValueError, match=PHONE) as elsewhere:
        int(f"{PHONE} 欧阳修远")
    with pytest.raises(TypeError) as ours:
        mask_phone(13)  # type: ignore[arg-type]

    assert re.fullmatch(r"ValueError at \S+:\d+", in_one_line(elsewhere.value))
    assert re.fullmatch(r"TypeError at models\.masking:\d+", in_one_line(ours.value))


def test_a_database_says_why_but_not_which_value_it_could_not_read() -> None:
    assert in_one_line(pg.CheckViolation("stock below nothing\nDETAIL: the row")) == (
        "CheckViolation: stock below nothing"
    )
    assert in_one_line(psycopg.OperationalError("connection refused")) == "OperationalError: connection refused"
    assert PHONE not in in_one_line(pg.InvalidTextRepresentation(f'invalid input syntax: "{PHONE}"'))


def test_prefect_says_in_its_own_words_what_became_of_a_step() -> None:
    assert in_one_line(CrashedRun("Execution was cancelled")) == "CrashedRun: Execution was cancelled"


def test_what_is_told_is_bounded() -> None:
    assert len(in_one_line(SetupError("x" * 5 * MOST_TOLD))) == MOST_TOLD
    assert len(str(StepFailed("route: 3 orders stopped: " + "x" * 5 * MOST_TOLD))) == MOST_TOLD


def test_what_a_person_wrote_to_a_hold_stays_in_the_console(pool: FakePool) -> None:
    pool.stock(TEA=1)
    pool.take([payload(n) for n in (1, 2)])
    pool.through_the_stages(to="lock_stock")
    skip([1], f"欧阳修远 called, {PHONE}", person())

    assert held_rows(1) == [
        {"order": "2", "hold": "SHORT_STOCK", "why": "not enough stock: 1 of TEA wanted, 0 there"},
        {"order": "1", "hold": "SKIPPED", "why": "a person placed it and wrote why"},
    ]
