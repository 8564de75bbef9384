"""The demo's own warehouse: it has no system, its people work with handhelds, here played over their HTTP interface."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deployments.simulation import AREAS, write_csv
from models.database import transaction
from models.errors import PipelineError
from models.order import Cause
from models.settings import clock
from tasks.areas import import_areas
from tasks.catalog import import_warehouses
from tasks.floor_people import make_badge
from tasks.floor_places import import_places

HOUSE = "WH-O"
PROVINCE = "湖北省"
PICKER = "王芳"
_SITE = {"name": "武汉自营仓", "division": "湖北省武汉市江夏区", "address": "藏龙岛4号", "carrier": "yuantong"}
_ROWS, _BAYS, _LEVELS = "ABCD", 12, 4
_MOST_SCANS = 200  # in one call
_FIRST_WAYBILL = 9_700_000_000_000  # far from those of the warehouses outside


@dataclass(slots=True)
class House:
    """The warehouse `WH-O` and what left it: the waybill of each document."""

    web_url: str
    shipped: dict[str, str]
    _numbers: Iterator[int]

    @classmethod
    def at(cls, web_url: str) -> "House":
        """A house that is reached there, from which nothing left yet."""
        return cls(web_url, {}, count(_FIRST_WAYBILL))

    def open(self, folder: Path) -> None:
        """Set the warehouse up: it serves Hubei, for which another one stays the second choice."""
        row = {"code": HOUSE, **_SITE, "sender_name": _SITE["name"], "sender_phone": "027-88880000", "wms": "handheld"}
        import_warehouses(write_csv(folder / "own_warehouse.csv", [row]))
        second = {code for code, places in AREAS.items() if PROVINCE in places}
        areas = [
            {"warehouse": code, "division": place, "priority": 2 if place == PROVINCE else 1}
            for code in sorted(second)
            for place in AREAS[code]
        ]
        own = {"warehouse": HOUSE, "division": PROVINCE, "priority": 1}
        import_areas(write_csv(folder / "own_areas.csv", [own, *areas]))

    def shelve(self, folder: Path, skus: Sequence[str]) -> None:
        """Say where each SKU lies."""
        places = [
            {"sku": sku, "place": f"{_ROWS[n % len(_ROWS)]}-{n // 4 % _BAYS + 1:02d}-{n // 48 % _LEVELS + 1}"}
            for n, sku in enumerate(skus)
        ]
        import_places(write_csv(folder / "places.csv", places), HOUSE)

    def ship(self) -> int:
        """Pick, check and ship whatever waits there, scan by scan; returns how many documents left.

        Raises PipelineError when a scan is refused.
        """
        before = len(self.shipped)
        with self._handheld() as handheld:
            for wave in handheld.post("waves", {})["waves"]:
                view = handheld.post(f"waves/{wave['no']}/take", {})
                picks = [_pick(wave["no"], line) for line in view["picks"]]
                handheld.scan([*picks, {"kind": "picked", "code": "", "wave": wave["no"]}])
                for document in view["documents"]:
                    self._pack(handheld, document["no"])
        return len(self.shipped) - before

    def _pack(self, handheld: "_Handheld", no: str) -> None:
        waybill = f"YT{next(self._numbers)}"
        lines = handheld.get(f"documents/{no}")["lines"]
        checks = [
            {"kind": "check", "code": line["sku"], "document": no, "quantity": line["wanted"] - line["checked"]}
            for line in lines
        ]
        handheld.scan([*checks, {"kind": "ship", "code": waybill, "document": no}])
        self.shipped[no] = waybill

    def books(self) -> Mapping[str, Any]:
        """What this warehouse has and shipped, in the form in which the warehouses outside tell it."""
        with transaction() as conn:
            rows = conn.execute(
                """select d.no, d.revision, array_agg(distinct o.order_no order by o.order_no)
                   from outbound_document d join warehouse w on w.id = d.warehouse_id
                   join allocation a on a.document_id = d.id join orders o on o.id = a.order_id
                   where w.code = %s and d.accepted_at is not null group by 1, 2""",
                (HOUSE,),
            ).fetchall()
        documents = [
            {
                "outbound_no": no,
                "version": revision,
                "order_nos": order_nos,
                "waybills": [self.shipped[no]] if no in self.shipped else [],
            }
            for no, revision, order_nos in rows
        ]
        return {"documents": documents}

    @contextmanager
    def _handheld(self) -> Iterator["_Handheld"]:
        badge = make_badge(HOUSE, PICKER, Cause("person:demo", clock().now()))
        with httpx.Client(
            base_url=f"{self.web_url}/handheld/api/", headers={"Origin": self.web_url}, timeout=60, trust_env=False
        ) as client:
            handheld = _Handheld(client)
            handheld.post("sign-in", {"badge": badge})
            yield handheld
            handheld.post("sign-out", {})


def _pick(wave: str, line: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "pick", "code": line["sku"], "wave": wave, "quantity": line["wanted"] - line["picked"]}


@dataclass(frozen=True, slots=True)
class _Handheld:
    """A signed-in handheld."""

    client: httpx.Client

    def get(self, path: str) -> Any:
        return self._read(self.client.get(path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._read(self.client.post(path, json=body))

    def scan(self, scans: Sequence[Mapping[str, Any]]) -> None:
        """Send scans in their order; raises PipelineError when one is refused."""
        at = datetime.now(clock().now().tzinfo).isoformat()
        told = [{"id": str(uuid4()), "at": at, **scan} for scan in scans]
        while told:
            answers = self.post("scans", {"scans": told[:_MOST_SCANS]})["answers"]
            for answer in answers:
                if not answer["ok"]:
                    raise PipelineError(f"demo: a scan was refused: {answer['said']}: {answer['text']}")
            told = told[len(answers) :]

    def _read(self, response: httpx.Response) -> Any:
        if response.is_error:
            raise PipelineError(f"demo: the handheld's {response.request.url.path} answers {response.status_code}")
        return response.json()
