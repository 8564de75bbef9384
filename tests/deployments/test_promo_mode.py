"""Promo mode outside the pool: the command, the live process, and what Prefect is told."""

import json
from datetime import timedelta

import pytest
from prefect import tags
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

from deployments.live import Live, run_work, waiting_work
from deployments.parts import WORK_POOL
from deployments.promo_live import PromoKeeper, shops_at_once, shops_to_read
from deployments.promo_mode import VARIABLE, bring_in_line
from deployments.usual_pace import RUNS_AT_ONCE, SHOPS_AT_ONCE
from models.database import transaction
from models.errors import SetupError
from models.settings import clock
from sandbox.server import Sandbox
from tasks.promo import promo_off, promo_on
from tasks.setup import add_shop
from tests.clocks import StoppedClock, in_force
from tests.deployments.calling import run
from tests.fakes import why

WOO = {"endpoint": "http://127.0.0.1:9", "consumer_key": "ck_1", "consumer_secret": "cs_1"}


def begin(profile: str = "usual", hours: float = 2) -> None:
    now = clock().now()
    promo_on(profile, now + timedelta(hours=hours), "a sale", why(at=now))


def read_until(shop: str, ago: timedelta) -> None:
    with transaction() as conn:
        conn.execute("update shop set watermark = %s where code = %s", (clock().now() - ago, shop))


class TestShopsToRead:
    def test_no_shop_is_read_by_a_promo_that_is_not_in_force(self, database: str) -> None:
        add_shop("W1", "woocommerce", credentials=WOO)

        assert shops_to_read() == []
        assert shops_at_once() == SHOPS_AT_ONCE

    def test_every_active_shop_is_read_at_the_pace_of_the_promo_the_longest_unread_first(self, database: str) -> None:
        for code, ago in {"W1": 70, "W2": 50, "W3": 200, "W4": 900}.items():
            add_shop(code, "woocommerce", credentials=WOO, settings={"capabilities": {"lag_s": 0}})
            read_until(code, timedelta(seconds=ago))
        add_shop("F1", "file")
        with transaction() as conn:
            conn.execute("update shop set active = false where code = 'W4'")
        begin("usual")

        assert shops_to_read() == ["W3", "W1"]
        assert waiting_work() == ["shop:W3", "shop:W1"]
        assert shops_at_once() == 4

    def test_a_promo_that_is_over_reads_nothing_more(self, database: str) -> None:
        add_shop("W1", "woocommerce", credentials=WOO)
        with in_force(StoppedClock()) as stopped:
            begin("big", hours=1)
            assert shops_to_read() == ["W1"]
            stopped.advance(hours=1)
            assert shops_to_read() == []


def test_the_command_switches_a_promo_on_tells_of_it_and_ends_it(database: str) -> None:
    until = f"{clock().now() + timedelta(days=1):%Y-%m-%d %H:%M}"

    assert "promo big until " in run("promo", "on", "--profile", "big", "--until", until, "--reason", "a sale")
    shown = run("promo", "show")
    told = json.loads(run("promo", "show", "--json"))
    ended = run("promo", "off")

    assert "  batch_size: 5000  (usually 2000)\n" in shown
    assert (told["promo"]["reason"], told["waiting"]) == ("a sale", {})
    assert ": ended\n" in ended
    assert run("promo", "show") == "no promo is in force\n"
    assert "poll_seconds: 15" in run("promo", "profiles")


def test_the_room_of_a_warehouse_is_set_by_a_command(database: str) -> None:
    with transaction() as conn:
        conn.execute(
            """insert into warehouse (code, name, division_code, address, sender_name, sender_phone, wms, carrier,
                 active, settings) values ('WH-A', '', '330106', '', '', '', 'webhook', 'yuantong', true, '{}')"""
        )

    assert run("warehouse", "limit", "WH-A", "--in-progress", 3000) == "warehouse WH-A: has room for 3,000 documents\n"
    assert run("warehouse", "limit", "WH-A", "--in-progress", "none").endswith("has no limit of its own\n")
    with pytest.raises(SetupError, match="warehouse WH-A: cannot have 0 documents in progress"):
        run("warehouse", "limit", "WH-A", "--in-progress", 0)


def test_prefect_follows_a_promo_and_its_end(prefect_server: str, database: str) -> None:
    from deployments.prefect_setup import client, set_up_work_pool

    keeper = PromoKeeper()
    with client() as prefect, in_force(StoppedClock(clock().now())) as stopped:
        set_up_work_pool(prefect)
        bring_in_line(prefect)
        begin("big", hours=1)
        assert keeper.work() == ["promo"]
        keeper.tell()
        variable = prefect.read_variable_by_name(VARIABLE)
        assert variable is not None
        assert isinstance(variable.value, dict)
        assert (variable.value["profile"], variable.value["reason"]) == ("big", "a sale")
        assert prefect.read_work_pool(WORK_POOL).concurrency_limit == 16
        assert (keeper.work(), bring_in_line(prefect)) == ([], [])

        stopped.advance(hours=1)
        assert keeper.work() == ["promo"]
        keeper.tell()
        assert prefect.read_variable_by_name(VARIABLE) is None
        assert prefect.read_work_pool(WORK_POOL).concurrency_limit == RUNS_AT_ONCE


def test_prefect_is_told_of_a_promo_that_ends_while_another_process_shows_it(
    prefect_server: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.prefect_setup import client, set_up_work_pool

    with client() as prefect:
        set_up_work_pool(prefect)
        begin("big")
        show = prefect.create_variable

        def beaten(variable: VariableCreate) -> None:
            show(variable)
            promo_off(why(at=clock().now()))
            show(variable)

        monkeypatch.setattr(prefect, "create_variable", beaten)
        bring_in_line(prefect)

        assert prefect.read_variable_by_name(VARIABLE) is None
        assert prefect.read_work_pool(WORK_POOL).concurrency_limit == RUNS_AT_ONCE


def test_the_live_process_reads_a_shop_by_a_run_that_names_the_promo(
    prefect_server: str, database: str, running_sandbox: Sandbox
) -> None:
    from deployments.prefect_setup import client

    # refused at once: a shop that is not reached would be asked three times
    add_shop("W1", "woocommerce", credentials={**WOO, "endpoint": running_sandbox.shop("woo-1")["endpoint"]})
    begin("big")
    live = Live(waiting_work, run_work, shops_at_once=shops_at_once)

    live.beat()
    assert live.finish(60) == []

    with client() as prefect:
        named = prefect.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=["promo:big"])))
    assert {"shop": "W1"} in [run.parameters for run in named]


def test_a_scheduled_run_of_a_paused_flow_ends_at_once_and_a_persons_run_does_its_work(
    prefect_server: str, database: str
) -> None:
    from flows.learn_prices import learn_prices

    begin()
    with tags("auto-scheduled"):
        by_schedule = learn_prices(return_state=True)
    by_hand = learn_prices(return_state=True)
    promo_off(why())

    assert (by_schedule.name, by_hand.name) == ("Paused", "Completed")
    assert str(by_schedule.message).startswith("learn_prices is paused by promo usual until ")
