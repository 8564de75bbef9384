"""import: a file of exported orders into the pool, every row exactly once."""

import csv
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from connectors.channels.file import RejectedRow, SourceOrder, read_file
from connectors.mapping import Mapping
from models.batch import BatchOrigin
from models.database import transaction
from models.errors import SetupError
from models.incoming import IncomingOrder, OrderKind, PayState
from models.order import Cause
from models.settings import clock
from tasks.batches import RULE_VERSION
from tasks.counterparts import mapping_version_id, read_mapping, shop_mapping
from tasks.ingest import Reader
from tasks.store import Arrival
from tasks.windows import find_shop, only_run_of

PAGE = 2000
GROUPS = ("paid", "unpaid", "refunded_part", "refunded_full", "rejected")


@dataclass(frozen=True, slots=True)
class ImportCount:
    """What a file holds by payment (`groups` add up to its rows or, with lines, its orders), and what it changed."""

    groups: dict[str, int]
    stored: int
    changed: int
    rejected_file: Path | None
    batch_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Rejection:
    line: int
    order_no: str
    reason: str


def import_file(
    shop_code: str,
    path: Path,
    mapping_path: Path | None,
    actor: str,
    rejected_path: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> ImportCount:
    """Read a file of a file shop into the pool; the orders of a second import of the same file are known already.

    `mapping_path` None takes the shop's own mapping. Rows that cannot be read go to `rejected_path` with line and
    reason. Orders with lines wait in open batches for the shop's next run; headers are only stored.
    Raises SetupError for a shop that is not fed by files or is busy, FeedError for a file that lacks a column.
    """
    with transaction() as conn:
        shop = find_shop(conn, shop_code)
        mapping = read_mapping(mapping_path) if mapping_path else shop_mapping(conn, shop_code)
        version = mapping_version_id(conn, mapping)
    if shop.channel != "file":
        raise SetupError(f"shop {shop_code}: orders come from {shop.channel} itself, not from files")
    with only_run_of(shop_code) as alone:
        if not alone:
            raise SetupError(f"shop {shop_code}: cannot be imported into now; another run is busy with it")
        why = Cause(actor, clock().now(), f"import:{uuid.uuid4()}", RULE_VERSION)
        reader = Reader(shop, mapping, version, BatchOrigin.FILE, None, why)
        groups, rejections = _read(path, mapping, reader, progress)
        reader.finish()
    if mapping.kind is OrderKind.HEADER:
        reader.close_batches()
    count = reader.count
    written = _write_rejections(rejected_path, rejections)
    return ImportCount(
        {name: groups[name] for name in GROUPS}, count.stored, count.joined, written, tuple(reader.batch_ids)
    )


def payment_group(order: IncomingOrder) -> str:
    """paid, unpaid, refunded_part or refunded_full, from what was paid and what was given back.

    Exports differ in whether the paid amount is before or after refunds; both readings come to the same: a
    refund is full when nothing stays paid, or when it reaches the total or a paid amount that is before refunds.
    """
    if order.refunded_fen > 0:
        before_refunds = order.paid_fen + order.refunded_fen > order.total_fen
        full = (
            order.paid_fen == 0
            or order.refunded_fen >= order.total_fen
            or (before_refunds and order.refunded_fen >= order.paid_fen)
        )
        return "refunded_full" if full else "refunded_part"
    return "unpaid" if order.pay_state is PayState.UNPAID else "paid"


def _read(
    path: Path, mapping: Mapping, reader: Reader, progress: Callable[[int], None]
) -> tuple[Counter[str], list[_Rejection]]:
    groups: Counter[str] = Counter()
    rejections: list[_Rejection] = []
    seen: dict[str, int] = {}
    source = read_file(path, mapping)
    while page := list(islice(source, PAGE)):
        fresh = list(_first_of_each(page, mapping, seen, rejections))
        good, bad = mapping.read_all([row.payload for row in fresh])
        arrivals = [Arrival(order, fresh[index].payload) for index, order in good]
        groups.update(payment_group(arrival.order) for arrival in arrivals)
        for index, problem in bad:
            rejections.append(_Rejection(fresh[index].line, mapping.external_id(fresh[index].payload), str(problem)))
        reader.add(arrivals, [(fresh[index].payload, problem) for index, problem in bad])
        progress(len(page))
    groups["rejected"] = len(rejections)
    return groups, sorted(rejections, key=lambda rejection: rejection.line)


def _first_of_each(
    page: list[SourceOrder | RejectedRow], mapping: Mapping, seen: dict[str, int], rejections: list[_Rejection]
) -> Iterator[SourceOrder]:
    """The orders of a page whose number the file did not have before; the others are rejected."""
    for row in page:
        if isinstance(row, RejectedRow):
            rejections.append(_Rejection(row.line, row.order_no, row.reason))
            continue
        order_no = mapping.external_id(row.payload)
        if order_no and order_no in seen:
            rejections.append(_Rejection(row.line, order_no, f"repeats the order of line {seen[order_no]}"))
            continue
        seen[order_no] = row.line
        yield row


def _write_rejections(path: Path, rejections: list[_Rejection]) -> Path | None:
    if not rejections:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "order_no", "reason"])
        writer.writerows([rejection.line, rejection.order_no, rejection.reason] for rejection in rejections)
    return path
