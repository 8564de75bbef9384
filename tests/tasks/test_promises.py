"""Backorders and presales: units are promised within limits, and what comes goes to those who wait, in their order."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.database import connect, transaction
from models.errors import SetupError
from models.rules.promises import PromiseTerms
from models.stock import PromiseKind
from tasks.desk import release
from tasks.lock_stock import lock_batch
from tasks.promise_pools import list_promise_pools, set_promise_pools
from tasks.promises import keep_promises, read_terms
from tasks.resume import end_waits
from tasks.shop_settings import set_shop
from tasks.stock_figures import load_figures
from tests.fakes import NOON, FakePool, payload, why

LATER = NOON + timedelta(days=10)


def allow(pool: FakePool, sku: str = "TEA", limit: int = 10, kind: str = "backorder", **times: datetime) -> None:
    """Let units of a SKU be promised."""
    pool.execute(
        """insert into promise_pool (sku_id, kind, limit_units, promised, available_at, closes_at)
           select id, %s, %s, 0, %s, %s from sku where code = %s""",
        kind,
        limit,
        times.get("available_at"),
        times.get("closes_at"),
        sku,
    )


def lock(pool: FakePool, demands: Sequence[dict[str, int]], run: str = "by hand") -> int:
    """Lock a batch of paid orders; gives the batch's id."""
    batch = pool.batch_of(demands, run)
    lock_again(batch)
    return batch


def lock_again(batch: int) -> None:
    with transaction() as conn:
        lock_batch(conn, batch, why())


def keep() -> int:
    with transaction() as conn:
        return keep_promises(conn, None, why("resume"))


def waiting(pool: FakePool) -> list[tuple[int, int]]:
    """Order ids with the units of TEA that they still wait for."""
    return pool.rows("select order_id, sum(quantity) from promise where state = 'open' group by 1 order by 1")


def locked_by_order(pool: FakePool) -> list[tuple[int, int]]:
    return pool.rows("select order_id, sum(quantity) from lock where state = 'open' group by 1 order by 1")


@pytest.fixture
def scarce(pool: FakePool) -> FakePool:
    """Two TEA; ten more may be promised."""
    pool.stock(TEA=2)
    allow(pool, available_at=LATER)
    return pool


def test_an_order_that_is_short_locks_what_is_there_and_is_promised_the_rest(scarce: FakePool) -> None:
    lock(scarce, [{"TEA": 5}])

    assert (locked_by_order(scarce), waiting(scarce)) == ([(1, 2)], [(1, 3)])
    assert (scarce.stages(), scarce.holds()) == ({"1": "validated"}, {"1": ["AWAITING_STOCK"]})
    assert scarce.rows("select due_at from promise") == [(LATER,)]
    ((sentence,),) = scarce.rows("select sentence from hold")
    assert sentence == "sold before it is there: waits for 3 of TEA, announced for 2026-11-30"
    assert scarce.untrue() == []


def test_the_announced_day_is_that_of_china(scarce: FakePool) -> None:
    scarce.execute("update promise_pool set available_at = %s", datetime(2026, 11, 29, 16, tzinfo=UTC))

    lock(scarce, [{"TEA": 5}])

    ((sentence,),) = scarce.rows("select sentence from hold")
    assert sentence == "sold before it is there: waits for 3 of TEA, announced for 2026-11-30"


@pytest.mark.parametrize(("kind", "room"), [("presale", 0), ("backorder", 10)])
def test_shops_show_what_may_still_be_promised_when_the_announced_day_came(
    pool: FakePool, kind: str, room: int
) -> None:
    pool.stock(TEA=2)
    allow(pool, kind=kind, available_at=NOON)

    with transaction() as conn:
        ((sku_id, terms),) = read_terms(conn, [row[0] for row in conn.execute("select id from sku")]).items()
        shown = load_figures(conn, NOON, [sku_id])[sku_id].room

    assert (shown, terms.room(NOON)) == (room, room)


def test_beyond_the_limit_nothing_is_promised(scarce: FakePool) -> None:
    lock(scarce, [{"TEA": 9}, {"TEA": 4}])

    assert waiting(scarce) == [(1, 7)]
    assert scarce.holds() == {"1": ["AWAITING_STOCK"], "2": ["SHORT_STOCK"]}
    assert scarce.untrue() == []


def test_batches_at_once_are_promised_no_more_than_the_limit(scarce: FakePool) -> None:
    batches = [scarce.batch_of([{"TEA": 1}] * 3) for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lock_again, batches))

    assert scarce.rows("select promised from promise_pool") == [(10,)]
    assert scarce.locked() == 2
    assert scarce.untrue() == []


