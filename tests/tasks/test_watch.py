from datetime import datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from models.alert import AlertRule
from models.database import transaction
from models.errors import PipelineError
from tasks.credentials import Owner, keep_secrets
from tasks.watch import stock_not_shown, tokens_at_risk, watch_all
from tasks.watch_ship_backs import overdue_ship_backs
from tests.fakes import NOON, FakePool, why
from tests.tasks.shipping import Shop, dispatched, report
from tests.tasks.test_quality_history import checked

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def tmall(pool: FakePool) -> FakePool:
    """A pool with an active Tmall shop T1 without tokens."""
    pool.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           values ('T1', 'tmall', '', true, false, 15, '{}', %s)""",
        NOON,
    )
    return pool


def give(pool: FakePool, given: datetime, ends: datetime | None, refresh_ends: datetime | None = None) -> None:
    """Tokens given at a time, with a refresh token if that has an end."""
    tokens = {"session": "s"} | ({"refresh_token": "r"} if refresh_ends else {})
    with transaction() as conn:
        ended = {"session": ends, "refresh_token": refresh_ends}
        keep_secrets(conn, Owner.SHOP, "T1", tokens, {name: ended[name] for name in tokens})
    pool.execute("update shop set settings = %s where code = 'T1'", Jsonb({"token_given_at": given.isoformat()}))


def risk(now: datetime = NOON) -> str:
    with transaction() as conn:
        return tokens_at_risk(conn, now).get("shop:T1", "")


class TestTokens:
    def test_one_that_cannot_be_refreshed_is_named_days_ahead(self, tmall: FakePool) -> None:
        give(tmall, NOON - 100 * DAY, NOON + 10 * DAY)

        assert risk() == ""
        assert risk(NOON + 3.1 * DAY) == (
            "shop T1: its access token, which cannot be refreshed, ends 11-30 12:00: `orderpool shop authorize T1`"
        )

    def test_a_shop_may_be_warned_earlier(self, tmall: FakePool) -> None:
        give(tmall, NOON - 100 * DAY, NOON + 10 * DAY)
        tmall.execute("""update shop set settings = settings || '{"token_alarm_days": 14}' where code = 'T1'""")

        assert risk()

    def test_one_that_lives_a_week_is_no_alert_all_its_life(self, tmall: FakePool) -> None:
        give(tmall, NOON, NOON + 7 * DAY)

        assert risk(NOON + DAY) == ""
        assert risk(NOON + 6 * DAY)

    def test_one_that_is_refreshed_in_time_is_none(self, tmall: FakePool) -> None:
        give(tmall, NOON, NOON + 7 * DAY, NOON + 14 * DAY)

        assert [risk(NOON + days * DAY) for days in (1, 3, 5, 6)] == [""] * 4

    def test_one_whose_refresh_failed_for_hours_is_named(self, tmall: FakePool) -> None:
        give(tmall, NOON, NOON + 7 * DAY, NOON + 14 * DAY)

        assert risk(NOON + 6 * DAY + HOUR) == ""
        assert "ends 11-27 12:00 and could not be refreshed" in risk(NOON + 6 * DAY + 3 * HOUR)

    def test_a_refresh_token_that_ends_is_named_days_ahead(self, tmall: FakePool) -> None:
        give(tmall, NOON, NOON + DAY, NOON + 6 * DAY)

        assert "its refresh token ends 11-26 12:00" in risk()

    def test_tokens_that_are_renewed_together_are_none_before_their_last_day(self, tmall: FakePool) -> None:
        give(tmall, NOON, NOON + 365 * DAY, NOON + 365 * DAY)

        assert risk(NOON + 362 * DAY) == ""
        assert "could not be refreshed" in risk(NOON + 364 * DAY + 3 * HOUR)

    def test_one_that_has_ended_is_named(self, tmall: FakePool) -> None:
        give(tmall, NOON - 7 * DAY, NOON - HOUR, NOON + 60 * DAY)

        assert risk() == "shop T1: its access token ended 11-20 11:00: `orderpool shop authorize T1`"

    def test_shops_that_are_off_or_need_no_token_are_none(self, tmall: FakePool) -> None:
        give(tmall, NOON - 7 * DAY, NOON - HOUR)
        tmall.execute("update shop set active = false where code = 'T1'")

        with transaction() as conn:
            assert tokens_at_risk(conn, NOON) == {}

    def test_one_whose_end_is_not_known_is_none(self, tmall: FakePool) -> None:
        give(tmall, NOON, None)

        assert risk(NOON + 1000 * DAY) == ""


def ship_back(pool: FakePool, parcel: int, state: str, age: timedelta, error: str = "", attempts: int = 1) -> None:
    pool.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
             last_error, created_at) values ('ship_back', 'shop:WOO', %s, 1, %s, %s, %s, false, %s, %s, %s)""",
        parcel,
        f"ship-back-{parcel}-{attempts}",
        state,
        attempts,
        NOON,
        error,
        NOON - age,
    )


