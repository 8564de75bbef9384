"""Parcels on the road: what the carriers scanned, and who asked to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import CHINA
from sandbox.errors import ControlError
from sandbox.waybills import OTHER_CODES


@dataclass(frozen=True, slots=True)
class Scan:
    """How one stage is told: basic state, advanced code, its Chinese name, the sentence, the place."""

    basic: str
    advanced: str
    name: str
    sentence: str
    place: tuple[str, str, str]


_HANGZHOU = ("CN330110000000", "浙江,杭州市,余杭区", "杭州市")
_SHENZHEN = ("CN440305000000", "广东,深圳市,南山区", "深圳市")
SCANS = {
    "collected": Scan("1", "103", "揽收", "[杭州市]已揽收", _HANGZHOU),
    "in_transit": Scan("0", "1002", "干线", "[杭州市]快件已发往深圳转运中心", _HANGZHOU),
    "arrived_city": Scan("0", "1001", "到达派件城市", "[深圳市]快件到达深圳转运中心", _SHENZHEN),
    "out_for_delivery": Scan("5", "5", "派件", "[深圳市]快件正在派送途中", _SHENZHEN),
    "at_pickup_point": Scan("5", "501", "投柜或驿站", "[深圳市]快件已投递至菜鸟驿站", _SHENZHEN),
    "delivered": Scan("3", "301", "本人签收", "[深圳市]快件已签收", _SHENZHEN),
    "problem": Scan("2", "204", "派件异常", "[深圳市]派件异常，等待再次派送", _SHENZHEN),
    "returning": Scan("6", "6", "退回", "[深圳市]快件正在退回", _SHENZHEN),
    "returned": Scan("4", "4", "退签", "[杭州市]退回件已由寄件人签收", _HANGZHOU),
}
WAY_TO = {
    "collected": (),
    "in_transit": ("collected",),
    "arrived_city": ("collected", "in_transit"),
    "out_for_delivery": ("collected", "in_transit", "arrived_city"),
    "at_pickup_point": ("collected", "in_transit", "arrived_city", "out_for_delivery"),
    "delivered": ("collected", "in_transit", "arrived_city", "out_for_delivery"),
    "problem": ("collected", "in_transit", "arrived_city"),
    "returning": ("collected", "in_transit", "arrived_city"),
    "returned": ("collected", "in_transit", "arrived_city", "returning"),
}
TERMINAL = frozenset({"delivered", "returned"})
LEG = timedelta(hours=1)


@dataclass(slots=True)
class Subscription:
    """A wish to be told about one parcel; `salt` is None when pushes are not to be signed."""

    callbackurl: str
    salt: str | None
    resultv2: str
    status: str = "polling"
    ended_at: datetime | None = None


@dataclass(slots=True)
class Parcel:
    """One waybill with its history, oldest scan first."""

    company: str
    number: str
    phone: str = ""
    scans: list[tuple[str, datetime]] = field(default_factory=list)
    subscription: Subscription | None = None
    subscribed_at: list[datetime] = field(default_factory=list)
    queried_at: datetime | None = None
    corrected_to: str = ""

    @property
    def stage(self) -> str:
        """The newest stage; empty before the first scan."""
        return self.scans[-1][0] if self.scans else ""

    def advance(self, to: str, now: datetime) -> bool:
        """Move on to a stage, through those on the way; False when the parcel is there or at its end."""
        if to not in WAY_TO:
            raise ControlError(f"stage {to!r} is not one of {', '.join(WAY_TO)}")
        if self.stage in TERMINAL or self.stage == to:
            return False
        passed = {stage for stage, _ in self.scans}
        ahead = [*(stage for stage in WAY_TO[to] if stage not in passed), to]
        start = self.scans[-1][1] if self.scans else now - LEG * len(ahead)
        for position, stage in enumerate(ahead, start=1):
            at = start + max(now - start, timedelta(0)) * position / len(ahead)
            self.scans.append((stage, at.replace(microsecond=0)))
        return True

    def result(self, resultv2: str, company: str = "", newest_first: bool = True) -> dict[str, Any]:
        """Return the full history in the vendor's form."""
        delivered = self.stage == "delivered"
        items = [_item(stage, at, resultv2) for stage, at in self.scans]
        return {
            "message": "ok",
            "nu": self.number,
            "ischeck": "1" if delivered else "0",
            "com": company or self.company,
            "status": "200",
            "state": _code(self.stage, resultv2) if self.stage else "0",
            "condition": "F00" if delivered else "00",
            "data": items[::-1] if newest_first else items,
        }


def _code(stage: str, resultv2: str) -> str:
    scan = SCANS[stage]
    return scan.advanced if resultv2 in {"4", "8"} else scan.basic


def _item(stage: str, at: datetime, resultv2: str) -> dict[str, Any]:
    scan = SCANS[stage]
    told = f"{at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    item: dict[str, Any] = {"context": scan.sentence, "time": told, "ftime": told}
    if resultv2 in {"1", "4", "8"}:
        code, area, city = scan.place
        item |= {"areaCode": code, "areaName": area, "status": scan.name, "location": city}
    if resultv2 in {"4", "8"}:
        item["statusCode"] = scan.advanced
    return item


class ParcelBook:
    """All parcels the carriers know, by company and number."""

    def __init__(self) -> None:
        self._parcels: dict[tuple[str, str], Parcel] = {}

    def clear(self) -> None:
        """Forget all parcels."""
        self._parcels.clear()

    def handed_over(self, company: str, number: str, phone: str = "") -> Parcel:
        """Return the parcel, known to the carrier from now on."""
        code = OTHER_CODES.get(company, company)
        return self._parcels.setdefault((code, number), Parcel(code, number, phone))

    def find(self, company: str, number: str) -> Parcel | None:
        """Return the parcel of this company with this number, also under its corrected company."""
        found = self._parcels.get((company, number))
        if found is not None:
            return found
        return next((p for p in self._parcels.values() if p.number == number and p.corrected_to == company), None)

    def chosen(self, waybills: list[str] | None) -> list[Parcel]:
        """Return the named parcels, or without names all that somebody follows, first known first."""
        if waybills is None:
            return [parcel for parcel in self._parcels.values() if parcel.subscription is not None]
        wanted = set(waybills)
        return [parcel for parcel in self._parcels.values() if parcel.number in wanted]
