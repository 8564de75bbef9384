"""The labelled orders of tests/data/review, brought into a pool as their shops would bring them, and judged."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from models.batch import BatchOrigin
from models.database import transaction
from models.order import Cause
from models.review import BlacklistKind
from tasks.blacklist import add_entry, end_entry, person_of
from tasks.counterparts import mapping_version_id, shop_mapping
from tasks.ingest import Reader
from tasks.review_rules import read_rules_text, use_rules
from tasks.validate import validate_batch
from tasks.windows import find_shop
from tests.fakes import FakePool

DATA = Path(__file__).parents[1] / "data" / "review"
WORLD: dict[str, Any] = json.loads((DATA / "world.json").read_text("utf-8"))
NOW = datetime.fromisoformat(WORLD["now"])


@dataclass(frozen=True)
class Judged:
    """An order as its label has it and as the review had it."""

    shop: str
    no: str
    what: str
    labelled: frozenset[str]
    found: frozenset[str]

    def __str__(self) -> str:
        return f"{self.shop} {self.no} ({self.what}): {_said(self.found)}, not {_said(self.labelled)}"


def _said(codes: Iterable[str]) -> str:
    return " ".join(sorted(codes)) or "clean"


def rows_of(name: str) -> list[dict[str, Any]]:
    """The orders of a set, in the order in which they come in."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]


def set_up(pool: FakePool) -> None:
    """Shops, SKUs, usual prices, blacklist and rules of the world."""
    for shop in WORLD["shops"]:
        pool.execute(
            """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
               values (%s, %s, '', true, false, 15, '{}', %s)""",
            shop["code"],
            shop["channel"],
            NOW,
        )
    for sku in WORLD["skus"]:
        pool.execute(
            """with made as (
                 insert into sku (code, name, barcode, weight_g) values (%s, %s, '', 0) returning id)
               insert into sku_price (sku_id, usual_fen, line_count, given, known_at)
               select id, %s, %s, %s, %s from made where %s""",
            sku["code"],
            sku["title"],
            sku.get("given_fen") or sku.get("median_fen"),
            sku.get("lines", 0),
            "given_fen" in sku,
            NOW,
            "given_fen" in sku or "median_fen" in sku,
        )
    for entry in WORLD["blacklist"]:
        person = person_of(BlacklistKind(entry["kind"]), entry["value"], entry.get("shop", ""))
        entry_id, _ = add_entry(person, "三次拒收", _why("blacklist"))
        if entry.get("ended"):
            end_entry(entry_id, _why("blacklist"))
    use_rules(read_rules_text(json.dumps(WORLD["rules"]), "world.json"), "of the labelled orders", _why("rules"))


def review_all(pool: FakePool, rows: Sequence[dict[str, Any]]) -> list[Judged]:
    """Take in and validate a round's orders of each shop after the other; how each order was judged in the end."""
    labels: dict[tuple[str, str], dict[str, Any]] = {}
    for (number, shop), group in groupby(rows, key=itemgetter("round", "shop")):
        told = list(group)
        run = f"{shop}, round {number}"
        reader = _reader(shop, run)
        reader.take([row["payload"] for row in told])
        reader.finish()
        assert reader.count.rejected == 0, (number, shop, pool.rows("select problem from quarantined_order"))
        # of an order that comes twice the newest version counts
        labels |= {(shop, reader.mapping.external_id(row["payload"])): row for row in told}
        _validate(pool, run)
    return [_judged(key, row, found) for (key, row), found in zip(labels.items(), _found(pool, labels), strict=True)]


def _reader(shop: str, run: str) -> Reader:
    with transaction() as conn:
        mapping = shop_mapping(conn, shop)
        version = mapping_version_id(conn, mapping)
        return Reader(find_shop(conn, shop), mapping, version, BatchOrigin.WINDOW, None, _why(run))


def _validate(pool: FakePool, run: str) -> None:
    for (batch_id,) in pool.rows("select id from batch where flow_run_id = %s order by id", run):
        with transaction() as conn:
            validate_batch(conn, batch_id, _why(run))


def _found(pool: FakePool, keys: Iterable[tuple[str, str]]) -> list[frozenset[str]]:
    rows = pool.rows(
        """select s.code, o.external_id, coalesce(array_agg(h.code) filter (where h.code is not null), '{}')
           from orders o join shop s on s.id = o.shop_id join order_state t on t.order_id = o.id
           left join hold h on h.order_id = o.id and h.released_at is null
           where t.stage in ('validated', 'cancelled') group by 1, 2"""
    )
    found = {(shop, external_id): frozenset(codes) for shop, external_id, codes in rows}
    return [found[key] for key in keys]


def _judged(key: tuple[str, str], row: dict[str, Any], found: frozenset[str]) -> Judged:
    return Judged(key[0], key[1], row["what"], frozenset(row["holds"]), found)


def figures(judged: Sequence[Judged]) -> list[str]:
    """A line per code: how many orders are to be held under it, precision and recall."""
    hits = Counter(code for one in judged for code in one.found & one.labelled)
    found = Counter(code for one in judged for code in one.found)
    labelled = Counter(code for one in judged for code in one.labelled)
    return [
        f"{code:<18} {labelled[code]:>4} orders   precision {_share(hits[code], found[code])}"
        f"   recall {_share(hits[code], labelled[code])}"
        for code in sorted(found | labelled)
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _why(run: str) -> Cause:
    return Cause("test", NOW, run)
