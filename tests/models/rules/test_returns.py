"""The two machines of a return, cell by cell, and what is decided about returned goods and their money."""

import pytest

from models.rules.returns import (
    REFUND_STEPS,
    RETURN_STEPS,
    Claim,
    Line,
    RefundState,
    ReturnState,
    Verdict,
    counted,
    is_fair,
    is_settled,
    room_fen,
    told_by_platform,
    worth_fen,
)

GOODS = """
           announced on_the_way arrived inspected closed called_off
announced  -         x          x       -         -      x
on_the_way -         -          x       -         -      x
arrived    -         -          -       x         -      -
inspected  -         -          -       -         x      -
closed     -         -          -       -         -      -
called_off -         -          -       -         -      -
"""
MONEY = """
         none wanted agreed asked in_doubt done refused
none     -    x      -      -     -        x    -
wanted   x    -      x      -     -        x    x
agreed   -    -      -      x     -        x    x
asked    -    -      -      -     x        x    x
in_doubt -    -      -      -     -        x    x
done     -    -      -      -     -        -    -
refused  -    x      -      -     -        x    -
"""
"""Which state (row) leads to which (column)."""


def cells(table: str) -> dict[tuple[str, str], bool]:
    head, *rows = (line.split() for line in table.strip().splitlines())
    return {(row[0], to): mark == "x" for row in rows for to, mark in zip(head, row[1:], strict=True)}


@pytest.mark.parametrize(("table", "steps"), [(GOODS, RETURN_STEPS), (MONEY, REFUND_STEPS)], ids=["goods", "money"])
def test_every_step_is_as_the_table_has_it(table: str, steps: dict[ReturnState, frozenset[ReturnState]]) -> None:
    drawn = {(of.value, to.value): to in steps[of] for of in steps for to in steps}

    assert drawn == cells(table)


def test_nobody_asks_again_while_in_doubt() -> None:
    reachable, to_see = set[RefundState](), [RefundState.IN_DOUBT]
    while to_see:
        for to in REFUND_STEPS[to_see.pop()] - {RefundState.REFUSED}:
            reachable.add(to)
            to_see.append(to)

    assert reachable == {RefundState.DONE}


@pytest.mark.parametrize(
    ("state", "units"),
    [("announced", 3), ("on_the_way", 3), ("arrived", 3), ("inspected", 2), ("closed", 2), ("called_off", 0)],
)
def test_units_count_as_announced_until_somebody_looked(state: str, units: int) -> None:
    assert counted(ReturnState(state), Line(3, Verdict(good=1, defect=1, empty=1))) == units


@pytest.mark.parametrize(
    ("verdict", "settled", "fair"),
    [
        (Verdict(good=2), True, True),
        (Verdict(good=1, defect=1), False, True),
        (Verdict(good=1, wrong=1), False, False),
        (Verdict(good=1, empty=1), True, False),
        (Verdict(good=1), True, False),
    ],
)
def test_what_is_left_to_do_and_what_may_be_exchanged(verdict: Verdict, settled: bool, fair: bool) -> None:
    lines = [Line(1, Verdict(good=1)), Line(2, verdict)]

    assert (is_settled(lines), is_fair(lines)) == (settled, fair)


@pytest.mark.parametrize(
    ("promised", "settled", "refunded", "room"),
    [(0, 0, 0, 900), (300, 200, 0, 400), (300, 200, 200, 400), (300, 200, 500, 100), (900, 100, 0, -100)],
)
def test_what_is_settled_and_what_a_platform_refunded_count_once(
    promised: int, settled: int, refunded: int, room: int
) -> None:
    assert room_fen(900, promised, settled, refunded) == room


@pytest.mark.parametrize(("units", "quantity", "paid", "worth"), [(1, 3, 1000, 333), (3, 3, 1000, 1000), (5, 3, 9, 9)])
def test_pieces_are_worth_their_share(units: int, quantity: int, paid: int, worth: int) -> None:
    assert worth_fen(units, quantity, paid) == worth


def claim(i: int, state: RefundState, amount: int, *, known: int = 0, refunding: bool = False) -> Claim:
    return Claim(i, state, amount, known, refunding)


W, A, D, N, R = RefundState.WANTED, RefundState.AGREED, RefundState.DONE, RefundState.NONE, RefundState.REFUSED


@pytest.mark.parametrize(
    ("refunded", "claims", "moved"),
    [
        (0, [claim(1, W, 500)], {}),
        (500, [claim(1, W, 500)], {1: D}),
        (499, [claim(1, W, 500)], {}),
        (500, [claim(1, N, 500)], {1: D}),
        (500, [claim(1, R, 500)], {1: D}),
        (500, [claim(1, W, 0)], {}),
        (500, [claim(1, W, 500, known=500)], {}),
        (900, [claim(1, D, 500), claim(2, A, 400)], {2: D}),
        (800, [claim(1, D, 500), claim(2, A, 400)], {}),
        (900, [claim(1, W, 500), claim(2, A, 400)], {1: D, 2: D}),
        (400, [claim(1, W, 500), claim(2, A, 400)], {2: D}),
        (500, [claim(1, W, 500), claim(2, W, 500, known=500)], {1: D}),
        (500, [claim(1, W, 500, refunding=True)], {}),
        (0, [claim(1, N, 500, refunding=True)], {1: W}),
        (0, [claim(1, R, 500, refunding=True)], {1: W}),
        (0, [claim(1, A, 500, refunding=True)], {}),
        (700, [], {}),
    ],
)
def test_a_platform_that_paid_is_believed(refunded: int, claims: list[Claim], moved: dict[int, RefundState]) -> None:
    assert told_by_platform(refunded, claims) == moved


@pytest.mark.parametrize(
    ("refunded", "claims", "moved"),
    [
        (500, [claim(1, N, 500), claim(2, W, 500)], {2: D}),
        (500, [claim(1, R, 500), claim(2, A, 500)], {2: D}),
        (500, [claim(1, W, 500)._replace(called_off=True), claim(2, W, 500)], {2: D}),
        (500, [claim(1, W, 500)._replace(called_off=True)], {1: D}),
        (1000, [claim(1, N, 500), claim(2, W, 500)], {1: D, 2: D}),
        (500, [claim(1, N, 500), claim(2, W, 800)], {1: D}),
    ],
)
def test_money_goes_first_to_those_who_ask_for_it(
    refunded: int, claims: list[Claim], moved: dict[int, RefundState]
) -> None:
    assert told_by_platform(refunded, claims) == moved


@pytest.mark.parametrize(
    ("refunded", "known", "moved"),
    [(300, 0, {}), (600, 0, {1: D}), (300, 300, {}), (599, 300, {}), (600, 300, {1: D})],
)
def test_what_is_owed_for_lacking_units_pays_no_return(
    refunded: int, known: int, moved: dict[int, RefundState]
) -> None:
    assert told_by_platform(refunded, [claim(1, W, 300, known=known)], owed_fen=300) == moved
