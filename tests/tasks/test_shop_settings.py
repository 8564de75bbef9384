from datetime import timedelta

import pytest

from connectors.base import Capabilities, Paging, StockMode
from connectors.registry import CHANNELS
from models.errors import SetupError
from tasks.shop_settings import (
    CAPABILITY_NAMES,
    CHOICES,
    NUMBERS,
    SWITCHES,
    as_text,
    capabilities_of,
    set_shop,
    setting_name,
)
from tests.fakes import FakePool


def granted(pool: FakePool) -> Capabilities:
    stored = pool.rows("select settings->'capabilities' from shop")[0][0]
    return capabilities_of("WOO", "woocommerce", stored or {})


@pytest.mark.parametrize(
    ("name", "text", "capability", "value"),
    [
        ("page_size", "20", "page_size", 20),
        ("calls_per_s", "0.5", "calls_per_s", 0.5),
        ("lag_s", "90s", "lag", timedelta(seconds=90)),
        ("lag_s", "90", "lag", timedelta(seconds=90)),
        ("overlap_s", "0", "overlap", timedelta(0)),
        ("window_s", "30m", "window", timedelta(minutes=30)),
        ("history_s", "90d", "history", timedelta(days=90)),
        ("history_s", "none", "history", None),
        ("parcels_per_order", "5", "parcels_per_order", 5),
        ("reships", "0", "reships", 0),
        ("paging", "first_to_last", "paging", Paging.FIRST_TO_LAST),
        ("numbers_at_once", "yes", "numbers_at_once", True),
        ("masked_fields", "name,phone", "masked_fields", frozenset({"name", "phone"})),
        ("masked_fields", "none", "masked_fields", frozenset()),
        ("stock_modes", "delta, absolute", "stock_modes", frozenset(StockMode)),
    ],
)
def test_a_value_replaces_the_channels(pool: FakePool, name: str, text: str, capability: str, value: object) -> None:
    set_shop("WOO", {name: text})

    assert getattr(granted(pool), capability) == value


@pytest.mark.parametrize(
    ("wish", "obstacle"),
    [
        ("page_size=0", "setting page_size: want a whole number from 1, not '0'"),
        ("page_size=a lot", "setting page_size: want a whole number from 1, not 'a lot'"),
        ("calls_per_s=0", "setting calls_per_s: want a number above 0, not '0'"),
        ("calls_per_s=inf", "setting calls_per_s: want a number above 0, not 'inf'"),
        ("lag_s=soon", "setting lag_s: want a time from 0 s, such as 90s, 30m, 2h or 90d, not 'soon'"),
        ("window_s=0", "setting window_s: want a time from 1 s, such as 90s, 30m, 2h or 90d or none, not '0'"),
        ("paging=sideways", "setting paging: want one of last_to_first, first_to_last, not 'sideways'"),
        ("numbers_at_once=1", "setting numbers_at_once: want yes or no, not '1'"),
        ("masked_fields=name,shoe", "setting masked_fields: want some of name, phone, address, with commas between"),
        ("token_alarm_days=-1", "setting token_alarm_days: want a number above 0, at most 3650, not '-1'"),
        ("token_alarm_days=1e10", "setting token_alarm_days: want a number above 0, at most 3650, not '1e10'"),
        ("unpaid_lock_minutes=0", "setting unpaid_lock_minutes: want a number above 0, at most 43200, not '0'"),
        ("promise_priority=1.5", "setting promise_priority: want a whole number from 1, at most 1000, not '1.5'"),
        ("pulls=no", "there is no setting pulls; there are calls_per_s, deepest_row"),
    ],
)
def test_a_value_that_cannot_be_is_refused(pool: FakePool, wish: str, obstacle: str) -> None:
    name, _, text = wish.partition("=")

    with pytest.raises(SetupError) as refused:
        set_shop("WOO", {"reships": "1", name: text})

    assert str(refused.value).startswith(f"shop WOO: {obstacle}")
    assert pool.rows("select settings from shop") == [({},)]


def test_an_empty_value_goes_back_to_the_channels(pool: FakePool) -> None:
    set_shop("WOO", {"page_size": "20", "token_alarm_days": "3"})
    set_shop("WOO", {"page_size": "", "token_alarm_days": ""})

    assert granted(pool) == CHANNELS["woocommerce"].capabilities
    assert pool.rows("select settings from shop") == [({},)]


def test_other_settings_stay(pool: FakePool) -> None:
    pool.execute("""update shop set settings = '{"owner": "7"}'""")
    set_shop("WOO", {"page_size": "20"})

    assert pool.rows("select settings->>'owner' from shop") == [("7",)]


def test_every_setting_is_shown_with_what_is_usual(pool: FakePool) -> None:
    rows = {row.name: row for row in set_shop("WOO", {"lag_s": "2m", "ship_back_overdue_h": "4"})}

    assert set(rows) == {*CAPABILITY_NAMES, *NUMBERS, *SWITCHES, *CHOICES}
    assert (rows["lag_s"].value, rows["lag_s"].usual, rows["lag_s"].is_own) == ("2m", "1m", True)
    assert (rows["ship_back_overdue_h"].value, rows["ship_back_overdue_h"].usual) == ("4", "2")
    assert not rows["page_size"].is_own


def test_an_unknown_shop_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop S9: is not in the pool"):
        set_shop("S9", {})


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_a_channel_can_do_is_read_back_as_it_is_written(channel: str) -> None:
    usual = CHANNELS[channel].capabilities
    written = {name: as_text(getattr(usual, capability)) for name, capability in CAPABILITY_NAMES.items()}
    settable = {name: text for name, text in written.items() if channel != "file" or text != "0"}

    assert capabilities_of("S", channel, settable) == usual


def test_times_are_set_under_a_name_with_their_unit() -> None:
    assert (setting_name("lag"), setting_name("history"), setting_name("page_size")) == (
        "lag_s",
        "history_s",
        "page_size",
    )
