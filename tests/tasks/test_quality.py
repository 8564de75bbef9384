"""Data quality: each expectation, its limits, what a person reads, and how a batch that failed goes on."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from models.database import transaction
from models.errors import FeedError
from models.order import Cause
from tasks.accept import accept
from tasks.batches import take_batch
from tasks.quality import BatchCheck, UnfitBatch, check_batch, table_of
from tasks.quality_suite import suite
from tasks.validate import record_feed_finding, validate_batch
from tests.connectors.conftest import recorded
from tests.fakes import NOON, FakePool, payload, why


def check(batch_id: int = 1, at: Cause | None = None) -> BatchCheck:
    """The check of a batch's orders, whatever its verdict."""
    with transaction() as conn:
        rows = conn.execute(
            """select order_id from order_state s join orders o on o.id = s.order_id
               where s.batch_id = %s and o.pay_state <> 'cancelled'""",
            (batch_id,),
        )
        ids = [row[0] for row in rows]
        try:
            return check_batch(conn, take_batch(conn, batch_id), ids, at or why())
        except UnfitBatch as error:
            return error.check


def unmet(found: BatchCheck) -> dict[str, tuple[str, ...]]:
    """The expectations that orders failed, with the numbers of some."""
    return {outcome.expected.name: outcome.examples for outcome in found.unmet}


ORDER, LINE, RECEIVER = (
    "update orders set {} where order_no = '2'",
    "update order_line l set {} from orders o where o.id = l.order_id and o.order_no = '2'",
    "update receiver r set {} from orders o where o.id = r.order_id and o.order_no = '2'",
)
BREAKS = {
    "order number is there": (ORDER, "order_no = '2 '", "woocommerce", ("2 ",)),
    "order number is its own": (ORDER, "order_no = '3'", "woocommerce", ("3", "3")),
    "platform's id is there": (ORDER, "external_id = ''", "woocommerce", ("2",)),
    "somebody receives it": (RECEIVER, "name_enc = null", "woocommerce", ("2",)),
    "buyers are known": (ORDER, "buyer_key = ''", "taobao", ("2",)),
    "amount is positive": (ORDER, "total_fen = 0, goods_fen = 0", "jd", ("2",)),
    "prices are not negative": (LINE, "unit_price_fen = -1", "woocommerce", ("2",)),
    "prices agree with the total": (ORDER, "total_fen = 10001, goods_fen = 10001", "woocommerce", ("2",)),
    "goods are price times quantity": (ORDER, "goods_fen = 2006, discount_fen = 6", "taobao", ("2",)),
    "goods, discount and freight make the total": (ORDER, "discount_fen = 6", "woocommerce", ("2",)),
    "shares of the lines make the total": (LINE, "paid_fen = 1994", "taobao", ("2",)),
    "every line has a positive quantity": (LINE, "quantity = 0", "woocommerce", ("2",)),
    "the order has lines": (
        LINE.replace("update order_line l set {} from", "delete from order_line l using"),
        "",
        "jd",
        ("2",),
    ),
    "receiver can be called": (RECEIVER, "phone_enc = null", "woocommerce", ("2",)),
    "receiver's region is there": (RECEIVER, "province = '', city = '', district = ''", "woocommerce", ("2",)),
    "region is readable": (RECEIVER, "province = 'Zhejiang', city = '?', district = ''", "woocommerce", ("2",)),
    "created in the past": (ORDER, "created_at = '2026-11-20 06:00:01Z', paid_at = null", "woocommerce", ("2",)),
    "paid after it was created": (ORDER, "paid_at = created_at - interval '61 s'", "woocommerce", ("2",)),
    "changed after it was paid": (ORDER, "modified_at = paid_at - interval '301 s'", "woocommerce", ("2",)),
    "deadline after it was created": (ORDER, "ship_by = created_at - interval '86401 s'", "woocommerce", ("2",)),
    "platform's status is there": (ORDER, "platform_status = ''", "woocommerce", ("2",)),
}
HOLDS_UP = {
    "order number is there": (ORDER, "order_no = 'A 2'", "woocommerce"),
    "somebody receives it": (RECEIVER, "name_enc = null, oaid = 'handle'", "woocommerce"),
    "amount is positive": (ORDER, "total_fen = 1, goods_fen = 1", "jd"),
    "prices are not negative": (LINE, "unit_price_fen = 0", "woocommerce"),
    "prices agree with the total": (ORDER, "total_fen = 10000, goods_fen = 10000", "woocommerce"),
    "goods are price times quantity": (ORDER, "goods_fen = 2005, discount_fen = 5", "taobao"),
    "goods, discount and freight make the total": (ORDER, "discount_fen = 5", "woocommerce"),
    "shares of the lines make the total": (LINE, "paid_fen = 1995", "taobao"),
    "every line has a positive quantity": (LINE, "quantity = 1", "woocommerce"),
    "receiver can be called": (ORDER, "pay_state = 'blocked', not_ready = 'under review'", "woocommerce"),
    "receiver's region is there": (RECEIVER, "city = '', district = ''", "woocommerce"),
    "created in the past": (ORDER, "created_at = '2026-11-20 06:00:00Z', paid_at = null", "woocommerce"),
    "paid after it was created": (ORDER, "paid_at = created_at - interval '60 s'", "woocommerce"),
    "changed after it was paid": (ORDER, "modified_at = paid_at - interval '300 s'", "woocommerce"),
    "deadline after it was created": (ORDER, "ship_by = created_at - interval '86400 s'", "woocommerce"),
}


