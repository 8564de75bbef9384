"""Cancelled while an own warehouse has it: given back at once, after its goods are back, or too late."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.floor_back import answer_wishes
from tasks.reconcile import reconcile
from tests.tasks.floor.house import House, waybill
from tests.tasks.merged import cause


def agrees(house: House) -> bool:
    return house.pool.untrue() == [] and reconcile() == []


def ended(house: House, no: str) -> bool:
    """Whether a document was given back, its order cancelled and its stock free."""
    ((stage,),) = house.pool.rows(
        """select distinct s.stage from order_state s join allocation a on a.order_id = s.order_id
           right join outbound_document d on d.id = a.document_id where d.no = %s""",
        no,
    )
    return house.state(no)[0] == "cancelled" and stage in ("cancelled", None)


def test_what_is_in_no_wave_is_given_back_at_once(house: House) -> None:
    (no,) = house.orders({"TEA": 2})
    house.cancel(no)
    assert ended(house, no)
    assert house.waves() == []
    assert house.on_hand("TEA") == (50, 0)
    assert agrees(house)


def test_what_nobody_has_fetched_leaves_its_wave(house: House) -> None:
    no, other = house.orders({"TEA": 2}, {"TEA": 1, "CUP": 1})
    (wave,) = house.waves()
    house.cancel(no)
    assert ended(house, no)
    house.take(wave)
    assert house.said("pick", "TEA", wave=wave, quantity=2) == "too_many"
    house.fetch(wave)
    house.check_all(other)
    assert house.said("ship", waybill(1), document=other) == "shipped"
    assert agrees(house)


def test_what_is_being_fetched_is_given_back_when_the_surplus_is_on_its_shelf(house: House) -> None:
    no, other = house.orders({"TEA": 2}, {"TEA": 1, "CUP": 1})
    (wave,) = house.waves()
    house.take(wave)
    house.scan("pick", "TEA", wave=wave, quantity=2)

    house.cancel(no)

    assert house.state(no) == ("put_back", "put_back")
    assert [(line.sku, line.astray) for line in house.view(no).lines] == [("TEA", 1)]
    assert house.on_hand("TEA") == (50, 3)  # the units stay locked until they are back
    assert house.said("put_back", "TEA", document=no) == "returned"
    assert ended(house, no)
    assert house.on_hand("TEA") == (50, 1)
    house.scan("pick", "CUP", wave=wave)
    assert house.said("picked", wave=wave) == "picked"
    house.check_all(other)
    assert house.said("ship", waybill(1), document=other) == "shipped"
    assert agrees(house)


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_picked_is_given_back_with_the_last_scan_on_its_shelf(house: House, packed: bool) -> None:
    (no,) = house.orders({"TEA": 2, "CUP": 1})
    house.fetch(house.waves()[0])
    if packed:
        house.check_all(no)
        house.scan("pack", document=no)

    house.cancel(no)

    assert house.said("ship", waybill(1), document=no) == "blocked"
    assert house.said("put_back", "POT", document=no) == "wrong_sku"
    assert house.said("put_back", "TEA", document=no, quantity=3) == "too_many"
    assert house.said("put_back", "TEA", document=no, quantity=2) == "returned"
    assert house.on_hand("TEA") == (50, 2)
    assert not ended(house, no)
    assert house.said("put_back", "CUP", document=no) == "returned"
    assert house.said("put_back", "CUP", document=no) == "over"
    assert ended(house, no)
    assert (house.on_hand("TEA"), house.on_hand("CUP")) == ((50, 0), (50, 0))
    assert agrees(house)


def test_what_left_is_kept(house: House) -> None:
    (no,) = house.orders({"TEA": 1})
    house.fetch(house.waves()[0])
    house.check_all(no)
    house.scan("ship", waybill(1), document=no)

    answer_wishes("WH-A", [no], cause())

    assert house.state(no) == ("shipped", "done")
    assert agrees(house)


def test_the_same_wish_heard_twice_is_answered_once(house: House) -> None:
    (no,) = house.orders({"TEA": 2})
    house.fetch(house.waves()[0])
    house.cancel(no)
    answer_wishes("WH-A", [no], cause())
    assert house.said("put_back", "TEA", document=no, quantity=2) == "returned"
    answer_wishes("WH-A", [no], cause())
    assert ended(house, no)
    assert agrees(house)


def test_what_is_missing_lacks_to_those_that_are_left(house: House) -> None:
    no, other = house.orders({"TEA": 2, "CUP": 1}, {"TEA": 2, "POT": 1})
    (wave,) = house.waves()
    house.take(wave)
    house.scan("missing", "TEA", wave=wave, quantity=3)
    house.scan("pick", "TEA", wave=wave)
    house.cancel(no)
    assert house.state(no) == ("cancelled", "done")
    house.scan("pick", "POT", wave=wave)
    assert house.said("picked", wave=wave) == "picked"
    assert {line.sku: line.wanted for line in house.view(other).lines} == {"TEA": 1, "POT": 1}


@pytest.mark.parametrize("rounds", [10, pytest.param(100, marks=pytest.mark.long)])
def test_a_cancel_and_the_last_scan_at_once_have_one_winner(house: House, rounds: int) -> None:
    house.pool.execute("update stock set on_hand = 500, opening = 500 where sku_id = 1")
    house.pool.execute("update sku_pool set on_hand = 500 where sku_id = 1")
    for number in range(rounds):
        (no,) = house.orders({"TEA": 2})
        house.fetch(house.waves()[0])
        house.check_all(no)
        before = house.on_hand("TEA")[0]
        start = threading.Barrier(2)

        def cancel(no: str = no, start: threading.Barrier = start) -> None:
            start.wait()
            house.cancel(no)

        def ship(no: str = no, number: int = number, start: threading.Barrier = start) -> str:
            start.wait()
            return house.said("ship", waybill(number), document=no)

        with ThreadPoolExecutor(2) as racers:
            cancelling, shipping = racers.submit(cancel), racers.submit(ship)
        said = shipping.result()
        assert cancelling.exception() is None

        if said == "shipped":
            assert house.state(no)[0] == "shipped"
            assert house.on_hand("TEA") == (before - 2, 0)
        else:
            assert said == "blocked"
            assert house.said("put_back", "TEA", document=no, quantity=2) == "returned"
            assert house.state(no)[0] == "cancelled"
            assert house.on_hand("TEA") == (before, 0)
    assert agrees(house)