@pytest.fixture
def parcel(pool: FakePool) -> FakePool:
    """A pool with parcel 1, which left from WH-A with number YT1."""
    pool.execute(
        """insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
             receiver_token, created_at)
           select 7, 'OB1', w.id, s.id, 1, 1, 'shipped', 'yuantong', 't', %s
           from warehouse w, shop s where w.code = 'WH-A'""",
        NOON,
    )
    pool.execute(
        """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
             salt_enc, callback_token, note)
           values (1, 7, 'P1', 'yuantong', 'YT1', 'label_created', %s, %s, %s, ''::bytea, 't', '')""",
        NOON,
        NOON,
        NOON,
    )
    return pool


def overdue() -> dict[str, str]:
    with transaction() as conn:
        return {subject: found.sentence for subject, found in overdue_ship_backs(conn, NOON).items()}


class TestShipBacks:
    def test_one_that_is_late_is_named_with_shop_parcel_and_obstacle(self, parcel: FakePool) -> None:
        ship_back(parcel, 1, "pending", 3 * HOUR, "WOO: ship order A1: HTTP 503")

        assert overdue() == {
            "parcel:1": "shop WOO: parcel 圆通速递 YT1 is not reported since 11-20 09:00: WOO: ship order A1: HTTP 503"
        }

    def test_one_that_is_fresh_or_done_is_none(self, parcel: FakePool) -> None:
        ship_back(parcel, 1, "pending", HOUR)
        ship_back(parcel, 2, "delivered", 9 * HOUR)
        ship_back(parcel, 3, "withdrawn", 9 * HOUR)

        assert overdue() == {}

    def test_a_shop_may_be_given_more_time(self, parcel: FakePool) -> None:
        ship_back(parcel, 1, "pending", 3 * HOUR)
        parcel.execute("""update shop set settings = '{"ship_back_overdue_h": 4}'""")

        assert overdue() == {}

    def test_a_parcel_is_named_once_by_the_message_that_was_tried_most(self, parcel: FakePool) -> None:
        ship_back(parcel, 1, "pending", 3 * HOUR, "first", attempts=2)
        ship_back(parcel, 1, "pending", 3 * HOUR, "second", attempts=5)

        assert list(overdue()) == ["parcel:1"]
        assert overdue()["parcel:1"].endswith(": second")


class TestListings:
    def unshown(self, now: datetime = NOON) -> dict[str, str]:
        with transaction() as conn:
            return stock_not_shown(conn, now)

    def test_those_that_wait_for_hours_are_one_alert_of_their_shop(self, pool: FakePool) -> None:
        push(pool, "1", 3 * HOUR, "the product is banned")
        push(pool, "2", 4 * HOUR)
        push(pool, "3", HOUR)

        assert self.unshown() == {
            "shop:WOO": "shop WOO: 2 listings do not show the stock decided on since 11-20 08:00: TEA2: not tried yet"
        }

    def test_what_is_shown_or_has_ended_is_none(self, pool: FakePool) -> None:
        push(pool, "1", 3 * HOUR)
        push(pool, "2", 3 * HOUR)
        pool.execute("update stock_push set sent = true where listing_id = 1")
        pool.execute("update listing set active = false where id = 2")

        assert self.unshown() == {}

    def test_a_shop_may_be_given_more_time(self, pool: FakePool) -> None:
        push(pool, "1", 3 * HOUR)
        pool.execute("""update shop set settings = '{"stock_not_shown_h": 4}'""")

        assert self.unshown() == {}
        assert self.unshown(NOON + 2 * HOUR)


def push(pool: FakePool, item: str, age: timedelta, obstacle: str = "") -> None:
    """A listing that waits to show something."""
    pool.execute("insert into sku (code, name, barcode, weight_g) values (%s, '', '', 0)", f"TEA{item}")
    pool.execute(
        """with made as (
             insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown_version, shown_formula, obstacle)
             select s.id, k.id, %s, '', true, 0, 0, %s from shop s, sku k where s.code = 'WOO' and k.code = %s
             returning id)
           insert into stock_push (listing_id, units, version, formula, sent, decided_at)
           select id, 5, 1, 0, false, %s from made""",
        item,
        obstacle,
        f"TEA{item}",
        NOON - age,
    )