@pytest.fixture
def three(pool: FakePool) -> Callable[[str], FakePool]:
    """Three good orders in a batch of a shop of a channel."""

    def taken(channel: str) -> FakePool:
        pool.take([payload(n) for n in (1, 2, 3)])
        pool.execute("update shop set channel = %s", channel)
        return pool

    return taken


@pytest.mark.parametrize("name", BREAKS)
def test_an_order_that_breaks_an_expectation_is_found(three: Callable[[str], FakePool], name: str) -> None:
    statement, change, channel, examples = BREAKS[name]
    three(channel).execute(statement.format(change))

    assert unmet(check())[name] == examples


@pytest.mark.parametrize("name", HOLDS_UP)
def test_an_order_at_the_edge_of_an_expectation_meets_it(three: Callable[[str], FakePool], name: str) -> None:
    statement, change, channel = HOLDS_UP[name]
    three(channel).execute(statement.format(change))

    assert name not in unmet(check())


def test_a_phone_that_cannot_be_called_is_found_and_a_mask_is_none(pool: FakePool) -> None:
    phones = ["13800005678-1234", "138****5678", "soon"]
    pool.take([payload(n) | {"shipping": payload(n)["shipping"] | {"phone": phones[n - 1]}} for n in (1, 2, 3)])

    assert unmet(check()) == {"phone is one": ("3",)}


@pytest.mark.parametrize("channel", ["taobao", "jd", "pinduoduo", "douyin", "woocommerce"])
def test_recorded_orders_meet_everything(pool: FakePool, channel: str) -> None:
    pool.execute("update shop set channel = %s", channel)
    reader = pool.reader("run-1")
    reader.take(recorded(channel))
    reader.finish()

    # one of JD's names no buyer, as the platform does now and then; that holds no order
    assert set(unmet(check(at=why(at=NOON + timedelta(days=3))))) <= {"buyers are known"}


def test_every_expectation_of_the_file_is_tried_here() -> None:
    tried = {*BREAKS, "phone is one", "creation times differ"}
    guarded_by_the_tables = {"state of payment is known", "states of lines are known"}

    assert {expected.name for expected in suite().expectations} == tried | guarded_by_the_tables


def few_wrong(wrong: int, of: int = 400) -> list[dict[str, object]]:
    """Orders of which the first ones have a total that is a hundred times too large."""
    return [
        payload(n) | ({"total": "2000.00", "discount_total": "-1980.00"} if n <= wrong else {})
        for n in range(1, of + 1)
    ]


def validate(pool: FakePool) -> None:
    (batch_id,) = pool.open_batches()
    try:
        with transaction() as conn:
            validate_batch(conn, batch_id, why())
    except FeedError as error:
        record_feed_finding(batch_id, error)
        raise


@pytest.fixture
def stocked(pool: FakePool) -> FakePool:
    pool.stock(TEA=1000)
    return pool


