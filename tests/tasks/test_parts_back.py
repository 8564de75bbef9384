"""Orders in two documents that are asked back: a total table of what their answers come to, in any order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from models.database import transaction
from models.remainder import ShortWay
from models.rules.hold_words import hold_words
from models.rules.parts_back import PartAnswer, PartsOutcome, parts_outcome
from tasks import desk
from tasks.confirm import apply_confirmations
from tasks.reconcile import reconcile
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.merged import cause, deliver, events, finished, person, resumed, through, validated

WAREHOUSES = ("WH-A", "WH-B")
ANSWERS = ("yes", "no", "left")
CANCELS = ("the shop cancels", "the desk cancels")
WISHES = (*CANCELS, "the desk holds", "the desk rejects")


@pytest.fixture
def there(pool: FakePool, ticking: TickingClock) -> Iterator[FakePool]:
    """An order of 3 TEA and 2 CUP, in a document of WH-A with the TEA and one of WH-B with the CUP; both have it."""
    two_documents(pool)
    deliver()
    yield pool
    assert pool.untrue() == []
    assert reconcile() == []


def two_documents(pool: FakePool) -> None:
    pool.stock(TEA=3, CUP_B=2)
    batch_id = validated(pool, {"TEA": 3, "CUP": 2}, receiver=None)
    through(batch_id)
    finished(pool, batch_id)
    assert pool.rows("select count(*) from outbound_document") == [(2,)]


def wish(pool: FakePool, what: str) -> None:
    match what:
        case "the shop cancels":
            pool.take([payload(1, 1, "cancelled", units={"TEA": 3, "CUP": 2})], run="news")
        case "the desk cancels":
            assert desk.cancel([1], "the buyer called", person()).asked == [1]
        case "the desk holds":
            assert desk.hold([1], "the buyer called", person()).asked == [1]
        case "the desk rejects":
            assert desk.reject([1], "the buyer called", person()).asked == [1]


def no(pool: FakePool, warehouse: str) -> str:
    return str(
        pool.rows(
            """select d.no from outbound_document d join warehouse w on w.id = d.warehouse_id
               where w.code = %s order by d.id limit 1""",
            warehouse,
        )[0][0]
    )


def answers(pool: FakePool, warehouse: str, answer: str) -> list[str]:
    kind = {"yes": "cancelled", "no": "cancel_failed", "left": "shipped"}[answer]
    box = {"package_no": warehouse, "tracking_no": warehouse, "carrier_code": "yuantong"}
    more: dict[str, Any] = {"packages": [box], "final": True} if answer == "left" else {"reason_code": "PACKED"}
    return says(pool, warehouse, kind, **more)


def says(pool: FakePool, warehouse: str, kind: str, **more: Any) -> list[str]:
    envelope = {"type": f"outbound.{kind}", "data": {"outbound_no": no(pool, warehouse), **more}}
    with transaction() as conn:
        return [apply_confirmations(conn, [(1, warehouse, envelope)], cause())[1].ignored]


def remainders(pool: FakePool) -> list[tuple[Any, ...]]:
    return pool.rows(
        """select k.code, r.units, r.state from remainder r join sku k on k.id = r.sku_id order by r.document_id"""
    )


@pytest.mark.parametrize("answers", [of for size in (1, 2, 3) for of in product(PartAnswer, repeat=size)])
def test_the_outcome_of_any_answers_is_decided(answers: tuple[PartAnswer, ...]) -> None:
    found = parts_outcome(answers)

    assert (found is PartsOutcome.NOTHING) == (PartAnswer.BACK not in answers)
    assert (found is PartsOutcome.WAIT) == ({PartAnswer.BACK, PartAnswer.PENDING} <= set(answers))
    assert (found is PartsOutcome.WHOLE) == (set(answers) == {PartAnswer.BACK})


@pytest.mark.parametrize("state", ["accepted", "queued", "picking", "picked", "packed", "put_back"])
def test_a_part_that_is_being_worked_on_is_waited_for(there: FakePool, state: str) -> None:
    wish(there, "the desk cancels")
    assert len(deliver()) == 2
    assert says(there, "WH-B", state) == [""]
    assert answers(there, "WH-A", "yes") == [""]
    assert there.stages()["1"] != "cancelled"

    assert answers(there, "WH-B", "yes") == [""]

    assert there.stages()["1"] == "cancelled"
    assert there.locked("TEA") + there.locked("CUP") == 0


@pytest.mark.parametrize("first", WAREHOUSES)
@pytest.mark.parametrize("what", WISHES)
@pytest.mark.parametrize("said", list(product(ANSWERS, repeat=2)), ids="-".join)
def test_every_pair_of_answers_in_either_order(there: FakePool, first: str, what: str, said: tuple[str, str]) -> None:
    answer, units = dict(zip(WAREHOUSES, said, strict=True)), dict(zip(WAREHOUSES, (3, 2), strict=True))
    wish(there, what)
    assert len(deliver()) == 2

    for warehouse in sorted(WAREHOUSES, key=lambda code: code != first):
        assert answers(there, warehouse, answer[warehouse]) == [""]
    resumed(there)

    locked = there.locked("TEA") + there.locked("CUP")
    if set(said) == {"yes"}:
        kept = 5 if what == "the desk holds" else 0
        assert (there.stages()["1"] == "cancelled", locked) == (what in CANCELS, kept)
        assert remainders(there) == []
        return
    assert there.stages() == {"1": "dispatched"}
    assert locked == sum(units[warehouse] for warehouse, its in answer.items() if its == "no")
    back = [warehouse for warehouse, its in answer.items() if its == "yes"]
    ends = "dropped" if what in CANCELS else "open"
    assert remainders(there) == [({"WH-A": "TEA", "WH-B": "CUP"}[of], units[of], ends) for of in back]
    assert ("SHIPPED_SHORT" in there.holds()["1"]) == (bool(back) and what not in CANCELS)
    assert set(there.holds()["1"]) - {"SHIPPED_SHORT"} != set()


class TestWhatTheDeskReads:
    def test_the_hold_says_what_came_back_and_what_stays(self, there: FakePool) -> None:
        wish(there, "the desk cancels")
        answers(there, "WH-A", "yes")
        assert there.locked("TEA") == 3  # until the other one has answered

        answers(there, "WH-B", "left")

        ((code, sentence, evidence),) = there.rows(
            "select code, sentence, evidence from hold where released_at is null"
        )
        assert sentence.endswith(f"; {no(there, 'WH-A')} came back, and {no(there, 'WH-B')} stays")
        assert f"{no(there, 'WH-A')} 已退回，{no(there, 'WH-B')} 不再退回" in hold_words(code, evidence, sentence)[1]
        assert events(there, "1", "part_back") == [{"back": [no(there, "WH-A")], "stays": [no(there, "WH-B")]}]
        assert there.locked("TEA") == 0

    def test_what_came_back_is_sent_again_by_a_person(self, there: FakePool) -> None:
        wish(there, "the desk holds")
        answers(there, "WH-A", "yes")
        answers(there, "WH-B", "left")
        ((sentence, evidence),) = there.rows("select sentence, evidence from hold where code = 'SHIPPED_SHORT'")
        assert sentence == f"{no(there, 'WH-A')} came back: 3 of TEA lack; a person decides what becomes of it"
        assert hold_words("SHIPPED_SHORT", evidence, sentence)[1].startswith(f"{no(there, 'WH-A')}已被仓库退回")

        desk.release([1], "MANUAL", "the buyer wants it after all", person())
        assert desk.settle_short([1], ShortWay.REROUTE, "the buyer wants it", person()).done == [1]

        assert (there.holds(), there.locked("TEA")) == ({}, 3)
        assert there.rows("select state from outbound_document order by id") == [
            ("cancelled",), ("shipped",), ("created",)
        ]  # fmt: skip

    def test_a_late_box_of_a_document_that_was_settled_is_not_believed(self, there: FakePool) -> None:
        wish(there, "the desk holds")
        answers(there, "WH-A", "yes")
        answers(there, "WH-B", "left")

        assert "the packages hold no units" in answers(there, "WH-A", "left")[0]


def test_what_left_in_part_is_asked_back_for_the_rest(there: FakePool) -> None:
    answers(there, "WH-B", "left")

    wish(there, "the desk cancels")
    assert [key.split("-")[0] for key in deliver()] == [no(there, "WH-A")]
    answers(there, "WH-A", "yes")

    assert (there.stages(), there.locked("TEA")) == ({"1": "dispatched"}, 0)


def test_an_order_of_which_all_left_is_not_asked_for(there: FakePool) -> None:
    for warehouse in WAREHOUSES:
        answers(there, warehouse, "left")

    assert desk.cancel([1], "the buyer called", person()).done == []


@pytest.mark.parametrize("what", WISHES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_was_not_sent_yet_is_taken_back_as_if_its_warehouse_had_said_yes(
    pool: FakePool, ticking: TickingClock, what: str, answer: str
) -> None:
    two_documents(pool)
    pool.execute("update outbox set state = 'delivered' where counterpart = 'warehouse:WH-A'")
    wish(pool, what)
    deliver()

    answers(pool, "WH-A", answer)
    resumed(pool)

    assert pool.rows("select state from outbound_document d join warehouse w on w.id = d.warehouse_id "
                     "where w.code = 'WH-B'") == [("cancelled",)]  # fmt: skip
    assert (pool.stages()["1"] == "cancelled") == (answer == "yes" and what in CANCELS)
    assert pool.locked("CUP") == (2 if answer == "yes" and what == "the desk holds" else 0)
    assert (pool.untrue(), reconcile()) == ([], [])


@pytest.mark.parametrize("said", list(product(ANSWERS, repeat=2)), ids="-".join)
def test_two_answers_at_once(there: FakePool, said: tuple[str, str]) -> None:
    wish(there, "the desk cancels")
    deliver()

    with ThreadPoolExecutor(2) as both:
        told = list(both.map(lambda pair: answers(there, *pair), zip(WAREHOUSES, said, strict=True)))

    assert told == [[""], [""]]
    assert (there.stages() == {"1": "cancelled"}) == (set(said) == {"yes"})
