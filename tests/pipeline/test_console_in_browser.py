"""The console in a real browser, over a pool that a simulated shop's orders went through with real Prefect runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from models.console import Role
from models.order import Cause
from tasks.people import add_person
from tests.browsing import CHROMIUM, PASSWORD, chromium, picture, signed_in
from tests.pipeline.conftest import World, connected_world
from tests.pipeline.orders import order
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import run_to_its_end
from tests.shared_pool import emptied, shared_pool

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it")

HELD, OTHERS = 0, 8
PHONE = order(HELD, datetime.now(UTC))["receiver"]["phone"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The order desk at work: the pool it looks after, where its console is, and the run that took the orders in."""

    world: World
    url: str
    api: PrefectApi
    run: str
    order_no: str


@pytest.fixture(scope="module")
def desk(
    postgres: str, prefect_api: PrefectApi, hooks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """Nine orders of a web shop, one of whose buyers wrote that it must not be sent yet, and two people."""
    folder = tmp_path_factory.mktemp("console")
    with shared_pool(postgres, "browser") as url, emptied(url), connected_world(folder, hooks_url) as world:
        now = datetime.now(UTC)
        held = order(HELD, now, buyer_note="先别发货，等我消息")
        world.load("woo-1", [held, *(order(n, now) for n in range(1, OTHERS + 1))])
        run = prefect_api.open_run("process_orders", {"shop": "woo-1"})
        run_to_its_end("process_orders", run)
        for name, role in (("li", Role.DESK), ("wang", Role.VIEWER)):
            add_person(name, role, PASSWORD, Cause("person:setup", now))
        yield Desk(world, hooks_url, prefect_api, run, held["no"])


@pytest.fixture(scope="module")
def browser(desk: Desk) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def stage_of(desk: Desk) -> str:
    return str(
        desk.world.rows(
            "select s.stage from order_state s join orders o on o.id = s.order_id where o.order_no = %s", desk.order_no
        )[0][0]
    )


def find(page: Page, text: str) -> None:
    page.goto("/console/")
    page.locator("[data-search]").first.fill(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/orders/*")


def test_a_viewer_can_look_at_an_order_and_not_decide_about_it(desk: Desk, browser: Browser) -> None:
    page = signed_in(browser, desk.url, "wang")

    find(page, desk.order_no)

    expect(page.locator("h1")).to_contain_text(desk.order_no)
    expect(page.locator("form[action='/console/orders/decide']")).to_have_count(0)
    order_id = page.url.rpartition("/")[2]
    status = page.evaluate(
        """async (id) => {
             const csrf = JSON.parse(document.body.getAttribute("hx-headers"))["x-csrf-token"];
             const body = new URLSearchParams({csrf, id, action: "release", code: "REMARK", reason: "x"});
             return (await fetch("/console/orders/decide", {method: "POST", body})).status;
           }""",
        order_id,
    )
    assert status == 403
    assert stage_of(desk) != "dispatched"


def test_a_forged_form_is_refused(desk: Desk, browser: Browser) -> None:
    page = signed_in(browser, desk.url, "li")
    find(page, desk.order_no)
    order_id = page.url.rpartition("/")[2]

    status = page.evaluate(
        """async (id) => {
             const body = new URLSearchParams({csrf: "forged", id, action: "approve", reason: "x"});
             return (await fetch("/console/orders/decide", {method: "POST", body})).status;
           }""",
        order_id,
    )
    other = desk.url.replace("127.0.0.1", "localhost")  # another site to the browser, the same server
    page.goto(f"{other}/console/sign-in")
    page.evaluate(
        """([action, id]) => {
             const form = document.createElement("form");
             form.method = "post";
             form.action = action;
             for (const [name, value] of Object.entries({id, action: "approve", reason: "x", csrf: "forged"})) {
               const field = document.createElement("input");
               field.name = name;
               field.value = value;
               form.append(field);
             }
             document.body.append(form);
             form.submit();
           }""",
        [f"{desk.url}/console/orders/decide", order_id],
    )
    page.wait_for_load_state()

    assert status == 403
    assert desk.world.rows("select count(*) from hold where code = 'REMARK' and released_at is null") == [(1,)]


def test_the_desk_finds_a_held_order_by_phone_and_lets_it_go(desk: Desk, browser: Browser) -> None:
    page = signed_in(browser, desk.url, "li")
    page.goto("/console/orders")
    picture(page, "console-orders")

    find(page, PHONE)
    expect(page.locator("h1")).to_contain_text(desk.order_no)
    expect(page.locator("main")).to_contain_text("备注")  # why it is held, in the reader's language
    expect(page.locator("main")).not_to_contain_text(PHONE)  # the receiver is masked
    picture(page, "console-order")
    bar = page.locator("fieldset.decide")
    bar.locator("select[name=action]").select_option("release")
    bar.locator("select[name=code]").select_option("REMARK")
    bar.locator("input[name=reason]").fill("买家来电，可以发货")
    bar.get_by_role("button").click()
    page.wait_for_load_state()
    expect(page.locator("#message")).to_contain_text("1")

    resume = desk.api.open_run("resume_orders", {})
    run_to_its_end("resume_orders", resume)
    page.reload()

    assert stage_of(desk) == "dispatched"
    story = page.locator("table.story")
    expect(story).to_contain_text("买家来电，可以发货")
    expect(story).to_contain_text("li")
    expect(story.locator(f"a[href*='{desk.run}']").first).to_be_visible()
    picture(page, "console-story")


def test_an_order_leads_to_its_run_in_prefect_and_the_run_back_to_its_orders(desk: Desk, browser: Browser) -> None:
    page = signed_in(browser, desk.url, "li")
    find(page, desk.order_no)

    page.locator(f"table.story a[href*='{desk.run}']").first.click()
    page.get_by_text("process_orders").first.wait_for(timeout=60_000)
    assert page.url.endswith(f"/runs/flow-run/{desk.run}")
    table = next(each for key, each in desk.api.artifacts(desk.run).items() if key.startswith("validate-"))
    page.goto(f"{page.url.partition('/runs/')[0]}/artifacts/artifact/{table['id']}")
    back = page.locator("a[href*='/console/batches/']").first
    back.wait_for(timeout=30_000)
    with page.context.expect_page() as opened:
        back.click()

    batch = opened.value
    batch.wait_for_url("**/console/batches/*")
    expect(batch.locator("main")).to_contain_text(order(OTHERS, datetime.now(UTC))["no"])  # it stays in that batch


def test_the_list_is_used_by_keyboard(desk: Desk, browser: Browser) -> None:
    page = signed_in(browser, desk.url, "li")
    page.goto("/console/orders")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen-count]")).to_have_text("1")
    page.keyboard.press("Enter")

    page.wait_for_url("**/console/orders/*")
