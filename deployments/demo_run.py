"""`orderpool demo`: a whole installation, a month of real baskets, one outage, and figures that are checked."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deployments import addresses, demo_pool, installation, supervisor
from deployments.databases import ensure_database
from deployments.demo_baskets import read_invoices
from deployments.demo_house import HOUSE, House
from deployments.demo_sandbox import Outside, sandbox_process
from deployments.demo_screen import Screen
from deployments.parts import POSTGRES
from deployments.processes import end_as_by_ctrl_c
from models.console import Role
from models.database import transaction
from models.errors import PipelineError
from models.order import Cause
from models.settings import clock, settings
from tasks.passwords import made_up_password
from tasks.people import add_person

if TYPE_CHECKING:
    from deployments.demo_day import Day
    from deployments.demo_runs import Runs


def run_demo() -> None:
    """Run the demo in this installation; raises PipelineError when a fact that it should show does not hold.

    The pool has to be empty or an earlier demo's, which is then emptied. Attended, everything stays up until
    Ctrl-C; otherwise everything is stopped at the end.
    """
    end_as_by_ctrl_c()
    screen, began = Screen(), time.monotonic()
    with screen.phase("make room"):
        _make_room(screen)
    try:
        with screen.phase("start OrderPool"):
            # the demo decides itself when a flow runs: on two cores the minute's process starts would be in its way
            installation.bring_up(schedules=False, tell=screen.note)
        with sandbox_process() as outside:
            wrong = _play(screen, outside, began)
            if screen.is_attended:
                _stay(screen, [shop["code"] for shop in outside.world()["shops"]])
        if wrong:
            raise PipelineError("demo: " + "; ".join(wrong))
    finally:
        with screen.phase("stop everything"):
            installation.take_down(tell=lambda _: None)


def _make_room(screen: Screen) -> None:
    ensure_database()
    demo_pool.require_ours()
    if any(part.state not in {"stopped", "elsewhere"} for part in installation.status() if part.part != POSTGRES):
        screen.note("OrderPool runs already; it is stopped to begin anew")
        installation.take_down(tell=lambda _: None)
        ensure_database()
    demo_pool.empty_pool()
    _summary_file().unlink(missing_ok=True)


def _play(screen: Screen, outside: Outside, began: float) -> list[str]:
    # Prefect reads its settings when it is imported, and these are there once it was brought up.
    from deployments import prefect_setup
    from deployments.demo_day import Day
    from deployments.demo_runs import Runs

    now = datetime.now(UTC)
    with prefect_setup.client() as prefect:
        runs = Runs(prefect, now)
        runs.cancel_leftovers()
        folder = settings().var / "demo"
        house = House.at(addresses.read()["web_url"])
        shops = [shop["code"] for shop in outside.world()["shops"]]
        day = Day(outside, house, runs, screen, read_invoices(now), folder, shops)
        with screen.phase("set up shops, warehouses, stock and orders"):
            demo_pool.connect(outside, folder)
            day.fill()
            day.blacklist()
        with screen.phase("list products and tell every shop what there is"):
            day.offer()
        with screen.phase("import the file shop's orders"):
            day.import_export()
        with screen.phase("process the orders of every shop, one warehouse away"):
            failed = day.take_orders()
        with screen.phase("mend the warehouse and retry"):
            day.go_on_call(failed)
        with screen.phase("ship two loads and tell the shops"):
            day.ship()
        with screen.phase("refund and close orders"):
            day.refund()
        with screen.phase("deliver most parcels"):
            day.deliver()
        with screen.phase("read what changed in the shops"):
            day.read_again()
        with screen.phase("tell every shop what is left"):
            day.tell_stock()
        outside.behave()
        return _report(screen, day, runs, began)


def _report(screen: Screen, day: "Day", runs: "Runs", began: float) -> list[str]:
    from deployments import demo_dirt, demo_report, demo_summary

    stories = runs.stories()
    told = day.outside.books()
    told["warehouses"][HOUSE] = day.house.books()
    books = demo_summary.read_books(told, day.file_orders)
    with transaction() as conn:
        orders = demo_summary.read_orders(conn)
        quarantine = demo_summary.read_quarantine(conn)
        shops = demo_summary.tally_shops(orders, quarantine, books, stories)
        total = demo_summary.total_of(shops, stories, time.monotonic() - began)
        dirt = demo_dirt.tally_dirt(day.dirt, orders, quarantine)
        screen.console.print()
        demo_report.print_shops(screen.console, shops, total)
        demo_report.print_holds(screen.console, total)
        demo_report.print_dirt(screen.console, dirt)
        demo_report.print_warehouses(screen.console, conn)
    failures = [(story, runs.first_failure(story.id)) for story in stories if story.failed_first]
    demo_report.print_failures(screen.console, failures, _ui_url())
    wrong = demo_summary.what_is_wrong(total, shops, orders, books)
    wrong += demo_dirt.what_is_dirty(day.dirt, dirt)
    if too_much := day.shown_too_much():
        wrong.append(f"{too_much} listings show more than there is to sell")
    demo_report.write_summary(_summary_file(), total, shops, stories, screen.phases, dirt, wrong)
    screen.console.print(f"\n{_verdict(wrong)} {total.seconds:.0f} s; figures in {_summary_file()}", highlight=False)
    arrived = (order.order_no for order in orders if order.delivered and order.shop in day.api_shops)
    _say_where_to_look(screen, next(arrived, ""))
    return wrong


def _verdict(wrong: Sequence[str]) -> str:
    return "Not as it should be: " + "; ".join(wrong) + "." if wrong else "Everything adds up."


def _say_where_to_look(screen: Screen, order_no: str) -> None:
    known = addresses.read()
    if screen.is_attended:
        screen.note(f"Prefect: {known.get('prefect_ui_url', '')}")
        screen.note(f"console: {known.get('web_url', '')}/console/, {_let_in()}")
    else:
        screen.note("`orderpool up` starts everything again, for the links; the schedules stay off")
        screen.note("`orderpool user add NAME --role admin` lets you into the console")
    screen.note(f"`orderpool order show {order_no}` tells the story of one order")
    screen.note("`orderpool reconcile` recomputes every fact of the pool and prints those that differ")
    screen.note("`orderpool psql` opens the pool")


def _let_in() -> str:
    """Add somebody who may see and do everything in the console; tells name and password, this once."""
    password = made_up_password()
    name = add_person("demo", Role.ADMIN, password, Cause("person:demo", clock().now()))
    return f"sign in as {name} with {password}"


def _stay(screen: Screen, shops: Sequence[str]) -> None:
    from deployments import prefect_setup

    for code in shops:
        prefect_setup.add_shop_schedule(code)
    with prefect_setup.client() as prefect:
        prefect_setup.pause_schedules(prefect, paused=False)
        screen.note("the schedules are on now; Ctrl-C stops everything")
        try:
            while supervisor.wanted():
                time.sleep(1)
        except KeyboardInterrupt:
            screen.console.print()
        if supervisor.wanted():
            # without the sandbox every scheduled run would only fail
            prefect_setup.pause_schedules(prefect, paused=True)


def _summary_file() -> Path:
    return settings().var / "demo" / "summary.json"


def _ui_url() -> str:
    return addresses.read().get("prefect_ui_url", "")
