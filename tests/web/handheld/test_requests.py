"""What the handheld page asks: bounded, by its own page, in a session; each scan once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx
import pytest

from models.settings import clock, settings
from tasks.floor_people import end_badge, make_badge
from tasks.sessions import ADDRESS_TRIES
from tests.tasks.floor.house import House, waybill
from tests.tasks.merged import cause

API = "/handheld/api"
ASKED = (("GET", "session"), ("GET", "work"), ("GET", "waves/WV1"), ("GET", "documents/OB1"))
SENT = (("POST", "waves"), ("POST", "waves/WV1/take"), ("POST", "scans"))


class Hand(httpx.Client):
    """A handheld without its page."""

    def tell(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.post(f"{API}/{path}", json={} if body is None else body, headers=headers)

    def sign_in(self, name: str) -> httpx.Response:
        return self.tell("sign-in", {"badge": make_badge("WH-A", name, cause())})

    def scans(self, *scans: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self.tell("scans", {"scans": list(scans)})
        assert answer.status_code == 200, answer.text
        answers: list[dict[str, Any]] = answer.json()["answers"]
        return answers


def scan(kind: str, code: str = "", **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "at": clock().now().isoformat(), "kind": kind, "code": code, **fields}


@pytest.fixture
def stranger(web: httpx.Client, house: House) -> Iterator[Hand]:
    with Hand(base_url=web.base_url, trust_env=False) as made:
        yield made


@pytest.fixture
def hand(web: httpx.Client, house: House) -> Iterator[Callable[[str], Hand]]:
    """Makes a handheld that somebody is signed in on."""
    with ExitStack() as stack:

        def sign_in(name: str) -> Hand:
            made = stack.enter_context(Hand(base_url=web.base_url, trust_env=False))
            assert made.sign_in(name).status_code == 200
            return made

        yield sign_in


class TestTheSession:
    def test_a_badge_begins_one(self, stranger: Hand) -> None:
        answer = stranger.sign_in("李雷")

        assert (answer.json()["picker"], answer.json()["warehouse"]["code"]) == ("李雷", "WH-A")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("handheld=", "HttpOnly", "SameSite=strict", "Path=/handheld"))
        assert "Secure" not in cookie
        assert stranger.get(f"{API}/session").json()["picker"] == "李雷"

    def test_its_cookie_is_secure_where_the_page_is(self, stranger: Hand) -> None:
        badge = make_badge("WH-A", "李雷", cause())
        answer = stranger.tell("sign-in", {"badge": badge}, **{"x-forwarded-proto": "https"})

        assert "Secure" in answer.headers["set-cookie"]

    @pytest.mark.parametrize("badge", ["", "PB-" + "A" * 20, "李雷"])
    def test_an_unknown_badge_is_told_in_words(self, stranger: Hand, badge: str) -> None:
        answer = stranger.tell("sign-in", {"badge": badge})

        assert (answer.status_code, "工牌无效" in answer.json()["error"]) == (401, True)
        assert "set-cookie" not in answer.headers

    def test_too_many_unknown_badges_have_to_wait(self, stranger: Hand) -> None:
        answers = [stranger.tell("sign-in", {"badge": f"PB-{n}"}).status_code for n in range(ADDRESS_TRIES)]
        waits = stranger.sign_in("李雷")

        assert set(answers) == {401}
        assert (waits.status_code, waits.headers["retry-after"]) == (429, "600")

    def test_an_ended_badge_ends_what_is_open(self, hand: Callable[[str], Hand]) -> None:
        mine = hand("李雷")
        end_badge("WH-A", "李雷", cause())

        assert mine.get(f"{API}/work").status_code == 401

    def test_another_badge_on_the_same_handheld_ends_the_first_session(
        self, hand: Callable[[str], Hand], stranger: Hand
    ) -> None:
        mine = hand("李雷")
        first = mine.cookies["handheld"]
        mine.sign_in("韩梅梅")

        assert mine.get(f"{API}/session").json()["picker"] == "韩梅梅"
        assert stranger.get(f"{API}/session", headers={"cookie": f"handheld={first}"}).status_code == 401

    def test_signing_out_ends_it(self, hand: Callable[[str], Hand]) -> None:
        mine = hand("李雷")
        token = mine.cookies["handheld"]

        assert mine.tell("sign-out").status_code == 200
        assert mine.get(f"{API}/work", headers={"cookie": f"handheld={token}"}).status_code == 401

    @pytest.mark.parametrize(("method", "path"), [*ASKED, *SENT])
    def test_nothing_is_told_without_one(self, stranger: Hand, method: str, path: str) -> None:
        body = {"scans": [scan("check")]} if path == "scans" else {}
        answer = stranger.request(method, f"{API}/{path}", json=body if method == "POST" else None)

        assert (answer.status_code, answer.json()) == (401, {"error": "请扫描工牌。"})


class TestOnlyItsOwnPage:
    @pytest.mark.parametrize("path", ["sign-in", "sign-out", "waves/WV1/take", "scans"])
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"origin": "http://evil.test"}, 403),
            ({"origin": "null"}, 403),
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"content-type": "text/plain"}, 415),
            ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ],
    )
    def test_may_send(self, hand: Callable[[str], Hand], path: str, headers: dict[str, str], status: int) -> None:
        mine = hand("李雷")
        answer = mine.post(f"{API}/{path}", content=b"{}", headers={"content-type": "application/json", **headers})

        assert (answer.status_code, list(answer.json())) == (status, ["error"])

    def test_sends_with_the_address_it_has(self, hand: Callable[[str], Hand]) -> None:
        mine = hand("李雷")

        assert mine.tell("sign-out", origin=str(mine.base_url).rstrip("/")).status_code == 200

    @pytest.mark.parametrize("path", ["/handheld", "/handheld/nothing", f"{API}/session"])
    def test_has_the_headers_that_keep_others_out(self, stranger: Hand, path: str) -> None:
        headers = stranger.get(path).headers

        assert headers["content-security-policy"].startswith("default-src 'self'; frame-ancestors 'none'")
        assert headers["cache-control"] == "no-store"

    def test_has_no_script_or_style_in_it(self, stranger: Hand) -> None:
        text = stranger.get("/handheld").text

        assert "<style" not in text
        assert " style=" not in text
        assert text.count("<script") == text.count('<script type="module" src=') == 1


class TestThePage:
    def test_speaks_chinese_until_english_is_chosen(self, stranger: Hand) -> None:
        assert "扫描配货单" in stranger.get("/handheld").text
        assert "Scan the packing slip" in stranger.get("/handheld?lang=en").text
        assert stranger.tell("sign-in", {"badge": "x"}).json()["error"].startswith("This badge is not known")

    def test_has_files_that_browsers_may_keep(self, stranger: Hand) -> None:
        source = stranger.get("/handheld").text.partition('type="module" src="')[2].partition('"')[0]
        answer = stranger.get(source)

        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert answer.headers["content-type"].startswith("text/javascript")

    def test_tells_its_errors_as_a_page_and_those_of_requests_as_json(self, stranger: Hand) -> None:
        assert "没有这个页面" in stranger.get("/handheld/nothing").text
        assert stranger.get(f"{API}/nothing").json() == {"error": "not found"}

    def test_opens_without_the_pool(self, stranger: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
        settings.cache_clear()

        assert stranger.get("/handheld").status_code == 200
        answer = stranger.get(f"{API}/session", headers={"cookie": "handheld=x"})
        assert (answer.status_code, answer.json()) == (503, {"error": "try again later"})


class TestScans:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"scans": []},
            {"scans": {}},
            {"scans": [{}]},
            {"scans": [scan("check") | {"id": "1"}]},
            {"scans": [scan("check") | {"at": "2026-11-20T10:00:00"}]},
            {"scans": [scan("check") | {"at": "0001-01-01T00:00:00+14:00"}]},
            {"scans": [scan("check", "A" * 101)]},
            {"scans": [scan("check", "A\x00")]},
            {"scans": [scan("check", quantity=0)]},
            {"scans": [scan("check", quantity=10**9)]},
            {"scans": [scan("check", document="OB 1'")]},
            {"scans": [scan("check", more="perhaps")]},
            {"scans": [scan("check", price=1)]},
            {"scans": [scan("check") for _ in range(201)]},
        ],
    )
    def test_that_are_none_are_refused_as_a_whole(
        self, hand: Callable[[str], Hand], house: House, body: dict[str, Any]
    ) -> None:
        answer = hand("李雷").tell("scans", body)

        assert (answer.status_code, answer.json()["error"].startswith("not usable: ")) == (422, True)
        assert house.pool.rows("select * from floor_scan") == []

    @pytest.mark.parametrize(
        ("content", "status"),
        [(b"", 422), (b"{", 422), (b'"\\ud800"', 422), (b"[" * 5000, 422), (b" " * 1_000_001, 413)],
    )
    def test_that_are_no_json_are_refused(self, hand: Callable[[str], Hand], content: bytes, status: int) -> None:
        answer = hand("李雷").post(f"{API}/scans", content=content, headers={"content-type": "application/json"})

        assert answer.status_code == status

    def test_are_applied_in_order_and_answered_with_what_is_there_now(
        self, hand: Callable[[str], Hand], house: House
    ) -> None:
        (no,) = house.orders({"TEA": 2})
        house.fetch(house.waves()[0])
        answers = hand("李雷").scans(
            scan("check", "TEA", document=no),
            scan("check", "CUP", document=no),
            scan("check", "6901234567892", document=no),
            scan("check", "TEA", document=no),
            scan("ship", waybill(1), document=no),
        )

        assert [(answer["said"], answer["ok"]) for answer in answers] == [
            ("checked", True), ("wrong_sku", False), ("checked", True), ("too_many", False), ("shipped", True),
        ]  # fmt: skip
        assert answers[1]["text"] == "商品不对，不属于这里。"
        assert [answer["document"] and answer["document"]["state"] for answer in answers] == [None] * 4 + ["done"]
        assert house.state(no) == ("shipped", "done")

    def test_are_applied_once_however_often_they_are_sent(self, hand: Callable[[str], Hand], house: House) -> None:
        (no,) = house.orders({"TEA": 2})
        house.fetch(house.waves()[0])
        mine, one = hand("李雷"), scan("check", "TEA", document=no)

        answers = [mine.scans(one)[0] for _ in range(3)]

        assert [(answer["said"], answer["repeated"]) for answer in answers] == [
            ("checked", False), ("checked", True), ("checked", True),
        ]  # fmt: skip
        assert house.view(no).lines[0].checked == 1

    def test_are_taken_from_whoever_made_them_only(self, hand: Callable[[str], Hand], house: House) -> None:
        (no,) = house.orders({"TEA": 2})
        one = scan("check", "TEA", document=no)
        answer = hand("李雷").tell("scans", {"picker": "韩梅梅", "warehouse": "WH-A", "scans": [one]})

        assert (answer.status_code, "韩梅梅" in answer.json()["error"]) == (409, True)
        assert house.pool.rows("select * from floor_scan where code = 'TEA'") == []

    def test_of_a_handheld_whose_clock_is_ahead_count_from_now(self, hand: Callable[[str], Hand], house: House) -> None:
        hand("李雷").scans(scan("check", "TEA") | {"at": "2099-01-01T00:00:00Z"})

        assert house.pool.rows("select scanned_at = applied_at from floor_scan") == [(True,)]


class TestAWave:
    def test_is_taken_by_one_person(self, hand: Callable[[str], Hand], house: House) -> None:
        house.orders({"TEA": 2, "CUP": 1})
        (wave,) = house.waves()

        mine = hand("李雷").tell(f"waves/{wave}/take")
        other = hand("韩梅梅").tell(f"waves/{wave}/take")

        assert (mine.status_code, mine.json()["picker"]) == (200, "李雷")
        assert [pick["place"] for pick in mine.json()["picks"]] == ["A-01-1", "A-03-2"]
        assert (other.status_code, other.json()) == (409, {"error": "此波次已由他人领取。"})

    @pytest.mark.parametrize("path", ["waves/WV1", "documents/OB1", "documents/%00", "waves/a'b"])
    def test_or_a_document_that_is_not_there_is_not_found(self, hand: Callable[[str], Hand], path: str) -> None:
        assert hand("李雷").get(f"{API}/{path}").status_code == 404

    def test_of_another_warehouse_is_not_found(self, hand: Callable[[str], Hand], house: House) -> None:
        (no,) = house.orders({"TEA": 2})
        house.waves()
        house.pool.execute("update warehouse set wms = 'handheld' where code = 'WH-B'")
        mine = hand("李雷")
        mine.tell("sign-in", {"badge": make_badge("WH-B", "韩梅梅", cause())})

        assert mine.get(f"{API}/documents/{no}").status_code == 404
        assert mine.get(f"{API}/work").json()["waves"] == []


def test_what_waits_is_put_into_waves_and_shown(house: House, hand: Callable[[str], Hand]) -> None:
    house.orders({"TEA": 1, "CUP": 1}, {"TEA": 2})
    made = hand("李雷")
    assert (made.get(f"{API}/work").json()["waiting"], made.get(f"{API}/work").json()["waves"]) == (2, [])

    work = made.tell("waves").json()

    assert (work["waiting"], [wave["documents"] for wave in work["waves"]]) == (0, [2])
    assert made.tell("waves").json() == work
    assert house.pool.rows("select made_by from wave") == [("picker:李雷@WH-A",)]