class TestLimits:
    @pytest.mark.parametrize(("wrong", "of"), [(19, 40), (20, 401)])
    def test_below_rows_or_share_the_batch_goes_on(self, stocked: FakePool, wrong: int, of: int) -> None:
        stocked.take(few_wrong(wrong, of))

        validate(stocked)

        assert stocked.rows("select verdict, failing from quality_check") == [("passed", [])]

    @pytest.mark.parametrize(("wrong", "of"), [(20, 40), (20, 400)])
    def test_at_both_the_batch_stays_put(self, stocked: FakePool, wrong: int, of: int) -> None:
        stocked.take(few_wrong(wrong, of))

        with pytest.raises(FeedError):
            validate(stocked)

        assert stocked.rows("select verdict, failing from quality_check") == [
            ("failed", ["prices agree with the total"])
        ]

    def test_orders_of_one_moment_are_a_wrong_feed_only_when_there_are_many(self, pool: FakePool) -> None:
        pool.take([payload(n) for n in range(1, 21)])
        pool.execute("update orders set created_at = %s", NOON - timedelta(hours=4))

        assert "creation times differ" in unmet(check())
        pool.execute("delete from order_state where order_id = (select min(order_id) from order_state)")
        assert "creation times differ" not in unmet(check())

    @pytest.mark.parametrize(("window", "is_checked"), [(timedelta(seconds=59), False), (timedelta(seconds=60), True)])
    def test_orders_of_one_moment_are_right_in_a_window_of_seconds(
        self, pool: FakePool, window: timedelta, is_checked: bool
    ) -> None:
        pool.take([payload(n) for n in range(1, 21)])
        pool.execute("update orders set created_at = %s", NOON - timedelta(hours=4))
        pool.execute(
            """with made as (
                 insert into ingest_window (shop_id, since, until, origin, state, flow_run_id, created_at)
                 select id, %s, %s, 'requested', 'stored', 'run-1', now() from shop where code = 'WOO' returning id)
               update batch set window_id = made.id from made""",
            NOON - window,
            NOON,
        )

        assert ("creation times differ" in unmet(check())) is is_checked

    def test_one_unreadable_order_in_a_batch_that_was_checked_fails_no_second_run(self, stocked: FakePool) -> None:
        stocked.take([payload(n) | ({"total": "many"} if n <= 20 else {}) for n in range(1, 500)])
        validate(stocked)

        validate(stocked)

        assert stocked.rows("select verdict, rows from quality_check") == [("passed", 479)]


def test_the_message_names_share_expectation_limit_and_examples(stocked: FakePool) -> None:
    stocked.take(few_wrong(40, 40))

    with pytest.raises(FeedError) as caught:
        validate(stocked)

    assert str(caught.value) == (
        "40 of 40 orders: the total is not of the size of price times quantity; are the amounts scaled? "
        "(prices agree with the total), limit 5 %; e.g. 1, 10, 11"
    )


def test_nothing_personal_is_kept_of_what_orders_failed(stocked: FakePool) -> None:
    wrong = {"shipping": payload(1)["shipping"] | {"phone": "12-34-56 call Li", "state": "ZZ", "city": "Atlantis"}}
    stocked.take([payload(n) | wrong for n in range(1, 41)])

    with pytest.raises(FeedError) as caught:
        validate(stocked)

    (kept,) = stocked.rows("select quality_check::text, (select feed_findings::text from batch) from quality_check")
    told = " ".join([*kept, str(caught.value), str(table_of(check()))])
    assert not [word for word in ("12-34", "Li", "Atlantis", "ZZ", "梧桐", "修远") if word in told]


class TestGoingOn:
    def test_a_batch_whose_cause_is_mended_goes_on_and_nothing_is_left_against_it(self, stocked: FakePool) -> None:
        stocked.take(few_wrong(40, 40))
        with pytest.raises(FeedError):
            validate(stocked)
        stocked.execute("update orders set total_fen = 2000, discount_fen = 0")

        validate(stocked)

        assert set(stocked.stages().values()) == {"validated"}
        assert stocked.rows("select verdict, unmet, failing from quality_check") == [("passed", {}, [])]
        assert stocked.rows("select feed_findings from batch") == [(None,)]

    def test_an_accepted_batch_goes_on_with_its_holds_and_says_so(self, stocked: FakePool) -> None:
        no_phone = {"shipping": payload(1)["shipping"] | {"phone": ""}}
        stocked.take([payload(n) | (no_phone if n <= 20 else {}) for n in range(1, 41)])
        with pytest.raises(FeedError):
            validate(stocked)
        accept(1, "a shop for neighbours", "person:li")

        validate(stocked)

        assert {code for codes in stocked.holds().values() for code in codes} == {"BAD_FIELD"}
        assert len(stocked.holds()) == 20
        assert stocked.rows("select verdict, failing from quality_check") == [("accepted", ["receiver can be called"])]
        assert stocked.rows("select accepted_by, accepted_reason, feed_findings is null from batch") == [
            ("person:li", "a shop for neighbours", False)
        ]

    def test_an_earlier_run_that_ends_late_does_not_overwrite_a_later_one(self, stocked: FakePool) -> None:
        stocked.take(few_wrong(40, 40))
        late = check(at=why(at=NOON - timedelta(minutes=1)))
        stocked.execute("update orders set total_fen = 2000, discount_fen = 0")
        validate(stocked)

        record_feed_finding(1, UnfitBatch(late))

        assert stocked.rows("select verdict from quality_check") == [("passed",)]


def test_the_table_of_a_run_has_every_expectation_with_the_worst_first(stocked: FakePool) -> None:
    stocked.take(few_wrong(40, 40))

    rows = table_of(check())

    assert len(rows) == len(suite().of_channel("woocommerce"))
    assert rows[0] == {
        "expectation": "prices agree with the total",
        "failed": "40 of 40",
        "share": "100 %",
        "limit": "5 %, from 20 orders on",
        "verdict": "over its limit: the batch stays put",
        "examples": "1, 10, 11",
    }
