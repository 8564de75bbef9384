"""What a changed mapping would read differently from the payloads that are stored; nothing is written."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from connectors.mapping import Mapping, MappingError
from connectors.reading_differences import Difference, differences, personal_fields, shown_value
from connectors.registry import CHANNELS
from models.database import Connection, transaction
from models.errors import SetupError
from models.incoming import IncomingOrder
from tasks.counterparts import shop_mapping
from tasks.mapping_trial import check_fits, fault_fields
from tasks.stored_payloads import payloads_since, quarantined_since
from tasks.windows import find_shop

QUARANTINE: Final = "in quarantine"
_STEP: Final = 500


@dataclass(frozen=True, slots=True)
class Example:
    """One payload that would be read differently: the order's number, where it stands, and what changes, in words."""

    order_no: str
    standing: str
    changes: tuple[str, ...]


@dataclass(slots=True)
class MappingDiff:
    """What the changed mapping makes of stored payloads compared with the present one.

    `fields` counts orders per field and per standing; `read` is the sum of the five kinds below it.
    """

    read: int = 0
    same: int = 0
    different: Counter[str] = field(default_factory=Counter)  # by standing
    newly_readable: Counter[str] = field(default_factory=Counter)
    newly_unreadable: Counter[str] = field(default_factory=Counter)
    still_unreadable: Counter[str] = field(default_factory=Counter)
    other_mapping: int = 0  # of a file shop: read with a mapping of another name, so not tried
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)  # by field, of what would no longer be readable
    examples: list[Example] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether both mappings read every payload alike."""
        return not (self.different or self.newly_readable or self.newly_unreadable)

    @property
    def renames(self) -> int:
        """Orders that would go by another platform id: their next version would enter the pool a second time."""
        return sum(self.fields.get("order.external_id", Counter()).values())


def diff_mapping(
    shop_code: str,
    changed: Mapping,
    since: datetime,
    limit: int,
    progress: Callable[[int], None] = lambda done: None,
) -> MappingDiff:
    """Read every payload of a shop stored or changed since then with its present mapping and with `changed`.

    Only the newest version of an order counts, and everything in quarantine. At most `limit` examples are kept.
    Raises SetupError when the shop is unknown, has no mapping yet, or cannot be read with the changed one.
    """
    with transaction() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        shop = find_shop(conn, shop_code)
        check_fits(changed, shop.channel)
        present = shop_mapping(conn, shop_code)
        changed = changed.gated(CHANNELS[shop.channel].ready_to_ship)
        trial = _Comparison(present, changed, limit)
        by_name = present.name if shop.channel == "file" else ""
        _compare_orders(conn, trial, shop.id, since, by_name, progress)
        for external_id, payload in quarantined_since(conn, shop.id, since):
            trial.compare(external_id, QUARANTINE, payload)
    progress(trial.found.read)
    return trial.found


def _compare_orders(
    conn: Connection, trial: "_Comparison", shop_id: int, since: datetime, name: str, progress: Callable[[int], None]
) -> None:
    for stored in payloads_since(conn, shop_id, since):
        if name and stored.mapping_name != name:
            trial.found.other_mapping += 1
            continue
        trial.compare(stored.order_no, stored.standing.value, stored.payload)
        if trial.found.read % _STEP == 0:
            progress(trial.found.read)


class _Comparison:
    """Compares two mappings payload by payload and keeps only counts and some examples."""

    def __init__(self, present: Mapping, changed: Mapping, limit: int) -> None:
        self.found = MappingDiff()
        self._present = present
        # what either of them hides is not shown in the faults of the other
        self._changed = replace(changed, reader=changed.reader.bound(present.private | changed.private))
        self._limit = limit
        self._personal = personal_fields(present, changed)

    def compare(self, order_no: str, standing: str, payload: dict[str, Any]) -> None:
        """Read one payload both ways."""
        self.found.read += 1
        before, now = _read(self._present, payload), _read(self._changed, payload)
        if isinstance(before, IncomingOrder) and isinstance(now, IncomingOrder):
            self._both(order_no, standing, differences(before, now))
        elif isinstance(now, IncomingOrder):
            self.found.newly_readable[standing] += 1
            self._keep(now.order_no, standing, ["becomes readable"])
        elif isinstance(before, IncomingOrder):
            self.found.newly_unreadable[standing] += 1
            self.found.faults.update(set(fault_fields(now)))
            self._keep(order_no, standing, [f"can no longer be read: {fault}" for fault in now.faults])
        else:
            self.found.still_unreadable[standing] += 1

    def _both(self, order_no: str, standing: str, found: Sequence[Difference]) -> None:
        if not found:
            self.found.same += 1
            return
        self.found.different[standing] += 1
        for name in {difference.field for difference in found}:
            self.found.fields.setdefault(name, Counter())[standing] += 1
        self._keep(order_no, standing, [told(difference, self._personal) for difference in found])

    def _keep(self, order_no: str, standing: str, changes: Sequence[str]) -> None:
        if len(self.found.examples) < self._limit:
            self.found.examples.append(Example(order_no, standing, tuple(changes)))


def _read(mapping: Mapping, payload: dict[str, Any]) -> IncomingOrder | MappingError:
    try:
        return mapping.read(payload)
    except MappingError as error:
        return error


def told(difference: Difference, personal: frozenset[str]) -> str:
    """A difference in words; of a personal field only that it differs."""
    name = f"line {difference.line} {difference.field}" if difference.line else difference.field
    if difference.field in personal:
        return f"{name} differs"
    old, new = (shown_value(difference.field, value, personal) for value in (difference.old, difference.new))
    return f"{name}: {old} -> {new}"


def present_mapping(shop_code: str) -> Mapping | None:
    """The mapping a shop's orders are read with now; None for a shop of files that has none of its own."""
    with transaction() as conn:
        find_shop(conn, shop_code)
        try:
            return shop_mapping(conn, shop_code)
        except SetupError:
            return None
