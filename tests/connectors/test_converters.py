from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.converters import (
    TIMES,
    BadValue,
    fen,
    full_name,
    iso_time,
    local_time,
    quantity,
    text,
    yuan_double_to_fen,
    yuan_to_fen,
    zone_named,
)


@given(st.integers(-(10**9), 10**9))
def test_yuan_with_two_decimals_are_exact(amount: int) -> None:
    assert yuan_to_fen(f"{Decimal(amount) / 100:.2f}") == amount


@given(st.integers(-(10**7), 10**7))
def test_yuan_as_json_numbers_are_exact(amount: int) -> None:
    assert yuan_to_fen(amount / 100) == amount


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("¥1,234.50", 123450),
        ("￥ 1，234.5 元", 123450),
        ("-¥5", -500),
        ("-10.00", -1000),
        ("0", 0),
        ("1e2", 10000),
        (Decimal("0.01"), 1),
        (5, 500),
        ("１２.５０", 1250),
    ],
)
def test_amounts_as_people_write_them(written: Any, amount: int) -> None:
    assert yuan_to_fen(written) == amount


@pytest.mark.parametrize(
    "written",
    [
        *("1.005", "0.001", "", "x", "1,23.00", "1_0", "NaN", "Infinity", "--5", "1.00.00"),
        *("1" * 400, "1e999999999", "1000000001"),
        *(18.225, float("nan"), True, None, []),
    ],
)
def test_what_is_no_amount_is_refused(written: Any) -> None:
    with pytest.raises(BadValue):
        yuan_to_fen(written)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2020-02-21 23:59:59", datetime(2020, 2, 21, 15, 59, 59, tzinfo=UTC)),
        ("2020/2/21 9:05", datetime(2020, 2, 21, 1, 5, tzinfo=UTC)),
        ("2020/2/21", datetime(2020, 2, 20, 16, tzinfo=UTC)),
        ("2020年2月21日 9:05", datetime(2020, 2, 21, 1, 5, tzinfo=UTC)),
        ("2020.02.21 9:05:07", datetime(2020, 2, 21, 1, 5, 7, tzinfo=UTC)),
        ("43882.5", datetime(2020, 2, 21, 4, tzinfo=UTC)),
        ("2020-02-21T23:59:59+00:00", datetime(2020, 2, 21, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_as_exports_write_them(written: str, moment: datetime) -> None:
    assert TIMES["china_time"](written) == moment


@pytest.mark.parametrize("written", ["soon", "2020-13-01", "0001-01-01 00:00:00", "2020-02-30 1:00", 5, None, "9" * 30])
def test_what_is_no_time_is_refused(written: Any) -> None:
    with pytest.raises(BadValue):
        TIMES["china_time"](written)


def test_a_zone_keeps_its_summer_time() -> None:
    assert local_time(ZoneInfo("Europe/Berlin"))("2026-07-01 12:00:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert zone_named("Asia/Shanghai").utcoffset(datetime(2026, 7, 1)) is not None  # noqa: DTZ001 - a wall time


def test_an_iso_time_needs_its_zone() -> None:
    assert iso_time("2026-11-20T12:00:00Z") == datetime(2026, 11, 20, 12, tzinfo=UTC)
    with pytest.raises(BadValue, match="no time zone"):
        iso_time("2026-11-20T12:00:00")


@pytest.mark.parametrize(
    ("sentence", "moment"),
    [
        ("2026年11月23日24点前发货", datetime(2026, 11, 23, 16, tzinfo=UTC)),
        ("预计2026年11月23日 18点前发货", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026年11月23日前发货", datetime(2026, 11, 23, 16, tzinfo=UTC)),
        ("2026-11-23 20:00:00", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("付款后3天内发货", None),
        ("2026年13月40日", None),
    ],
)
def test_a_promise_in_words(sentence: str, moment: datetime | None) -> None:
    assert TIMES["china_promise"](sentence) == moment


@pytest.mark.parametrize("value", [0, 1.5, "2.5", 10**7, -(10**7), "many"])
def test_what_is_no_quantity_is_refused(value: Any) -> None:
    with pytest.raises(BadValue):
        quantity(value)


def test_a_return_in_an_export_has_a_negative_quantity() -> None:
    assert quantity("-6") == -6


def test_long_numbers_keep_every_digit() -> None:
    assert text(2912345678901234567) == "2912345678901234567"
    assert fen("1999") == 1999
    with pytest.raises(BadValue):
        text(2.912345678901234567e18)


def test_text_loses_what_a_database_cannot_hold() -> None:
    assert text(" a\x00b ") == "ab"
    with pytest.raises(BadValue, match="broken characters"):
        text("\ud800")


def test_names_are_joined_as_they_are_written() -> None:
    assert full_name("张", "伟") == "张伟"
    assert full_name("", "李雷") == "李雷"
    assert full_name("Zhang", "Wei") == "Wei Zhang"


@pytest.mark.parametrize(
    ("value", "amount"), [(104.70000000000002, 10470), (0.1 + 0.2, 30), (-9.899999999999999, -990), ("104.70", 10470)]
)
def test_a_double_that_misses_a_fen_by_its_error_is_that_fen(value: float | str, amount: int) -> None:
    assert yuan_double_to_fen(value) == amount


@pytest.mark.parametrize("value", [104.701, 1.005, "104.70000000000002", float("nan"), float("inf"), 1e300, True])
def test_a_double_with_a_third_decimal_is_refused(value: Any) -> None:
    with pytest.raises(BadValue):
        yuan_double_to_fen(value)