def test_an_order_is_not_promised_part_of_what_it_lacks(scarce: FakePool) -> None:
    scarce.stock(CUP=1)
    lock(scarce, [{"TEA": 5, "CUP": 2}])

    assert (locked_by_order(scarce), waiting(scarce)) == ([], [])
    assert scarce.holds() == {"1": ["SHORT_STOCK"]}


def test_locking_again_promises_nothing_more(scarce: FakePool) -> None:
    batch = lock(scarce, [{"TEA": 5}])

    lock_again(batch)

    assert (locked_by_order(scarce), waiting(scarce)) == ([(1, 2)], [(1, 3)])
    assert scarce.untrue() == []


@pytest.mark.parametrize(
    ("kind", "times", "room"),
    [
        (PromiseKind.BACKORDER, (None, None), 7),
        (PromiseKind.BACKORDER, (NOON - timedelta(days=1), None), 7),
        (PromiseKind.BACKORDER, (None, NOON), 0),
        (PromiseKind.PRESALE, (LATER, None), 7),
        (PromiseKind.PRESALE, (NOON, None), 0),
        (PromiseKind.PRESALE, (LATER, NOON), 0),
    ],
)
def test_until_when_units_are_promised(
    kind: PromiseKind, times: tuple[datetime | None, datetime | None], room: int
) -> None:
    assert PromiseTerms(kind, 10, 3, *times).room(NOON) == room


def test_an_unpaid_order_is_promised_nothing(scarce: FakePool) -> None:
    scarce.execute("update shop set lock_unpaid = true")
    scarce.take([payload(1, status="pending", units={"TEA": 5})])
    scarce.through_the_stages(to="lock_stock")

    assert waiting(scarce) == []
    assert scarce.holds() == {"1": ["SHORT_STOCK", "UNPAID"]}


def test_what_comes_goes_to_those_who_wait_before_any_new_order(scarce: FakePool) -> None:
    lock(scarce, [{"TEA": 5}])
    scarce.deliver_more("TEA", 3)

    lock(scarce, [{"TEA": 3}], "run-2")
    keep()

    assert locked_by_order(scarce) == [(1, 5)]
    assert waiting(scarce) == [(2, 3)]
    assert scarce.untrue() == []


def test_what_comes_goes_by_priority_then_payment_then_id(pool: FakePool) -> None:
    pool.stock(TEA=0)
    allow(pool)
    lock(pool, [{"TEA": 2}] * 3)
    pool.execute("update promise set priority = 1 where order_id = 3")
    pool.execute("update promise set paid_at = %s where order_id = 2", NOON - timedelta(days=1))
    pool.deliver_more("TEA", 3)

    keep()

    assert locked_by_order(pool) == [(2, 1), (3, 2)]
    assert waiting(pool) == [(1, 2), (2, 1)]
    assert pool.untrue() == []


def test_the_priority_is_a_setting_of_the_shop(scarce: FakePool) -> None:
    set_shop("WOO", {"promise_priority": "2"})
    lock(scarce, [{"TEA": 5}])

    assert scarce.rows("select priority from promise") == [(2,)]


def test_an_order_whose_promises_are_kept_goes_on(scarce: FakePool) -> None:
    scarce.take([payload(1, units={"TEA": 5})])
    scarce.through_the_stages()
    scarce.deliver_more("TEA", 2)
    assert end_waits(why("resume")).orders == 0
    scarce.deliver_more("TEA", 1)

    count = end_waits(why("resume"))
    scarce.through_the_stages(batches=count.batch_ids)

    assert (scarce.stages(), scarce.holds()) == ({"1": "dispatched"}, {})
    assert scarce.rows("select state, promised from promise join promise_pool using (sku_id)") == [("kept", 0)]
    assert scarce.untrue() == []


def test_what_a_safety_stock_keeps_back_keeps_no_promise(scarce: FakePool) -> None:
    lock(scarce, [{"TEA": 5}])
    scarce.keep_safe(TEA=2)
    scarce.deliver_more("TEA", 3)

    assert keep() == 0
    assert waiting(scarce) == [(1, 2)]


def test_units_for_an_order_that_somebody_works_on_are_left_to_it(pool: FakePool) -> None:
    pool.stock(TEA=0)
    allow(pool)
    lock(pool, [{"TEA": 2}, {"TEA": 2}])
    pool.deliver_more("TEA", 3)

    with connect() as busy:
        busy.execute("select 1 from order_state where order_id = 1 for update")
        keep()
        assert locked_by_order(pool) == [(2, 1)]
    keep()

    assert locked_by_order(pool) == [(1, 2), (2, 1)]
    assert pool.untrue() == []


