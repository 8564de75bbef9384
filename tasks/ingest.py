"""ingest: read what changed in a shop, map it to one shape, store it in batches."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from prefect import task

from connectors.channels.reading import patiently
from connectors.mapping import Mapping, MappingError
from models.batch import BatchOrigin, WindowState
from models.database import Connection, transaction
from models.order import Cause, Stage
from models.sealing import unseal
from tasks.batches import by_promise, close_batch, open_batch
from tasks.counterparts import mapping_version_id, open_channel, shop_mapping
from tasks.failures import SHOP
from tasks.inbox import finish_notices
from tasks.left_behind import unreadable
from tasks.promo import batch_limit
from tasks.runs import Obstacle, cause, failed_by, failed_for_now, in_one_line, leave_obstacles, leave_table
from tasks.store import (
    Arrival,
    Refusal,
    StoreCount,
    body_of,
    free_from_quarantine,
    newest,
    quarantine,
    split_known,
    store_alone,
    store_changed,
    store_new,
)
from tasks.windows import ShopRow, Window, claim_window, find_shop, finish_window

ASKED_AT_ONCE: Final = 50
UNDISPATCHED: Final = (Stage.INGESTED, Stage.VALIDATED, Stage.LOCKED, Stage.ROUTED)


@dataclass(frozen=True, slots=True)
class IngestCount:
    """The batches to process now, and what was read: new orders, changed ones, unreadable ones."""

    batch_ids: tuple[int, ...]
    stored: int = 0
    joined: int = 0
    rejected: int = 0
    window: str = ""


def ingest_shop(shop_code: str, since: datetime | None, until: datetime | None, why: Cause) -> IngestCount:
    """Read one window of a shop into the pool.

    Without `since` the window follows the watermark. Safe to repeat: a run finds its own window and batches
    again, and an order version the pool has is not stored twice. Rows are committed batch by batch; the
    watermark moves in the transaction of the last ones. A window that was asked for answers no notices and asks for
    no orders that the platform hides: both are about the present, which the windows from the watermark read.
    """
    with transaction() as conn:
        shop = find_shop(conn, shop_code)
    if shop.channel == "file":
        return _adopt_files(shop, why)
    with transaction() as conn:
        channel = open_channel(conn, shop_code)
        mapping = shop_mapping(conn, shop_code)
        version = mapping_version_id(conn, mapping)
    window = claim_window(shop, channel.capabilities, str(why.flow_run_id), since, until)
    if window is None:
        return IngestCount(())
    reader = Reader(shop, mapping, version, BatchOrigin.WINDOW, window, why)
    if window.state is WindowState.OPEN:
        for page in channel.changed_orders(window.since - channel.capabilities.overlap, window.until):
            reader.take(page)
        if channel.hides_changes and since is None:
            take_unlisted(channel.order, reader)
        reader.finish()
    with transaction() as conn:
        if since is None:
            finish_notices(conn, shop_code, window.until, why.at)
        batches = by_promise(conn, _batches_of(conn, window.id), why.at)
    label = f"{window.since:%m-%d %H:%M}-{window.until:%H:%M} UTC"
    count = reader.count
    return IngestCount(batches, count.stored, count.joined, count.rejected, label)


def take_unlisted(ask: Callable[[str], dict[str, Any] | None], reader: "Reader") -> None:
    """Ask for each order of the shop that is not dispatched and that this reading did not meet.

    One that the platform no longer has is left alone, and those that we made ourselves it never had.
    """
    with transaction() as conn:
        rows = conn.execute(
            """select o.external_id from orders o join order_state s on s.order_id = o.id
               where o.shop_id = %s and s.stage = any(%s)
                 and not exists (select 1 from replacement p where p.order_id = o.id) order by o.id""",
            (reader.shop.id, [stage.value for stage in UNDISPATCHED]),
        ).fetchall()
    unmet = [row[0] for row in rows if row[0] not in reader.met]
    for start in range(0, len(unmet), ASKED_AT_ONCE):
        found = (patiently(partial(ask, external_id)) for external_id in unmet[start : start + ASKED_AT_ONCE])
        reader.take([payload for payload in found if payload is not None])


class Reader:
    """Gathers payloads and stores them a batch at a time, so that memory stays bounded."""

    def __init__(
        self,
        shop: ShopRow,
        mapping: Mapping,
        mapping_version: int,
        origin: BatchOrigin,
        window: Window | None,
        why: Cause,
    ) -> None:
        self.shop = shop
        self.mapping = mapping
        self.count = StoreCount(0, 0, 0)
        self.batch_ids: list[int] = []
        self.met: set[str] = set()
        self._version = mapping_version
        self._origin = origin
        self._window = window
        self._why = why
        with transaction() as conn:
            self._most = batch_limit(conn, why.at)
        self._arrivals: dict[str, Arrival] = {}
        self._refusals: list[Refusal] = []

    def take(self, payloads: Sequence[dict[str, Any]]) -> None:
        """Map payloads; store a batch when enough have gathered."""
        good, bad = self.mapping.read_all(payloads)
        self.add(
            [Arrival(order, payloads[index]) for index, order in good],
            [(payloads[index], problem) for index, problem in bad],
        )

    def add(self, arrivals: Sequence[Arrival], refused: Sequence[tuple[dict[str, Any], MappingError]]) -> None:
        """Gather orders that are read and payloads that could not be; store a batch when enough have gathered."""
        for arrival in arrivals:
            self.met.add(arrival.order.external_id)
            known = self._arrivals.get(arrival.order.external_id)
            self._arrivals[arrival.order.external_id] = newest([known, arrival] if known else [arrival])[0]
        for payload, problem in refused:
            self._refuse(payload, problem)
        if len(self._arrivals) + len(self._refusals) >= self._most:
            self._store(last=False)

    def _refuse(self, payload: dict[str, Any], problem: MappingError) -> None:
        known_as = self.mapping.external_id(payload) or "sha256:" + hashlib.sha256(repr(payload).encode()).hexdigest()
        self._refusals.append(Refusal(known_as, payload, problem))

    def finish(self) -> None:
        """Store what is left, and with it the end of the window."""
        self._store(last=True)

    def close_batches(self) -> None:
        """Mark the stored batches as through: nothing of them is to be processed."""
        with transaction() as conn:
            for batch_id in self.batch_ids:
                close_batch(conn, batch_id, self._why.at)

    def _store(self, last: bool) -> None:
        arrivals = newest(list(self._arrivals.values()))
        with transaction() as conn:
            store_alone(conn, self.shop.id)
            fresh, changed = split_known(conn, self.shop.id, arrivals, self.mapping)
            refusals = unknown_refusals(conn, self.shop.id, self._refusals)
            if fresh or changed or refusals:
                self._store_batch(conn, fresh, changed, refusals)
            free_from_quarantine(conn, self.shop.id, arrivals, self._why.at)
            if last and self._window:
                finish_window(conn, self.shop, self._window)
        self._arrivals, self._refusals = {}, []

    def _store_batch(
        self,
        conn: Connection,
        fresh: Sequence[Arrival],
        changed: Sequence[tuple[int, Arrival]],
        refusals: Sequence[Refusal],
    ) -> None:
        why, window_id = self._why, self._window.id if self._window else None
        batch_id = open_batch(conn, self.shop.id, self._origin, str(why.flow_run_id), why.at, window_id)
        self.batch_ids.append(batch_id)
        stored = len(store_new(conn, self.shop.id, batch_id, fresh, self.mapping, self._version, why))
        joined = store_changed(conn, batch_id, changed, self.mapping, self._version, why)
        rejected = quarantine(conn, self.shop.id, batch_id, refusals, why.at)
        conn.execute(
            "update batch set stored = %s, joined = %s, rejected = %s where id = %s",
            (stored, joined, rejected, batch_id),
        )
        self.count = StoreCount(self.count.stored + stored, self.count.joined + joined, self.count.rejected + rejected)


def unknown_refusals(conn: Connection, shop_id: int, refusals: Sequence[Refusal]) -> list[Refusal]:
    """The refusals whose very payload is not in quarantine with the same problem already, one per platform id."""
    rows = conn.execute(
        """select external_id, problem, body_enc from quarantined_order
           where shop_id = %s and external_id = any(%s) and released_at is null""",
        (shop_id, [refusal.external_id for refusal in refusals]),
    ).fetchall()
    known = {external_id: (problem, unseal(body_enc)) for external_id, problem, body_enc in rows}
    latest = {refusal.external_id: refusal for refusal in refusals}
    return [
        refusal
        for refusal in latest.values()
        if known.get(refusal.external_id) != (str(refusal.problem), body_of(refusal.payload))
    ]


def _batches_of(conn: Connection, window_id: int) -> tuple[int, ...]:
    rows = conn.execute("select id from batch where window_id = %s and state = 'open' order by id", (window_id,))
    return tuple(row[0] for row in rows)


def _adopt_files(shop: ShopRow, why: Cause) -> IngestCount:
    """Take the batches that were imported for a file shop and that no run has taken yet, or that are this run's."""
    with transaction() as conn:
        rows = conn.execute(
            """update batch set flow_run_id = %(run)s
               where shop_id = %(shop)s and origin = 'file' and state = 'open'
                 and (flow_run_id = %(run)s or flow_run_id like 'import:%%')
               returning id, stored, joined, rejected""",
            {"run": str(why.flow_run_id), "shop": shop.id},
        ).fetchall()
        ids = by_promise(conn, [row[0] for row in rows], why.at)
    stored, joined, rejected = (sum(row[i] for row in rows) for i in (1, 2, 3))
    return IngestCount(ids, stored, joined, rejected, "imported files")


@task(
    persist_result=True,
    task_run_name="ingest · {shop}",
    tags=["stage:ingest"],
    retries=2,
    retry_delay_seconds=[5, 20],
    retry_condition_fn=failed_for_now,
)
def ingest(shop: str, since: datetime | None = None, until: datetime | None = None) -> IngestCount:
    """The ingest stage of a run."""
    try:
        count = ingest_shop(shop, since, until, cause("ingest"))
    except Exception as error:  # noqa: BLE001 - a stage says in its own words what stopped it
        why = in_one_line(error)
        failed = failed_by(error, f"ingest: 0 orders of {shop} were read to the end: {why}", SHOP)
        leave_obstacles("ingest", shop, [Obstacle(shop, None, why, failed.fault)], f"Why {shop} was not read")
        raise failed from None
    leave_table(
        "ingest",
        shop,
        [{"window": count.window, "new": count.stored, "changed": count.joined, "unreadable": count.rejected}],
        f"What was read of {shop}",
    )
    if unread := unreadable(count.batch_ids):
        leave_obstacles("unreadable", shop, unread, f"What could not be read of {shop} is in quarantine")
    return count
