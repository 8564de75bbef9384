"""Named conversions a mapping may ask for: one value of a payload in, one value of ours out.

A converter gets a value that is neither absent nor empty. It returns our value or raises BadValue,
whose text says what is wrong but never repeats the value: the caller knows whether it is personal.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Converter = Callable[[Any], Any]

MAX_FEN: Final = 100_000_000_000  # a billion yuan: above it a unit or a column is wrong
MAX_ID_CHARS: Final = 128
MAX_QUANTITY: Final = 1_000_000
DOUBLE_ERROR_FEN: Final = 1e-6  # far above what sums of doubles miss, far below the third decimal
EXACT_FLOAT: Final = 2**53  # above it a float no longer holds every whole number
CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a day without a zone; day 0 of Excel's 1900 date system, its false leap day included

_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_EXCEL_SERIAL = re.compile(r"\d{5}(\.\d+)?")
_LOOSE_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T\s]*(\d{1,2})[:点时](\d{1,2})?(?:[:分](\d{1,2})(?:\.\d+)?秒?|分)?)?"
)
_PROMISE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日(?:\s*(\d{1,2})[点时:])?")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


class BadValue(Exception):
    """A value that a converter refuses; `path` is filled in by the reader that knows it."""

    def __init__(self, why: str, path: str = "", value: Any = None) -> None:
        super().__init__(why)
        self.why = why
        self.path = path
        self.value = value


def text(value: Any) -> str:
    """The value as text without NUL characters and outer spaces; numbers keep every digit."""
    if type(value) is str:
        if not value.isascii():
            _check_unicode(value)
        if "\x00" in value:
            value = value.replace("\x00", "")
        return value.strip()  # type: ignore[no-any-return]  # mypy loses `type(value) is str`
    if type(value) is int:
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT:
        return str(int(value))
    if isinstance(value, float) and abs(value) < EXACT_FLOAT:
        return repr(value)
    raise BadValue(f"is {_kind(value)}, not text")


def identifier(value: Any) -> str:
    """Text of at most 128 characters: it is a key in our tables."""
    if type(value) is int:
        return str(value)
    found = text(value)
    if len(found) > MAX_ID_CHARS:
        raise BadValue(f"has {len(found)} characters, an id has at most {MAX_ID_CHARS}")
    return found


def whole(value: Any) -> int:
    """A whole number, also as text or as a float without a fraction."""
    if type(value) is int:
        return value
    number = _decimal(value)
    if number != number.to_integral_value():
        raise BadValue("is not a whole number")
    return int(number)


def quantity(value: Any) -> int:
    """Pieces: a whole number from 1 to a million; negative as exports show a return, which is held for review."""
    pieces = whole(value)
    if not 0 < abs(pieces) <= MAX_QUANTITY:
        raise BadValue(f"is not a quantity between 1 and {MAX_QUANTITY}, or the same below zero")
    return pieces


def fen(value: Any) -> int:
    """An amount that is already in fen."""
    return _bounded(whole(value))


def yuan_to_fen(value: Any) -> int:
    """An amount in yuan as exact fen; refuses more than two decimals.

    Text may carry a currency sign and thousands separators (`¥1,234.50`). A float is read as it prints.
    """
    if type(value) is str and value[-3:-2] == "." and len(value) < 12 and value.isascii():
        digits = value[:-3] + value[-2:]
        if digits.isdigit():
            return int(digits)
    amount = _decimal(value) * 100
    if amount != amount.to_integral_value():
        raise BadValue("has more than 2 decimals")
    return _bounded(int(amount))


def yuan_double_to_fen(value: Any) -> int:
    """`yuan_to_fen` for platforms that calculate in doubles: one that misses a fen by its error only is that fen."""
    if isinstance(value, float) and abs(value) * 100 <= MAX_FEN:
        nearest = round(value * 100)
        if abs(value * 100 - nearest) < DOUBLE_ERROR_FEN:
            return nearest
    return yuan_to_fen(value)


def _bounded(amount: int) -> int:
    if abs(amount) > MAX_FEN:
        raise BadValue("is beyond a billion yuan")
    return amount


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadValue(f"is {_kind(value)}, not a number")
    plain = repr(value) if isinstance(value, float) else _plain_number(str(value))
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise BadValue("is not a number") from None
    if not number.is_finite() or number.adjusted() > 30:
        raise BadValue("is not a usable number")
    return number


def _plain_number(written: str) -> str:
    plain = "".join(written.split()).lstrip("¥￥").removesuffix("元").replace("，", ",")
    if plain[:2] in ("-¥", "-￥"):
        plain = "-" + plain[2:]
    if "," in plain and not _GROUPED.fullmatch(plain):
        raise BadValue("is not a number")
    if "_" in plain:
        raise BadValue("is not a number")
    return plain.replace(",", "")


def local_time(zone: tzinfo) -> Converter:
    """A converter for times written without a zone, meant in `zone`; gives aware UTC.

    Reads ISO, `2020/2/21 9:05`, `2020年2月21日 9:05`, dates alone and Excel serial days.
    A time that carries an offset keeps its own meaning.
    """

    def convert(value: Any) -> datetime:
        moment = _naive_or_aware(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return _plausible(moment)

    return convert


def iso_time(value: Any) -> datetime:
    """ISO 8601 with an offset or `Z`; gives aware UTC."""
    moment = _naive_or_aware(value)
    if moment.tzinfo is None:
        raise BadValue("has no time zone")
    return _plausible(moment)


def epoch_s(value: Any) -> datetime:
    """Seconds since 1970 UTC."""
    return _from_epoch(whole(value))


def epoch_ms(value: Any) -> datetime:
    """Milliseconds since 1970 UTC, cut to seconds."""
    return _from_epoch(whole(value) // 1000)


def china_promise(value: Any) -> datetime | None:
    """A China time, or the moment in a sentence like `2026年11月23日24点前发货`; None when it names no date."""
    found = _PROMISE.search(text(value))
    if found is None:
        return _china_time_in(value)
    year, month, day, hour = (int(part) if part else 24 for part in found.groups())
    try:
        start = datetime(year, month, day, tzinfo=CHINA)
    except ValueError:
        return None
    return _plausible(start + timedelta(hours=min(hour, 24)))


def _china_time_in(value: Any) -> datetime | None:
    try:
        moment: datetime = TIMES["china_time"](value)
    except BadValue:
        return None
    return moment


def full_name(last: str, first: str) -> str:
    """One name from its parts: `张伟`, but `Wei Zhang`."""
    if _CJK.search(last) or _CJK.search(first):
        return last + first
    return f"{first} {last}".strip()


def zone_named(name: str) -> tzinfo:
    """The time zone of that IANA name. China's is its fixed offset, in force since 1991.

    Raises ValueError when there is no such zone.
    """
    if name == "Asia/Shanghai":
        return CHINA
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}") from None


def _naive_or_aware(value: Any) -> datetime:
    if type(value) is str:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return _loose_time(value.strip())
    if isinstance(value, datetime):
        return value
    raise BadValue(f"is {_kind(value)}, not a time")


def _loose_time(written: str) -> datetime:
    if _EXCEL_SERIAL.fullmatch(written):
        return EXCEL_EPOCH + timedelta(seconds=round(float(written) * 86400))
    found = _LOOSE_TIME.fullmatch(written)
    if found is None:
        raise BadValue("is not a time")
    parts = [int(part) if part else 0 for part in found.groups()]
    try:
        year, month, day, hour, minute, second = parts
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the caller knows the zone
    except ValueError:
        raise BadValue("is not a time of the calendar") from None


def _from_epoch(seconds: int) -> datetime:
    try:
        return _plausible(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError, ValueError):
        raise BadValue("is not a time") from None


def _plausible(moment: datetime) -> datetime:
    if not 1990 < moment.year < 2100:
        raise BadValue("is a year outside 1991-2099")
    return moment.astimezone(UTC)


def _check_unicode(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValue("holds broken characters") from None


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", bool: "true/false", type(None): "null"}.get(
        type(value), type(value).__name__
    )


TIMES: Final[dict[str, Converter]] = {
    "china_time": local_time(CHINA),
    "utc_time": local_time(UTC),
    "iso_time": iso_time,
    "epoch_s": epoch_s,
    "epoch_ms": epoch_ms,
    "china_promise": china_promise,
}
AMOUNTS: Final[dict[str, Converter]] = {
    "yuan_to_fen": yuan_to_fen,
    "yuan_double_to_fen": yuan_double_to_fen,
    "fen": fen,
}
