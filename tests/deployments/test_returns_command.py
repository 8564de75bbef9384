"""`orderpool returns` as a person gives it."""

import json
from datetime import timedelta

import pytest

from models.errors import SetupError
from tests.clocks import TickingClock, in_force
from tests.deployments.calling import run
from tests.fakes import FakePool
from tests.tasks.returning import shipped, stock


@pytest.fixture
def pool(database: str) -> FakePool:
    """Order 1 of 3 TEA and 1 CUP has left WH-A."""
    pool = FakePool()
    pool.stock(TEA=10, CUP=10)
    with in_force(TickingClock(timedelta(seconds=1))):
        shipped(pool)
    return pool


def no_of(said: str) -> str:
    return said.split()[1].rstrip(":")


def test_a_return_from_announcement_to_refund(pool: FakePool) -> None:
    said = run("returns", "announce", "1", "1=2", "--reason", "too large", "--waybill", "SF1234567890", "--carrier",
               "顺丰速运")  # fmt: skip
    no = no_of(said)
    assert said == f"return {no}: on_the_way, to WH-A\n"
    assert run("returns", "arrive", "SF1234567890") == "return SF1234567890: arrived in WH-A\n"
    assert run("returns", "inspect", no, "--good", "TEA=1", "--defect", "TEA=1") == (
        f"return {no}: inspected; 1 units are stock of WH-A again\n"
    )
    assert run("returns", "close", no, "--note", "scrapped") == f"return {no}: closed\n"
    assert run("returns", "refund", no, "agree", "--amount", "30.00") == f"return {no}: its refund is agreed\n"

    assert stock(pool, "TEA") == 8
    (row,) = json.loads(run("returns", "list", "--refund", "agreed", "--json"))
    assert (row["no"], row["state"], row["amount_fen"], row["carrier"]) == (no, "closed", 3000, "shunfeng")
    told = run("returns", "show", no)
    for part in ("line 1: 2 of TEA announced; 1 good, 1 defect", "why: too large", "refund_agreed", "scrapped"):
        assert part in told, part
    assert run("returns", "list", "--state", "arrived") == "no return\n"
    assert f"return {no} (return): closed, refund agreed" in run("order", "show", "1")


def test_an_exchange_and_what_is_sent_once_more(pool: FakePool) -> None:
    no = no_of(run("returns", "announce", "1", "1=1", "--reason", "other colour", "--for", "CUP=1"))
    run("returns", "inspect", no, "--all-good")

    assert run("returns", "exchange", no) == f"return {no}: order 1-E1 goes on with the next resume_orders run\n"
    assert run("returns", "reship", "1", "2=1", "--reason", "lost") == (
        "order 1-R1 goes on with the next resume_orders run\n"
    )
    assert "exchanged by 1-E1" in run("returns", "list", "--todo") + run("returns", "list")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (("announce", "1", "1=4", "--reason", "so"), "cannot return more than was shipped"),
        (("announce", "9", "1=1", "--reason", "so"), "order 9: is not in the pool"),
        (("announce", "1", "TEA", "--reason", "so"), "want LINE=QTY, such as 1=2"),
        (("announce", "1", "1=1", "--reason", "so", "--waybill", "x"), "waybill x: is none"),
        (
            ("announce", "1", "1=1", "--reason", "so", "--waybill", "SF12345678", "--carrier", "pigeon"),
            "pigeon: is not",
        ),
        (("announce", "1", "1=1", "--reason", "so", "--refund", "ten"), "amount 'ten'"),
        (("announce", "1", "1=1", "--reason", "so", "--for", "NOPE=1"), "cannot be exchanged for NOPE"),
        (("show", "RT1"), "return RT1: is not in the pool"),
        (("refund", "RT1", "maybe"), "refund maybe: is no decision"),
        (("list", "--state", "lost"), "--state lost: is none"),
        (("inspect", "RT1", "--all-good", "--good", "TEA=1"), "--all-good: says it all"),
    ],
)
def test_what_cannot_be_is_one_sentence(pool: FakePool, wish: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        run("returns", *wish)

    assert pool.rows("select count(*) from return_order") == [(0,)]


def test_a_return_is_called_off(pool: FakePool) -> None:
    no = no_of(run("returns", "announce", "1", "1=1", "--reason", "so"))

    assert run("returns", "call-off", no, "--reason", "keeps it").startswith(f"return {no}: called_off")
    assert run("returns", "refund", no, "withdraw", "--reason", "keeps it") == f"return {no}: its refund is none\n"
