"""The daily audit: what a platform lists and we have not is found, named, read, and taken through the stages."""

from datetime import UTC, datetime, timedelta

import pytest

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from tasks.audit_ingest import audit_day, day_in_china, due_days, yesterday
from tasks.ingest import ingest_shop
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import run_to_its_end

DAY = yesterday()
MORNING = day_in_china(DAY)[0] + timedelta(hours=9)


def why(run: str = "audit-1") -> Cause:
    return Cause("test", datetime.now(UTC), run, 1)


def of_yesterday(number: int) -> dict[str, object]:
    at = (MORNING + timedelta(minutes=number)).isoformat()
    return order(number, MORNING, created_at=at, paid_at=at, modified_at=at)


def read_yesterday(shop: str) -> None:
    start, end = day_in_china(DAY)
    ingest_shop(shop, start, end, Cause("test", datetime.now(UTC), f"window of {shop}", 1))


def alerts(world: World) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in world.rows("select subject, sentence from alert where closed_at is null")]


@pytest.mark.parametrize("shop", ["tmall-1", "woo-1"])
def test_a_day_that_is_complete_has_nothing_missing(world: World, shop: str) -> None:
    world.load(shop, [of_yesterday(n) for n in range(60)])
    read_yesterday(shop)

    count = audit_day(shop, DAY, why())

    assert (count.listed, count.missing, count.batch_ids) == (60, (), ())
    assert alerts(world) == []


@pytest.mark.parametrize("shop", ["tmall-1", "woo-1"])
def test_orders_that_no_window_saw_are_found_read_and_told(world: World, shop: str) -> None:
    world.load(shop, [of_yesterday(n) for n in range(60)])
    read_yesterday(shop)
    # the platform lists them only after the window was read
    world.load(shop, [of_yesterday(n) for n in range(60, 63)])

    count = audit_day(shop, DAY, why())

    assert (count.listed, len(count.missing), count.found, len(count.batch_ids)) == (63, 3, 3, 1)
    assert world.rows("select count(*) from orders") == [(63,)]
    ((subject, sentence),) = alerts(world)
    assert subject == f"shop:{shop}:{DAY}"
    assert "3 of 63 orders" in sentence


def test_the_next_audit_finds_nothing_and_closes_the_alert(world: World) -> None:
    world.load("woo-1", [of_yesterday(n) for n in range(3)])
    audit_day("woo-1", DAY, why())

    again = audit_day("woo-1", DAY, why("audit-2"))

    assert (again.missing, again.batch_ids) == ((), ())
    assert alerts(world) == []


def test_an_order_in_quarantine_is_not_missing(world: World) -> None:
    world.load("woo-1", [of_yesterday(1), {**of_yesterday(2), "raw": {"total": "many"}}])
    read_yesterday("woo-1")

    assert audit_day("woo-1", DAY, why()).missing == ()


def test_an_order_that_is_gone_meanwhile_stays_named(world: World) -> None:
    world.load("woo-1", [{**of_yesterday(1), "raw": {"status": "trash"}}])

    count = audit_day("woo-1", DAY, why())

    assert count.found == 0


def test_an_audit_that_was_cut_off_still_names_what_it_had_read(world: World) -> None:
    world.load("woo-1", [of_yesterday(n) for n in range(3)])
    # cut off after two of the three were stored: nothing but the kept result tells of them
    with transaction() as conn:
        conn.execute(
            """insert into ingest_audit (shop_id, day, listed, missing, found, complete, flow_run_id, at)
               select id, %s, 3, '["9000000000", "9000000001", "9000000002"]', 0, false, 'audit-1', %s
               from shop where code = 'woo-1'""",
            (DAY, datetime.now(UTC)),
        )
    read_yesterday("woo-1")

    count = audit_day("woo-1", DAY, why())

    assert len(count.missing) == 3
    assert len(alerts(world)) == 1
    assert world.rows("select complete from ingest_audit") == [(True,)]


def test_days_that_no_audit_saw_to_its_end_are_due(world: World) -> None:
    assert due_days("woo-1") == [DAY]

    audit_day("woo-1", DAY - timedelta(days=4), why())
    assert due_days("woo-1") == [DAY - timedelta(days=ago) for ago in (3, 2, 1, 0)]

    audit_day("woo-1", DAY, why("audit-2"))
    assert due_days("woo-1") == [DAY]


def test_a_day_that_is_not_over_is_refused(world: World) -> None:
    with pytest.raises(SetupError, match="is not over"):
        audit_day("woo-1", DAY + timedelta(days=1), why())


def test_the_run_fails_naming_what_was_missing_and_completes_on_retry(world: World, prefect_api: PrefectApi) -> None:
    world.load("woo-1", [of_yesterday(n) for n in range(4)])
    run = prefect_api.open_run("audit_ingest", {"shop": "woo-1"})

    run_to_its_end("audit_ingest", run)

    state = prefect_api.state(run)
    assert state["type"] == "FAILED"
    assert state["message"].startswith("audit: 4 of 4 orders of woo-1")
    assert world.rows("select distinct stage from order_state") == [("dispatched",)]

    prefect_api.retry(run, force=True)
    run_to_its_end("audit_ingest", run)

    assert prefect_api.state(run)["type"] == "COMPLETED", prefect_api.state(run)