def lack(pool: FakePool) -> None:
    """A shelf whose only unit is locked and was not found."""
    pool.stock(POT=1)
    pool.execute("update sku_pool set locked = 1")
    pool.execute("update stock set locked = 1, missing = 1")
    pool.execute(
        """insert into shortfall (warehouse_id, sku_id, counted, locked, missing, opened_at)
           select warehouse_id, sku_id, 0, 1, 1, %s from stock""",
        NOON,
    )


def refuse_waybill(pool: FakePool) -> None:
    """An e-waybill of document 7 that the service refused."""
    pool.execute(
        """insert into waybill (id, document_id, package_no, service, carrier, number, order_key, state, task_id,
             service_no, wanted_at) values (1, 7, 1, 'kuaidi100', 'yuantong', '', 'OB1-1-a', 'refused', '', '', %s)""",
        NOON,
    )
    pool.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
             last_error, created_at)
           values ('waybill', 'carrier:kuaidi100/WH-A', 1, 1, 'OB1-1-a', 'refused', 1, false, %s, 'code 400', %s)""",
        NOON,
        NOON,
    )


def test_every_rule_is_evaluated_and_what_is_over_closes(parcel: FakePool, tmall: FakePool) -> None:
    give(tmall, NOON - 7 * DAY, NOON - HOUR)
    ship_back(parcel, 1, "pending", 3 * HOUR)
    push(parcel, "9", 3 * HOUR)
    lack(parcel)
    refuse_waybill(parcel)
    checked(parcel, NOON - HOUR, 500, failed=50)
    parcel.execute("update shop set watermark = %s where code = 'WOO'", NOON - HOUR)

    first, alerts = watch_all(why("run-1"))
    again, _ = watch_all(why("run-2"))
    parcel.execute("update outbox set state = 'delivered'")
    parcel.execute("update stock_push set sent = true")
    parcel.execute("update shortfall set closed_at = %s", NOON)
    parcel.execute("update quality_check set unmet = '{}'")
    parcel.execute("update waybill set number = 'YT1234567', state = 'got'")
    parcel.execute("update shop set watermark = %s where code = 'WOO'", NOON)
    last, _ = watch_all(why("run-3"))

    assert (first.open, len(first.new), first.closed) == (7, 7, 0)
    assert {alert.rule for alert in alerts} == {
        AlertRule.TOKEN_EXPIRING,
        AlertRule.SHIP_BACK_OVERDUE,
        AlertRule.STOCK_NOT_SHOWN,
        AlertRule.STOCK_SHORTFALL,
        AlertRule.WAYBILL_MISSING,
        AlertRule.FEED_DRIFTING,
        AlertRule.INGEST_SILENT,
    }
    assert (again.open, again.new, again.closed) == (7, (), 0)
    assert (last.open, last.closed) == (1, 6)


def test_a_run_that_was_cut_off_still_names_what_it_opened(parcel: FakePool) -> None:
    ship_back(parcel, 1, "pending", 3 * HOUR)

    first, _ = watch_all(why("run-1"))
    retried, _ = watch_all(why("run-1"))

    assert retried.new == first.new != ()


def test_alerts_of_rules_that_others_evaluate_stay(pool: FakePool) -> None:
    pool.execute(
        "insert into alert (rule, subject, sentence, opened_at) values (%s, 'shop:WOO', 'missing', %s)",
        AlertRule.INGEST_MISSING.value,
        NOON,
    )

    count, _ = watch_all(why())

    assert (count.open, count.new, count.closed) == (1, (), 0)


def test_a_box_kept_back_until_the_rest_has_left_is_told_when_that_takes_long(pool: FakePool) -> None:
    dispatched(pool)
    Shop(numbers_at_once="yes")
    report(pool, {"YT1": {1: 3}}, final=False)

    with transaction() as conn:
        early, late = overdue_ship_backs(conn, NOON + HOUR), overdue_ship_backs(conn, NOON + 3 * HOUR)

    assert early == {}
    assert [found.sentence.rpartition(": ")[2] for found in late.values()] == ["the rest of the order has not left yet"]


def test_a_rule_that_breaks_does_not_silence_the_others(tmall: FakePool) -> None:
    tmall.execute("""update shop set settings = '{"token_alarm_days": 1e12}' where code = 'T1'""")
    dispatched(tmall)
    report(tmall, {"YT1": {1: 3, 2: 1}})
    tmall.execute("update outbox set created_at = %s where kind = 'ship_back'", NOON - 5 * HOUR)

    with pytest.raises(PipelineError, match="token_expiring"):
        watch_all(why())

    assert tmall.rows("select rule from alert where closed_at is null") == [("ship_back_overdue",)]
