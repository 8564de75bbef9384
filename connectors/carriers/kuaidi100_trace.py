"""Kuaidi100's words for a parcel's way in ours: states to stages, pushes and query answers to Trace.

Source: the vendor's table of basic and advanced state codes. Codes are names, not numbers: 1001 belongs to
basic state 0.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connectors.base import Scan, Trace
from connectors.converters import TIMES, BadValue
from models.masking import mask_contacts

_CODE: Final = re.compile(r"[a-z0-9_]{1,40}")
_CODES: Final[dict[str, str]] = {
    "label_created": "101 102",
    "collected": "1 103",
    "in_transit": "0 1001 1002 1003 7 8 10 11 12",
    "out_for_delivery": "5",
    "at_pickup_point": "501",
    "delivered": "3 301 302 303 304",
    "problem": "2 201 202 203 204 205 206 207 208 209 210 13",
    "returning": "6",
    "returned": "4 14",
    "cancelled": "401",
}
STAGES: Final[Mapping[str, str]] = {code: stage for stage, codes in _CODES.items() for code in codes.split()}
"""Kuaidi100 state code (basic or advanced) -> our parcel stage."""

SOURCE: Final = "kuaidi100"

# of answers without codes (resultv2 below 4)
_NAMES: Final[Mapping[str, str]] = {
    "揽收": "collected",
    "在途": "in_transit",
    "派件": "out_for_delivery",
    "投柜或驿站": "at_pickup_point",
    "签收": "delivered",
    "疑难": "problem",
    "退回": "returning",
    "退签": "returned",
}


def trace_of_query(carrier: str, waybill: str, answer: Mapping[str, Any]) -> Trace:
    """The trace in a query's answer."""
    scans = _scans(answer)
    found = _text(answer, "com") or carrier
    return Trace(
        found,
        _text(answer, "nu") or waybill,
        _stage(answer, scans),
        scans,
        raw=_without_contacts(answer),
        source=SOURCE,
    )


def trace_of_push(content: Mapping[str, Any]) -> Trace:
    """The trace in a push's `param`.

    With `comNew` the vendor itself goes on under another carrier: that is no giving up. `autoCheck` 1 says that
    the data already are the other carrier's.
    """
    status = _text(content, "status")
    result = content.get("lastResult")
    result = result if isinstance(result, dict) else {}
    scans = _scans(result)
    corrected = _carrier_code(_text(content, "comNew"))
    moved = corrected and _text(content, "autoCheck") == "1"
    gave_up = status == "abort" and not corrected
    return Trace(
        carrier=corrected if moved else _text(result, "com") or _text(content, "comOld"),
        waybill=_text(result, "nu"),
        stage=None if status == "abort" else _stage(result, scans),
        scans=scans,
        closed=status in ("shutdown", "abort"),
        aborted=(mask_contacts(_text(content, "message")) or "abort") if gave_up else "",
        corrected_carrier=corrected,
        raw={**content, "lastResult": _without_contacts(result)},
        source=SOURCE,
    )


def _carrier_code(written: str) -> str:
    """The code as it is written; "" for what can be none."""
    return written if _CODE.fullmatch(written) else ""


def _stage(result: Mapping[str, Any], scans: tuple[Scan, ...]) -> str | None:
    stage = STAGES.get(_text(result, "state"))
    # state 0 also stands in answers that know nothing yet
    return stage if scans or stage not in (None, "in_transit") else None


def _scans(result: Mapping[str, Any]) -> tuple[Scan, ...]:
    rows = result.get("data")
    found = (_scan(row) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return tuple(scan for scan in found if scan is not None)


def _scan(row: Mapping[str, Any]) -> Scan | None:
    at = _moment(row)
    if at is None:
        return None
    code = _text(row, "statusCode")
    return Scan(
        at=at,
        stage=STAGES.get(code) or _NAMES.get(_text(row, "status"), ""),
        code=code,
        text=mask_contacts(_text(row, "context")),
        place=_text(row, "areaName") or _text(row, "location"),
    )


def _moment(row: Mapping[str, Any]) -> datetime | None:
    for key in ("ftime", "time"):
        try:
            moment: datetime = TIMES["china_time"](row.get(key))
        except BadValue:
            continue
        return moment
    return None


def _without_contacts(result: Mapping[str, Any]) -> dict[str, Any]:
    rows = result.get("data")
    kept = {key: value for key, value in result.items() if key not in ("courierInfo", "data")}
    if isinstance(rows, list):
        kept["data"] = [_masked(row) for row in rows if isinstance(row, dict)]
    return kept


def _masked(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "context": mask_contacts(_text(row, "context"))} if "context" in row else dict(row)


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)
