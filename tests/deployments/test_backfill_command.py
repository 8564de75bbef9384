"""`orderpool backfill`: what is refused before anything begins, and how backfills stand without Prefect."""

import json
from datetime import timedelta

import pytest

from models.errors import SetupError
from models.order import Cause
from tasks.backfill import checked_wish, note_done, note_problem, open_spans, register
from tests.deployments.calling import run
from tests.fakes import NOON, FakePool

SINCE = NOON - timedelta(days=2)


@pytest.fixture
def standing(pool: FakePool) -> int:
    """A backfill of three hours: one done, one failed, one not begun."""
    wish = checked_wish("WOO", SINCE, SINCE + timedelta(hours=3), 60, 2)
    backfill_id = register(wish, Cause("person:ann", NOON, None, 1))[0].id
    spans = open_spans(backfill_id)
    note_done(spans[0], NOON)
    note_problem(spans[1], "dispatch: 12 of 90 not delivered")
    return backfill_id


def test_nobody_asked_for_one(pool: FakePool) -> None:
    assert "nobody has asked for a backfill" in run("backfill", "list")


def test_the_list_says_how_each_stands(standing: int) -> None:
    assert run("backfill", "list") == (
        "1: WOO, 2026-11-18 12:00 to 2026-11-18 15:00 in windows of 60 min, asked by person:ann on 11-20 12:00: "
        "1 of 3 windows done, 1 did not finish\n"
    )


def test_one_is_shown_by_shop_with_what_did_not_finish(standing: int) -> None:
    shown = run("backfill", "show", standing)

    assert "  WOO: 1 of 3 windows; 0 new, 0 changed and 0 unreadable orders; 0 windows read" in shown
    assert "  not finished: WOO 11-18 13:00: dispatch: 12 of 90 not delivered" in shown


def test_machines_get_the_same(standing: int) -> None:
    (listed,) = json.loads(run("backfill", "list", "--json"))
    shown = json.loads(run("backfill", "show", standing, "--json"))

    assert (listed["windows"], listed["done"], listed["failed"]) == (3, 1, 1)
    assert shown["by_shop"][0]["shop"] == shown["not_finished"][0]["shop"] == "WOO"


def test_one_that_is_not_there_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="backfill 9: there is no such backfill"):
        run("backfill", "show", 9)


def test_what_is_missing_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="want --since, --until"):
        run("backfill", "--shop", "WOO")


def test_a_wish_that_cannot_be_fulfilled_writes_nothing(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="it ends before it begins"):
        run("backfill", "--shop", "all", "--since", "2026-11-12", "--until", "2026-11-11")

    assert pool.rows("select count(*) from backfill") == [(0,)]
