"""A handheld in somebody's hand: what its scanner types, what its page shows, and its network."""

import os
from collections.abc import Callable, Mapping

import httpx
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tasks.floor_people import make_badge
from tests.browsing import picture
from tests.tasks.floor.house import House
from tests.tasks.merged import cause

HOST = "pda.test"
SCANS = "**/handheld/api/scans"

# Tones cannot be heard here: the page's own are noted as they start.
HEAR = """
  window.tones = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { window.tones.push(this.frequency.value); start.apply(this, at); };
"""
BAD_TONE = 180


BARCODES = {"TEA": "6901234567892", "CUP": "6909876543210", "POT": "6905555555551", "TRAY": "6907777777773"}


class Pda:
    """One handheld with its browser."""

    def __init__(self, window: BrowserContext, house: House) -> None:
        self.window = window
        self.house = house
        window.add_init_script(HEAR)
        self.page: Page = window.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        self.page.on("console", lambda said: self.errors.append(said.text) if "Content Security" in said.text else None)
        self.page.goto("/handheld")

    def sign_in(self, name: str) -> None:
        """Sign somebody in with a new badge."""
        self.scan(make_badge("WH-A", name, cause()))
        expect(self.page.locator("#who")).to_contain_text(name)

    def scan(self, *codes: str) -> None:
        """Scan codes as a keyboard wedge types them: fast, each with Enter."""
        for code in codes:
            self.page.keyboard.type(code)
            self.page.keyboard.press("Enter")

    def shows(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)

    def says(self, text: str) -> None:
        """The line that confirms scans reads so."""
        expect(self.page.locator("#last")).to_contain_text(text)

    def refuses(self, *texts: str, picture: str = "") -> None:
        """The whole page is red, says this and makes a noise; somebody acknowledges it.

        A page that was just loaded may make a noise only when it is touched.
        """
        self.page.locator("#red h1").click()
        red = self.page.locator("#red")
        expect(red).to_be_visible()
        for text in texts:
            expect(red).to_contain_text(text)
        assert BAD_TONE in self.page.evaluate("window.tones")
        box = red.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (480, 800)
        if picture:
            self.picture(picture)
        self.page.evaluate("window.tones.length = 0")
        self.page.locator("#understood").click()

    def is_calm(self) -> None:
        expect(self.page.locator("#red")).to_be_hidden()

    def queued(self, count: int) -> None:
        """The banner says that there is no network and how many scans wait."""
        expect(self.page.locator("#banner")).to_contain_text("离线")
        expect(self.page.locator("#queued")).to_contain_text(f" {count} 条")

    def all_sent(self) -> None:
        """Every scan has its answer."""
        expect(self.page.locator("#pending")).to_be_hidden(timeout=15_000)

    def is_online(self) -> None:
        expect(self.page.locator("#banner")).to_be_hidden(timeout=15_000)

    def network(self, *, there: bool) -> None:
        self.window.set_offline(not there)

    def silence_scans(self) -> None:
        """Scans do not reach the server, while everything else does."""
        self.window.route(SCANS, lambda route: route.abort())

    def silence_requests(self) -> None:
        """No request reaches the server, while the page itself can be loaded."""
        self.window.route("**/handheld/api/**", lambda route: route.abort())

    def lose_answers(self) -> None:
        """Scans reach the server, its answers do not come back."""

        def lose(route: Route) -> None:
            httpx.post(
                route.request.url.replace(HOST, "127.0.0.1"),
                content=route.request.post_data,
                headers={"content-type": "application/json"},
                cookies={one["name"]: one["value"] for one in self.window.cookies()},
                trust_env=False,
            ).raise_for_status()
            route.abort()

        self.window.route(SCANS, lose)

    def fail_at_scans(self) -> None:
        """The server fails at every scan, whatever it is."""
        self.window.route(SCANS, lambda route: route.fulfill(status=500, json={"error": "internal error"}))

    def hold_scans_up(self) -> Callable[[], None]:
        """Scans that are sent stay under way until what this gives is called; no two requests may be by then."""
        held: list[Route] = []
        open_ways: list[bool] = []

        def hold(route: Route) -> None:
            if open_ways:
                route.continue_()
            else:
                held.append(route)

        def go_on() -> None:
            assert len(held) == 1
            open_ways.append(True)
            held[0].continue_()

        self.window.route(SCANS, hold)
        return go_on

    def let_scans_through(self) -> list[str]:
        """Everything reaches the server again; gives the ids of the scans that it is sent, as they go."""
        sent: list[str] = []
        self.window.on("requestfinished", lambda one: sent.extend(_ids(one)))
        self.window.unroute_all(behavior="wait")
        return sent

    def fill_the_disk(self) -> Callable[[], None]:
        """No scan can be kept on this handheld until what this gives is called."""
        self.page.evaluate(
            """() => {
              window.add = IDBObjectStore.prototype.add;
              IDBObjectStore.prototype.add = function (...one) {
                window.add.apply(this, one);
                this.transaction.abort();
              };
            }"""
        )
        return lambda: self.page.evaluate("() => { IDBObjectStore.prototype.add = window.add; }")

    def lose_the_database(self) -> None:
        """The browser closes what the page keeps, and throws it away."""
        origin = self.page.evaluate("location.origin")
        devtools = self.window.new_cdp_session(self.page)
        devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb"})

    def another_tab(self) -> "Pda":
        """The same handheld in another tab."""
        return Pda(self.window, self.house)

    def picture(self, name: str) -> None:
        if "SCREENSHOTS" not in os.environ:
            return
        self.page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
        picture(self.page, name)


def _ids(request: Request) -> list[str]:
    if not request.url.endswith("/handheld/api/scans"):
        return []
    body = request.post_data_json or {}
    return [scan["id"] for scan in body["scans"]]


SignIn = Callable[[str], Pda]
Picked = Callable[..., list[str]]


def items(basket: Mapping[str, int]) -> list[str]:
    """The barcodes of a basket, unit by unit."""
    return [BARCODES[sku] for sku, units in basket.items() for _ in range(units)]


def scans(house: House) -> list[tuple[str, str, bool]]:
    """Kind, code and outcome of every scan that handhelds sent, in the order in which they counted."""
    return house.pool.rows(
        """select kind, code, ok from floor_scan s join picker p on p.id = s.picker_id
           where p.name <> %s order by applied_at""",
        house.picker.name,
    )


def refund(house: House, no: str) -> None:
    """The buyer asks for the money back."""
    house.pool.execute(
        """insert into document_block (document_id, order_id, reason, placed_at)
           select d.id, a.order_id, 'refund', now() from outbound_document d join allocation a on a.document_id = d.id
           where d.no = %s limit 1""",
        no,
    )