def test_a_kit_waits_for_its_components(scarce: FakePool) -> None:
    scarce.stock(CUP=5)
    scarce.kit("GIFT", TEA=2, CUP=1)
    lock(scarce, [{"GIFT": 2}])
    assert (locked_by_order(scarce), waiting(scarce)) == ([(1, 4)], [(1, 2)])
    scarce.deliver_more("TEA", 2)

    assert keep() == 1
    assert locked_by_order(scarce) == [(1, 6)]
    assert scarce.untrue() == []


def amended(pool: FakePool, **changes: object) -> None:
    """An order of 5 TEA that waits for 3 of them, right after news of the shop."""
    pool.take([payload(1, units={"TEA": 5})])
    pool.through_the_stages()
    pool.take([payload(1, 1, **({"units": {"TEA": 5}} | changes))], run="run-2")  # type: ignore[arg-type]


def test_a_cancelled_order_gives_up_its_promise(scarce: FakePool) -> None:
    amended(scarce, status="cancelled")
    scarce.through_the_stages()

    assert scarce.rows("select state from promise") == [("released",)]
    assert (scarce.locked(), scarce.holds()) == (0, {})
    assert scarce.untrue() == []


@pytest.mark.parametrize(
    ("units", "locks", "waits"),
    [(4, [(1, 2)], [(1, 2)]), (2, [(1, 2)], []), (1, [(1, 1)], []), (7, [(1, 2)], [(1, 5)])],
)
def test_another_quantity_changes_first_what_is_promised(
    scarce: FakePool, units: int, locks: list[tuple[int, int]], waits: list[tuple[int, int]]
) -> None:
    amended(scarce, units={"TEA": units})
    scarce.through_the_stages(to="lock_stock")

    assert (locked_by_order(scarce), waiting(scarce)) == (locks, waits)
    assert scarce.holds() == ({"1": ["AWAITING_STOCK"]} if waits else {})
    assert scarce.untrue() == []


def test_a_short_order_is_promised_units_once_that_is_allowed(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1, units={"TEA": 5})])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["SHORT_STOCK"]}
    allow(pool)

    count = end_waits(why("resume", NOON + timedelta(hours=1)))
    pool.through_the_stages(batches=count.batch_ids)

    assert pool.holds() == {"1": ["AWAITING_STOCK"]}
    assert waiting(pool) == [(1, 3)]


def test_no_person_decides_that_stock_is_there(scarce: FakePool) -> None:
    lock(scarce, [{"TEA": 5}])

    refused = release([1], "AWAITING_STOCK", "we have some", why("person")).refused

    assert "it ends when the stock that was promised comes" in refused[1]


HEAD = "商家编码,类型,上限,到货时间,截止时间\n"


def given(folder: Path, *rows: str) -> Path:
    file = folder / "promises.csv"
    file.write_text(HEAD + "\n".join(rows), "utf-8")
    return file


def test_a_file_sets_the_terms_and_times_are_chinas(pool: FakePool, tmp_path: Path) -> None:
    pool.stock(TEA=2, CUP=0)
    file = given(tmp_path, "TEA,预售,10,2026-12-01 00:00:00,", "CUP,backorder,5,,")

    first, again = set_promise_pools(file), set_promise_pools(file)

    assert ((first.added, first.same), (again.added, again.same)) == ((2, 0), (0, 2))
    (cup, tea) = list_promise_pools()
    assert (cup.sku, cup.terms.kind, cup.room) == ("CUP", "backorder", 5)
    assert tea.terms.available_at == datetime(2026, 11, 30, 16, tzinfo=UTC)


def test_a_file_that_cannot_be_used_changes_nothing(scarce: FakePool, tmp_path: Path) -> None:
    scarce.kit("GIFT", TEA=2)
    lock(scarce, [{"TEA": 5}])
    file = given(tmp_path, "TEA,backorder,2,,", "GIFT,backorder,1,,", "POT,backorder,1,,", "TEA,gift,x,,")

    with pytest.raises(SetupError) as refused:
        set_promise_pools(file)

    for obstacle in ("3 units are promised already", "is a kit; name its components", "there is no such SKU", "gift"):
        assert obstacle in str(refused.value)
    assert scarce.rows("select limit_units from promise_pool") == [(10,)]


def test_the_list_says_who_waits_and_how_promises_were_kept(scarce: FakePool) -> None:
    scarce.execute("update promise_pool set available_at = %s", NOON + timedelta(minutes=1))
    lock(scarce, [{"TEA": 5}, {"TEA": 1}])
    scarce.deliver_more("TEA", 3)
    with transaction() as conn:
        keep_promises(conn, None, why("resume", NOON + timedelta(hours=1)))

    (tea,) = list_promise_pools()

    assert (tea.waiting, tea.overdue, tea.kept, tea.late) == (1, 1, 1, 1)
