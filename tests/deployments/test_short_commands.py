"""`orderpool order settle-short` and `orderpool short-rule` as a person gives them."""

import pytest
from typer.testing import CliRunner

from deployments import commands
from tests.deployments.test_order_desk import order
from tests.fakes import FakePool
from tests.tasks.shipping import dispatched, report


@pytest.fixture
def short(database: str) -> FakePool:
    """An order of 3 TEA and 1 CUP that left with 1 TEA."""
    pool = dispatched(FakePool())
    report(pool, {"YT1": {1: 1}})
    return pool


def rule(*words: str) -> tuple[int, str]:
    commands.load()
    done = CliRunner().invoke(commands.app, ["short-rule", *words])
    return done.exit_code, done.output + str(done.exception or "")


def test_what_lacks_is_settled_by_its_order_number(short: FakePool) -> None:
    code, said = order("settle-short", "1", "--way", "refund", "--reason", "the buyer asks")

    assert (code, said.strip()) == (0, "order 1 of WOO: what lacks of it is closed for the buyer and to be refunded")
    assert short.rows("select distinct state from remainder") == [("refunded",)]


def test_what_cannot_be_is_told_with_its_sentence(short: FakePool) -> None:
    code, said = order("settle-short", "1", "--way", "reroute", "--reason", "the buyer waits")

    assert code == 1
    assert "order 1: cannot reroute 1 of CUP, 2 of TEA; no warehouse can send it now" in said


def test_a_warehouse_gets_a_rule_shows_it_and_loses_it(short: FakePool) -> None:
    assert rule()[1].startswith("no warehouse has a rule")
    assert rule("WH-A", "back_order") == (0, "warehouse WH-A: back_order\n")
    assert rule()[1].split() == ["WH-A", "back_order"]
    assert rule("WH-A") == (0, "warehouse WH-A: no rule of its own\n")
    assert rule("WH-A", "whatever")[0] == 1
    assert short.rows("select after->>'short_ship' from setup_change where code = 'WH-A' order by id") == [
        ("back_order",),
        (None,),
    ]


def test_a_parcel_is_wanted_back_listed_and_its_carriers_word_noted(short: FakePool) -> None:
    code, said = order("intercept", "1", "--reason", "the buyer called")
    assert (code, said.startswith("order 1 of WOO: its parcels are wanted back")) == (0, True)

    listed = parcel("wanted-back")
    assert listed.startswith("! yuantong YT1  by_phone, label_created, since ")
    assert "orders 1 of OB" in listed
    assert parcel("carrier-says", "YT1", "--yes", "--answer", "on Monday") == "parcel YT1: noted\n"
    assert short.rows("select state, answer from parcel_intercept") == [("agreed", "on Monday")]


def parcel(*words: str) -> str:
    commands.load()
    return CliRunner().invoke(commands.app, ["parcel", *words]).output
