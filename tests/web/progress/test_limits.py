"""Guessing: what is known and what is not looks alike, and whoever tries too often waits."""

import re
import threading
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from models.database import Connection, transaction
from models.settings import settings
from tasks.progress_codes import ask_code, mobile
from tasks.progress_limits import Caller, TooOften, network_of
from tasks.progress_sessions import LINK_LASTS, digest_of, link_to, open_by_number
from tests.clocks import StoppedClock
from tests.fakes import FakePool
from tests.web.progress.conftest import PHONE, STRANGE, Buyer, Messages

New = Callable[..., Buyer]


def seen(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but the browser's own cookies and the token of its forms, and the time of day."""
    own = {name: value for name, value in answer.headers.items() if name not in ("set-cookie", "date")}
    return answer.status_code, re.sub(rb'value="[0-9a-f]{32}"', b"", answer.content), own


def test_a_known_and_an_unknown_phone_are_answered_in_the_same_bytes(buyer: New, messages: Messages) -> None:
    answers = []
    for phone in (PHONE, STRANGE):
        someone = buyer()
        answers.append([seen(someone.ask(phone)), seen(someone.get("/progress/code")), seen(someone.verify("000000"))])

    assert answers[0] == answers[1]
    assert (messages.send().sent, [sent["phone"] for sent in messages.all()]) == (1, [PHONE])


@pytest.mark.parametrize("wrong", [("1", "0002"), ("9", "0001")])
def test_a_wrong_end_and_a_wrong_number_are_answered_in_the_same_bytes(buyer: New, wrong: tuple[str, str]) -> None:
    answer = seen(buyer().number(*wrong))

    assert answer[0] == 404
    assert re.sub(rb'value="\d+"', b"", answer[1]) == re.sub(rb'value="\d+"', b"", seen(buyer().number("7", "1234"))[1])


class Counting(psycopg.Connection[Any]):
    """A connection that keeps every statement it is asked for."""

    asked: list[str]

    def execute(self, query: Any, *more: Any, **options: Any) -> Any:
        """As the library's, noted."""
        self.asked = [*getattr(self, "asked", []), query if isinstance(query, str) else query.decode()]
        return super().execute(query, *more, **options)


def asked_of_the_pool(work: Callable[[Connection], object]) -> list[str]:
    with Counting.connect(settings().pool_url()) as conn:
        work(conn)
        return conn.asked


def test_a_known_and_an_unknown_phone_ask_the_same_of_the_pool(pool: FakePool, clock: StoppedClock) -> None:
    def asking_for(phone: str) -> list[str]:
        return asked_of_the_pool(lambda conn: ask_code(conn, phone, Caller("198.51.100.7", b"b"), clock.now()))

    known, unknown = asking_for(PHONE), asking_for(STRANGE)

    assert len(known) > 2
    assert known == unknown
    assert [statement for statement in known if "orders" in statement or "receiver" in statement] == []


def test_a_wrong_end_and_a_wrong_number_ask_the_same_of_the_pool(pool: FakePool, clock: StoppedClock) -> None:
    def looking_up(order_no: str, last4: str) -> list[str]:
        return asked_of_the_pool(lambda conn: open_by_number(conn, order_no, last4, Caller("", b""), clock.now()))

    assert looking_up("1", "0002") == looking_up("9", "0001") != looking_up("1", "0001")


def test_a_thousand_guesses_of_one_address_end_at_the_limit(buyer: New, pool: FakePool) -> None:
    answers = []
    for browser in range(10):  # a new browser each hundred helps nobody
        someone = buyer("203.0.113.5")
        token = re.search(r'name="csrf" value="([^"]+)"', someone.get("/progress/number").text)
        assert token is not None
        for guess in range(100):
            typed = {"csrf": token[1], "agreed": "1", "order_no": "1", "last4": f"{browser * 100 + guess + 1000:04d}"}
            answers.append(someone.post("/progress/number", data=typed).status_code)

    assert (answers.count(404), answers.count(429)) == (5, 995)
    assert buyer("203.0.113.6").number("1", "0001").status_code == 429  # the number itself waits
    assert pool.rows("select count(*) from progress_lookup") == [(5,)]


def test_an_address_has_ten_wrong_numbers_an_hour(buyer: New, clock: StoppedClock) -> None:
    answers = [buyer("203.0.113.5").number(f"no-{guess}", "0001").status_code for guess in range(12)]
    other = buyer("198.51.100.1").number("1", "0001").status_code
    clock.advance(hours=1, seconds=1)

    assert answers == [404] * 10 + [429] * 2
    assert other == 303
    assert buyer("203.0.113.5").number("1", "0001").status_code == 303


def test_a_refusal_says_how_long_to_wait(buyer: New, clock: StoppedClock) -> None:
    someone = buyer()
    someone.ask()
    clock.advance(seconds=20)
    again = someone.ask()

    assert (again.status_code, again.headers["retry-after"]) == (429, "40")
    assert "请 40 秒后再试" in again.text


def test_a_phone_gets_five_codes_an_hour_and_ten_a_day(pool: FakePool, clock: StoppedClock) -> None:
    allowed = []
    for hour in range(25):
        asked = []
        for minute in range(6):
            # from everywhere: it is the phone that counts
            asked.append(tries_once(PHONE, Caller(f"198.51.{hour}.{minute}", bytes([hour, minute]))))
            clock.advance(seconds=61)
        allowed.append(asked.count(True))
        clock.advance(minutes=60 - 6, seconds=-6)

    assert allowed[:3] == [5, 5, 0]
    assert sum(allowed[:24]) == 10
    assert allowed[24] > 0


@pytest.mark.parametrize(
    ("addresses", "most"), [(["203.0.113.7"] * 22, 20), ([f"203.0.113.{n}" for n in range(62)], 60)]
)
def test_an_address_and_its_network_ask_for_so_many_codes(pool: FakePool, addresses: list[str], most: int) -> None:
    allowed = [tries_once(f"138{n:08d}", Caller(address, str(n).encode())) for n, address in enumerate(addresses)]

    assert allowed == [True] * most + [False] * (len(addresses) - most)


def tries_once(phone: str, caller: Caller) -> bool:
    from models.settings import clock as now

    try:
        with transaction() as conn:
            ask_code(conn, phone, caller, now().now())
    except TooOften:
        return False
    return True


def test_two_at_the_same_moment_count_each_other(pool: FakePool) -> None:
    allowed: list[bool] = []
    start = threading.Barrier(6)

    def try_once(number: int) -> None:
        start.wait()
        allowed.append(tries_once(PHONE, Caller(f"198.51.{number}.1", str(number).encode())))

    threads = [threading.Thread(target=try_once, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(allowed) == [False] * 5 + [True]


def test_an_address_guesses_so_many_codes(buyer: New, messages: Messages, clock: StoppedClock) -> None:
    answers = []
    for number in range(8):
        someone = buyer("203.0.113.5")
        someone.ask(f"138{number:08d}")
        answers += [someone.verify("000000").status_code for _ in range(5)]

    assert answers == [400] * 30 + [429] * 10


def test_who_writes_addresses_into_a_header_is_counted_by_the_proxys(buyer: New) -> None:
    answers = [buyer(f"10.9.8.{n}, 203.0.113.5").number(f"no-{n}", "0001").status_code for n in range(11)]

    assert answers == [404] * 10 + [429]


def test_links_that_are_none_are_counted(buyer: New) -> None:
    someone = buyer("203.0.113.5")
    answers = [someone.get(f"/progress/t/{'A' * 40}{guess:04d}").status_code for guess in range(22)]

    assert answers == [404] * 20 + [429] * 2


def test_a_link_that_has_ended_is_no_guess(buyer: New, clock: StoppedClock) -> None:
    token = link_to(1, clock.now())
    clock.advance(days=LINK_LASTS.days)
    someone = buyer("203.0.113.5")

    assert {someone.get(f"/progress/t/{token}").status_code for _ in range(22)} == {404}


def test_a_link_opens_where_others_guessed_too_often(buyer: New, clock: StoppedClock) -> None:
    guesser = buyer("203.0.113.5")
    guesses = [guesser.get(f"/progress/t/{'A' * 40}{guess:04d}").status_code for guess in range(22)]

    assert guesses[-1] == 429
    assert buyer("203.0.113.5").get(f"/progress/t/{link_to(1, clock.now())}").status_code == 303


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.5", "203.0.113.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", ""),
        ("somewhere", ""),
    ],
)
def test_an_address_lies_in_a_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("139 0000 0001", PHONE),
        ("+86 139-0000-0001", PHONE),
        ("8613900000001", PHONE),
        ("139****0001", ""),
        ("0571-88880000", ""),
        (digest_of("").hex(), ""),
    ],
)
def test_a_mobile_is_read_as_people_write_it(written: str, read: str) -> None:
    assert mobile(written) == read
