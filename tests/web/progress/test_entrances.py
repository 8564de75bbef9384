"""The three ways to an order, and what stands in the way of those who only guess."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from models.database import connect, transaction
from models.privacy import ErasureReason
from tasks.erasing import erase
from tasks.progress_sessions import LINK_LASTS, link_to
from tests.clocks import StoppedClock
from tests.fakes import FakePool, payload, why
from tests.web.progress.conftest import PHONE, STRANGE, Buyer, Messages

New = Callable[..., Buyer]


def test_a_phone_and_its_code_lead_to_its_orders(buyer: New, messages: Messages) -> None:
    someone = buyer()

    asked = someone.ask()
    opened = someone.verify(messages.code())

    assert (asked.status_code, asked.headers["location"]) == (303, "/progress/code")
    assert (opened.status_code, opened.headers["location"]) == (303, "/progress/orders")
    text = someone.orders()
    for part in (
        "配货中",
        "部分商品已先发出",
        "YT7001",
        "圆通速递",
        "95554",
        "云栖茶铺",
        "139****0001",
        "欧***",
        "更新于",
    ):
        assert part in text, part


def test_a_number_and_the_end_of_the_phone_lead_to_the_order(buyer: New) -> None:
    someone = buyer()

    assert someone.number("1", "0001").headers["location"] == "/progress/orders"
    assert "YT7001" in someone.orders()


def test_a_link_leads_to_its_order_and_out_of_the_address(buyer: New, clock: StoppedClock) -> None:
    someone = buyer()
    answer = someone.get(f"/progress/t/{link_to(1, clock.now())}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/progress/orders")
    assert "YT7001" in someone.orders("en")


def test_a_link_ends_by_itself(buyer: New, clock: StoppedClock) -> None:
    token = link_to(1, clock.now())
    clock.advance(days=LINK_LASTS.days)

    assert buyer().get(f"/progress/t/{token}").status_code == 404


@pytest.mark.parametrize(
    "change", [lambda token: token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), lambda _: "A" * 54]
)
def test_a_link_that_we_did_not_make_leads_nowhere(
    buyer: New, clock: StoppedClock, change: Callable[[str], str]
) -> None:
    assert buyer().get(f"/progress/t/{change(link_to(1, clock.now()))}").status_code == 404


def test_a_wrong_code_is_told_and_the_right_one_still_opens(buyer: New, messages: Messages) -> None:
    someone = buyer()
    someone.ask()
    code = messages.code()
    wrong = someone.verify(f"{(int(code) + 1) % 10**6:06d}")

    assert (wrong.status_code, "验证码不正确" in wrong.text) == (400, True)
    assert someone.verify(code).status_code == 303


def test_a_code_ends_after_five_minutes(buyer: New, messages: Messages, clock: StoppedClock) -> None:
    someone = buyer()
    someone.ask()
    code = messages.code()
    clock.advance(minutes=5)
    late = someone.verify(code)

    assert (late.status_code, "验证码已失效" in late.text) == (400, True)


def test_a_code_is_tried_five_times_at_most(buyer: New, messages: Messages) -> None:
    someone = buyer()
    someone.ask()
    code = messages.code()
    told = [someone.verify(f"{(int(code) + n) % 10**6:06d}").text for n in range(1, 6)]

    assert ["不正确" in text for text in told] == [True] * 4 + [False]
    assert "错误次数过多" in someone.verify(code).text


def test_a_code_opens_once_and_in_its_own_browser(buyer: New, messages: Messages) -> None:
    someone, other = buyer(), buyer()
    other.ask(STRANGE)
    someone.ask()
    code = messages.code()

    assert "不正确" in other.verify(code).text
    assert someone.verify(code).headers["location"] == "/progress/orders"
    assert someone.verify(code).headers["location"] == "/progress"


def test_a_new_code_ends_the_one_before(buyer: New, messages: Messages, clock: StoppedClock) -> None:
    someone = buyer()
    someone.ask()
    first = messages.code()
    clock.advance(seconds=61)
    someone.ask()
    second = messages.code()

    assert first != second
    assert someone.verify(first).status_code == 400
    assert someone.verify(second).status_code == 303


def test_a_session_ends_after_half_an_hour_and_when_the_buyer_says_so(buyer: New, clock: StoppedClock) -> None:
    someone = buyer()
    someone.number("1", "0001")
    clock.advance(minutes=29)
    assert "YT7001" in someone.orders()
    clock.advance(minutes=1)
    assert someone.get("/progress/orders").status_code == 401

    someone.number("1", "0001")
    someone.submit("/progress/leave")
    assert someone.get("/progress/orders").status_code == 401


def test_an_erased_receiver_is_found_by_nothing(
    buyer: New, pool: FakePool, messages: Messages, clock: StoppedClock
) -> None:
    open_already = buyer()
    open_already.number("1", "0001")
    link = link_to(1, clock.now())
    pool.execute("update receiver set erased_at = %s, phone_hash = null, name_enc = null", clock.now())

    assert "YT7001" not in open_already.orders()
    assert buyer().number("1", "0001").status_code == 404
    assert buyer().get(f"/progress/t/{link}").status_code == 404
    buyer().ask()
    assert (messages.send().sent, messages.all()) == (0, [])


def test_orders_are_shown_for_ninety_days(buyer: New, clock: StoppedClock) -> None:
    clock.advance(days=90)

    assert buyer().number("1", "0001").status_code == 404


def test_the_notice_is_ticked_before_anything_is_looked_up(buyer: New, pool: FakePool) -> None:
    someone = buyer()

    assert someone.submit("/progress/code", phone=PHONE, agreed="").status_code == 400
    assert someone.submit("/progress/number", order_no="1", last4="0001", agreed="").status_code == 400
    assert pool.rows("select 1 from progress_code") == []


@pytest.mark.parametrize("phone", ["", "1390000", "057112345678", "139****0001", "23900000001", "1" * 300])
def test_what_is_no_mobile_is_told(buyer: New, phone: str) -> None:
    answer = buyer().ask(phone)

    assert answer.status_code == 400
    assert phone == "" or phone not in answer.text


def test_an_order_of_another_session_is_not_found(buyer: New, messages: Messages) -> None:
    someone = buyer()
    someone.number("1", "0001")

    assert someone.get(f"/progress/orders/{'0' * 32}").status_code == 404


def test_what_was_looked_up_is_counted_without_saying_by_whom(buyer: New, pool: FakePool, messages: Messages) -> None:
    someone = buyer()
    someone.number("1", "0002")
    someone.number("1", "0001")
    someone.ask()
    someone.verify(messages.code())

    assert pool.rows("select entrance, found from progress_lookup order by id") == [
        ("number", False),
        ("number", True),
        ("phone", True),
    ]


def test_nothing_in_the_pool_tells_a_phone_after_the_code_was_sent(
    buyer: New, pool: FakePool, messages: Messages
) -> None:
    someone = buyer("203.0.113.9")
    someone.ask()
    code = messages.code()
    with connect() as conn:
        told = [
            str(row)
            for table in ("progress_code", "progress_attempt", "progress_session", "progress_lookup")
            for row in conn.execute(f"select t::text from {table} t".encode()).fetchall()
        ]

    assert told
    assert [row for row in told for part in (PHONE, code, "203.0.113.9") if part in row] == []
    assert pool.rows("select sealed_enc from progress_code") == [(None,)]


def test_what_is_old_is_forgotten(buyer: New, pool: FakePool, messages: Messages, clock: StoppedClock) -> None:
    from tasks.progress_sms import tidy_progress

    someone = buyer()
    someone.ask()
    messages.send()
    someone.number("1", "0001")
    kept = {}
    for passed in (timedelta(minutes=11), timedelta(minutes=20), timedelta(days=31)):
        clock.advance(seconds=passed.total_seconds())
        with connect() as conn:
            tidy_progress(conn, clock.now())
        kept[passed] = pool.rows(
            """select (select count(code_hash) from progress_code), (select count(*) from progress_code),
                      (select count(*) from progress_session), (select count(*) from progress_lookup)"""
        )[0]

    assert list(kept.values()) == [(0, 1, 1, 1), (0, 1, 0, 1), (0, 0, 0, 1)]


def test_an_order_whose_buyer_wants_it_forgotten_is_shown_to_nobody(
    buyer: New, pool: FakePool, clock: StoppedClock
) -> None:
    pool.execute("update receiver set restricted_at = %s", clock.now())

    assert buyer().number("1", "0001").status_code == 404


def test_a_scan_whose_meaning_is_not_known_is_shown_as_it_was_told(
    buyer: New, pool: FakePool, clock: StoppedClock
) -> None:
    pool.execute(
        "insert into parcel_event (parcel_id, digest, at, stage, text, place) values (1, 'a', %s, '', '快件安检', '')",
        clock.now(),
    )
    someone = buyer()
    someone.number("1", "0001")

    assert "快件安检" in someone.orders()


def test_a_parcel_says_when_it_is_to_be_expected(buyer: New, pool: FakePool, clock: StoppedClock) -> None:
    pool.execute(
        """insert into lane_time (warehouse_id, carrier, area, parcels, p50_s, p90_s, learnt_at)
           select d.warehouse_id, p.carrier, '', 40, 864000, 1728000, %s
           from parcel p join outbound_document d on d.id = p.document_id""",
        clock.now(),
    )
    someone = buyer()
    someone.number("1", "0001")

    assert "预计 " in someone.orders()
    assert "To be expected from " in someone.orders("en")


def test_whose_orders_were_looked_up_is_noted(buyer: New, pool: FakePool) -> None:
    someone = buyer()
    someone.number("1", "0001")
    someone.orders()

    assert pool.rows("select actor, order_id from access_log where purpose = 'progress'") == [("buyer", 1)]


def test_with_the_last_order_of_a_phone_its_codes_and_sessions_go(
    buyer: New, pool: FakePool, messages: Messages
) -> None:
    pool.take([payload(2, units={"TEA": 1})], run="another")
    pool.execute("update receiver set phone_hash = (select phone_hash from receiver where order_id = 1)")
    someone = buyer()
    someone.ask()
    messages.send()
    someone.verify(messages.code())
    kept = "select (select count(*) from progress_code), (select count(*) from progress_session)"

    for order_id, left in ((1, (1, 1)), (2, (0, 0))):
        with transaction() as conn:
            erase(conn, [order_id], ErasureReason.OVER, why())
        assert pool.rows(kept) == [left]
