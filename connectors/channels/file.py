"""A shop whose orders come as exported files (CSV, XLSX, XLS), read through a file mapping."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx

from connectors import mapping as mappings
from connectors.base import (
    AS_USUAL,
    Authoriser,
    Capabilities,
    Credentials,
    Delivered,
    Health,
    Listing,
    MergeToken,
    NotReady,
    Now,
    Paging,
    PlatformCarrier,
    Push,
    RepeatClass,
    ShipBack,
    StockLevel,
    StockOutcome,
    Terms,
    TrackingUnit,
)
from connectors.channels.file_rows import Row, rows_of
from connectors.mapping_file import FileSpec, plain_header
from connectors.order_reader import REJECTED
from models.errors import ChannelRejected, FeedError, SetupError

SUFFIXES: Final = frozenset((".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls"))
PAGE_SIZE: Final = 500
LINE: Final = "$line"
"""Where a payload keeps the file's line it starts on."""

_ROUNDED = re.compile(r"\d+(\.\d+)?[eE]\+?\d+")


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """One order of a file: its first line, from 1, and the payload for the mapping."""

    line: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row, or all rows of an order, that cannot become a payload. `order_no` is "" when it is not readable."""

    line: int
    reason: str
    order_no: str

    def payload(self, column: str) -> dict[str, Any]:
        """A stand-in that every mapping refuses with the reason; cells of a shifted row are not repeated."""
        return {column: self.order_no, LINE: str(self.line), REJECTED: f"line {self.line}: {self.reason}"}


@dataclass(slots=True)
class _Order:
    line: int
    rows: list[dict[str, str]] = field(default_factory=list)
    seen: int = 0
    broken: str = ""


def read_file(path: Path, mapping: mappings.Mapping) -> Iterator[SourceOrder | RejectedRow]:
    """Every order of a file in the order in which they are complete; nothing in it is passed over in silence.

    A `goods` file is read twice: first to count the rows of each order, then to give each order with all its
    rows, also when they are far apart. Raises FeedError when the file cannot be read or lacks a column, SetupError
    when the mapping has no `file` section.
    """
    if mapping.file is None:
        raise SetupError(f"mapping {mapping.name}: has no file section; it cannot read {path.name}")
    if mapping.file.grouped:
        yield from _grouped(path, mapping.file)
        return
    table = _open(path, mapping.file)
    for row in table.rows:
        order_no, problem = table.order_no(row), table.problem(row)
        if problem:
            yield RejectedRow(row.line, problem, order_no)
        else:
            yield SourceOrder(row.line, {**table.cells(row), LINE: str(row.line)})


def _grouped(path: Path, spec: FileSpec) -> Iterator[SourceOrder | RejectedRow]:
    counted = _open(path, spec)
    sizes = Counter(counted.order_no(row) for row in counted.rows)
    table = _open(path, spec)
    waiting: dict[str, _Order] = {}
    for row in table.rows:
        order_no, problem = table.order_no(row), table.problem(row)
        if not order_no or _ROUNDED.fullmatch(order_no):
            yield RejectedRow(row.line, problem, order_no)
            continue
        order = waiting.setdefault(order_no, _Order(row.line))
        order.seen += 1
        order.broken = order.broken or (f"line {row.line} of this order: {problem}" if problem else "")
        order.rows.append(table.cells(row))
        if order.seen >= sizes[order_no]:
            yield _complete(waiting.pop(order_no), order_no)


def _complete(order: _Order, order_no: str) -> SourceOrder | RejectedRow:
    if order.broken:
        return RejectedRow(order.line, order.broken, order_no)
    return SourceOrder(order.line, {**order.rows[0], LINE: str(order.line), FileSpec.LINES: order.rows})


@dataclass(frozen=True, slots=True)
class _Table:
    columns: list[str]
    order_columns: list[int]
    rows: Iterator[Row]

    def cells(self, row: Row) -> dict[str, str]:
        return dict(zip(self.columns, row.cells, strict=False))

    def order_no(self, row: Row) -> str:
        cells = row.cells
        return next((cells[at] for at in self.order_columns if at < len(cells) and cells[at]), "")

    def problem(self, row: Row) -> str:
        width = len(self.columns)
        if len(row.cells) < width or any(row.cells[width:]):
            return f"has {len(row.cells)} cells where the header has {width}"
        order_no = self.order_no(row)
        if not order_no:
            return "the order number is empty"
        if _ROUNDED.fullmatch(order_no):
            return f"the order number {order_no} was rounded by a spreadsheet; export the column as text"
        return ""


def _open(path: Path, spec: FileSpec) -> _Table:
    rows = rows_of(path, spec)
    header = next(rows, None)
    if header is None:
        raise FeedError(f"{path.name}: has no header in line {spec.header_row}")
    columns = _columns(path, header, spec)
    order_columns = [columns.index(name) for name in spec.order_no if name in columns]
    return _Table(columns, order_columns, (row for row in rows if not row.blank))


def _columns(path: Path, header: Row, spec: FileSpec) -> list[str]:
    plain = [plain_header(cell) for cell in header.cells]
    while plain and not plain[-1]:
        plain.pop()
    names = [spec.spellings.get(name, name) or f"#{position}" for position, name in enumerate(plain, 1)]
    there = ", ".join(names)
    missing = [" or ".join(group) for group in spec.wanted if not set(group).intersection(names)]
    if missing:
        raise FeedError(f"{path.name}: lacks the column {'; '.join(missing)}; it has {there}")
    declared = set(spec.spellings.values())
    twice = [name for name, times in Counter(names).items() if times > 1 and name in declared]
    if twice:
        raise FeedError(f"{path.name}: has the column {', '.join(twice)} more than once; it has {there}")
    return [name if names.index(name) == position else f"{name}#{position + 1}" for position, name in enumerate(names)]


class FileChannel:
    """A shop fed by files. Credentials: folder, where exports are put (or one file).

    It cannot be told that a parcel left, and not be asked for a single order: `reports_shipping` is False.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    usual_endpoint: ClassVar[str] = ""
    token: ClassVar[str] = ""
    authoriser: ClassVar[type[Authoriser] | None] = None
    shared_numbers: ClassVar[str] = ""

    capabilities = Capabilities(
        window=None,
        lag=timedelta(seconds=60),  # a file may still be being written
        overlap=timedelta(0),
        history=None,
        paging=Paging.FIRST_TO_LAST,
        page_size=PAGE_SIZE,
        deepest_row=None,
        calls_per_s=0,
        masked_fields=frozenset(),
        merge_token=MergeToken.ADDRESS,
        push=Push.NONE,
        tracking_unit=TrackingUnit.ORDER,
        parcels_per_order=None,
        numbers_at_once=False,
        reships=0,
        stock_batch=0,
        stock_modes=frozenset(),
        pulls=False,
        reports_shipping=False,
    )
    ship_back_class = RepeatClass.MANUAL
    hides_changes = False

    def __init__(
        self,
        client: httpx.Client,
        name: str,
        credentials: Credentials,
        mapping: mappings.Mapping,
        now: Now,
        terms: Terms = AS_USUAL,
    ) -> None:
        if not credentials.get("folder"):
            raise SetupError(f"{name}: lacks the credential folder")
        if mapping.file is None:
            raise SetupError(f"{name}: mapping {mapping.name} has no file section")
        self.name = name
        self._folder = Path(credentials["folder"])
        self._mapping = mapping
        self._order_no = mapping.file.order_no[0]

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """What is ready is in the file's own columns; the mapping says all there is to say."""
        return None

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """The orders of every file last written in [since, until), oldest file first.

        A row that cannot be read comes as a payload that the mapping refuses with the reason.
        """
        for path in self._files(since, until):
            found = read_file(path, self._mapping)
            while page := [self._payload(source) for source in islice(found, PAGE_SIZE)]:
                yield page

    def _payload(self, source: SourceOrder | RejectedRow) -> dict[str, Any]:
        return source.payload(self._order_no) if isinstance(source, RejectedRow) else source.payload

    def _files(self, since: datetime, until: datetime) -> list[Path]:
        try:
            entries = [self._folder] if self._folder.is_file() else list(self._folder.iterdir())
            dated = [(datetime.fromtimestamp(path.stat().st_mtime, UTC), path) for path in entries if _is_export(path)]
        except OSError as error:
            raise FeedError(f"{self.name}: folder {self._folder}: {error.strerror or error}") from error
        return [path for written_at, path in sorted(dated) if since <= written_at < until]

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """Raises ChannelRejected: there is no platform to list its orders."""
        raise ChannelRejected(self.name, "list orders", "a file shop has no platform that lists its orders")

    def order(self, external_id: str) -> dict[str, Any] | None:
        """Raises ChannelRejected: an export tells nothing of the present."""
        raise ChannelRejected(self.name, f"read order {external_id}", "a file shop cannot be asked for one order")

    def ship_back(self, parcel: ShipBack) -> None:
        """Raises ChannelRejected: there is nobody to tell."""
        raise ChannelRejected(self.name, f"ship order {parcel.order_no}", "a file shop cannot be told of parcels")

    def delivered_back(self, order: Delivered) -> None:
        """Raises ChannelRejected: there is nobody to tell."""
        raise ChannelRejected(self.name, f"tell that {order.order_no} was delivered", "a file shop cannot be told")

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Raises ChannelRejected: there is nobody to tell."""
        raise ChannelRejected(self.name, "set stock", "a file shop cannot be told of stock")

    def listings(self) -> Iterator[list[Listing]]:
        """None: there is no platform that lists them."""
        return iter(())

    def list_carriers(self) -> list[PlatformCarrier]:
        """None: there is nobody to tell."""
        return []

    def check(self) -> Health:
        """Whether the folder is there."""
        if self._folder.exists():
            return Health(True)
        return Health(False, ("folder",), f"{self._folder} does not exist")


def _is_export(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~$")) and path.is_file()
