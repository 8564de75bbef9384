"""replay: read stored payloads again with the present mapping; no platform is asked, nothing is told to anybody."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, LiteralString

from models.batch import BatchOrigin
from models.database import Connection, transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds, release_holds
from models.incoming import OrderKind, PayState
from models.order import Cause, Stage
from models.settings import clock, settings
from tasks.amend import step_back
from tasks.batches import RULE_VERSION, close_batch, open_batch, orders_in, take_batch
from tasks.counterparts import mapping_version_id, shop_mapping
from tasks.kept_stock import keep_wanted
from tasks.quarantine import Quarantined, Tried, count_rejected, in_quarantine, let_in, note_obstacles, try_again
from tasks.rereading import Present, Reading, Rereading, read_again, rewrite
from tasks.store import store_alone
from tasks.windows import find_shop, in_china, only_run_of

_IN_SPAN: LiteralString = """(o.stored_at >= %(since)s and o.stored_at < %(until)s
                          or o.modified_at >= %(since)s and o.modified_at < %(until)s)"""
_STILL_OPEN: LiteralString = "s.stage in ('ingested', 'validated', 'locked', 'routed')"


def replay_batch(conn: Connection, batch_id: int, why: Cause) -> int:
    """Read the batch's orders that no stage has taken on yet, and those it put into quarantine, again.

    Orders that read as before stay untouched, and so does one that the present mapping cannot read. Returns how many
    changed or came in. Safe to repeat.
    """
    store_alone(conn, _shop_of(conn, batch_id))
    batch = take_batch(conn, batch_id)
    try:
        mapping = shop_mapping(conn, batch.shop_code)
    except SetupError:  # a file shop whose files each come with a mapping of their own
        return 0
    present = Present(batch.shop_id, batch.channel, mapping, mapping_version_id(conn, mapping))
    changed = read_again(conn, present, orders_in(conn, batch_id, Stage.INGESTED), why).changed
    rewrite(conn, present, changed, batch_id, why)
    rows = conn.execute(
        """select id, external_id, batch_id, problem, body_enc, stored_at from quarantined_order
           where batch_id = %s and released_at is null order by id for update""",
        (batch_id,),
    ).fetchall()
    new, amended = let_in(conn, present, batch_id, try_again(present, in_quarantine(rows)), why)
    conn.execute("update batch set stored = stored + %s where id = %s", (len(new), batch_id))
    count_rejected(conn, [batch_id])
    return len(changed) + len(new) + len(amended)


def _shop_of(conn: Connection, batch_id: int) -> int:
    row = conn.execute("select shop_id from batch where id = %s", (batch_id,)).fetchone()
    if row is None:
        raise SetupError(f"batch {batch_id}: there is no such batch in the pool")
    return int(row[0])


@dataclass(slots=True)
class ReplayCount:
    """What a replay found and did; `read` is the sum of same, changed, freed, unreadable, past_review, other_mapping.

    `held` counts orders that wait for a person under REPLAYED, `released` those that go on. `listed` are orders past
    review with the fields that would differ, and `obstacles` what could not be read, both shortened.
    """

    read: int = 0
    same: int = 0
    changed: int = 0
    freed: int = 0
    unreadable: int = 0
    past_review: int = 0
    other_mapping: int = 0
    held: int = 0
    released: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    past_fields: Counter[str] = field(default_factory=Counter)
    listed: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    obstacles: list[tuple[str, str]] = field(default_factory=list)
    batch_ids: list[int] = field(default_factory=list)


def replay_shop(
    shop_code: str,
    since: datetime,
    until: datetime,
    actor: str,
    *,
    dry_run: bool = False,
    go_on: bool = False,
    limit: int = 20,
    wait_s: int = 60,
    progress: Callable[[int], None] = lambda done: None,
) -> ReplayCount:
    """Read what a shop stored, or its platform changed, in [since, until) again with the shop's present mapping.

    Orders before dispatch that read otherwise begin again from the right reading; what is in quarantine and can be
    read now enters the pool. Both wait under REPLAYED, unless `go_on`, which also releases what an earlier replay
    of the span left waiting. Orders past review are only listed. Times without a zone are China's. Committed batch
    by batch; safe to repeat after any interruption. Raises SetupError when the shop is unknown, has no mapping or
    stays busy for `wait_s` seconds, or the span is empty.
    """
    since, until = in_china(since), in_china(until)
    if since >= until:
        raise SetupError(f"shop {shop_code}: want a replay from {since} to {until}; it ends before it begins")
    run = Cause(actor, clock().now(), f"replay:{uuid.uuid4()}", RULE_VERSION)
    # a run of the shop that stores or takes on orders at the same time would work from what is being read again
    with nullcontext(True) if dry_run else only_run_of(shop_code, wait_s) as alone:
        if not alone:
            raise SetupError(f"shop {shop_code}: cannot be replayed now; another run is busy with it")
        with transaction() as conn:
            shop = find_shop(conn, shop_code)
            mapping = shop_mapping(conn, shop_code)
            present = Present(shop.id, shop.channel, mapping, mapping_version_id(conn, mapping))
            if dry_run:
                conn.rollback()
        replay = _Replay(present, since, until, run, dry_run=dry_run, limit=limit)
        for count in replay.steps():
            progress(count)
        if go_on:
            replay.let_go()
    return replay.count


class _Replay:
    """One replay of a span, chunk by chunk, each in a transaction of its own."""

    def __init__(
        self, present: Present, since: datetime, until: datetime, why: Cause, *, dry_run: bool, limit: int
    ) -> None:
        self.count = ReplayCount()
        self._present = present
        self._why = why
        self._dry_run = dry_run
        self._limit = limit
        size = settings().batch_size
        self._span: dict[str, Any] = {"shop": present.shop_id, "since": since, "until": until, "size": size}

    def steps(self) -> Iterator[int]:
        """Do the replay; gives how many payloads are read after each chunk."""
        last = 0
        while ids := self._next_orders(last):
            last = ids[-1]
            self._orders(ids)
            yield self.count.read
        last = 0
        while waiting := self._next_quarantined(last):
            last = waiting[-1].id
            self._quarantined(waiting)
            yield self.count.read

    def let_go(self) -> None:
        """Release what waits under REPLAYED of this span, for `resume_orders` to take up; in a dry run count it."""
        with transaction() as conn:
            rows = conn.execute(
                f"""select o.id from hold h join orders o on o.id = h.order_id join order_state s on s.order_id = o.id
                    where h.code = 'REPLAYED' and h.released_at is null and o.shop_id = %(shop)s and ({_IN_SPAN}
                      or (h.evidence->>'quarantined_at')::timestamptz >= %(since)s
                         and (h.evidence->>'quarantined_at')::timestamptz < %(until)s
                      or (h.evidence->>'since')::timestamptz >= %(since)s
                         and (h.evidence->>'until')::timestamptz <= %(until)s)
                    order by o.id for update of s""",
                self._span,
            ).fetchall()
            ids = [row[0] for row in rows]
            self.count.released = len(ids)
            if not self._dry_run:
                release_holds(conn, ids, [HoldCode.REPLAYED], self._why, resume=True)

    def _next_orders(self, last: int) -> list[int]:
        with transaction() as conn:
            rows = conn.execute(
                f"""select o.id from orders o where o.shop_id = %(shop)s and o.id > %(last)s and {_IN_SPAN}
                    order by o.id limit %(size)s""",
                {**self._span, "last": last},
            ).fetchall()
        return [row[0] for row in rows]

    def _orders(self, order_ids: Sequence[int]) -> None:
        with transaction() as conn:
            found = read_again(conn, self._present, order_ids, self._why)
        if found.changed and not self._dry_run:
            changed = [reading.stored.order_id for reading in found.changed]
            self._add(replace(found, changed=[]))
            with transaction() as conn:
                found = self._take_over(conn, changed)
        self._add(found)

    def _take_over(self, conn: Connection, order_ids: list[int]) -> Rereading:
        """Read these orders once more, now that nobody can change them, and let the reading take effect."""
        conn.execute("select 1 from order_state where order_id = any(%s) order by order_id for update", (order_ids,))
        found = read_again(conn, self._present, order_ids, self._why)
        if found.changed:
            beginning = {reading.stored.order_id: reading for reading in found.changed if _begins_again(reading)}
            batch_id = self._open_batch(conn)
            step_back(conn, batch_id, list(beginning), self._why)
            rewrite(conn, self._present, found.changed, batch_id, self._why)
            keep_wanted(conn, list(beginning), self._why)
            self._hold(conn, [(order_id, {"fields": list(reading.fields)}) for order_id, reading in beginning.items()])
            self._close_batch(conn, batch_id, stored=0, joined=len(beginning))
        return found

    def _next_quarantined(self, last: int) -> list[Quarantined]:
        with transaction() as conn:
            rows = conn.execute(
                """select id, external_id, batch_id, problem, body_enc, stored_at from quarantined_order
                   where shop_id = %(shop)s and id > %(last)s and released_at is null
                     and stored_at >= %(since)s and stored_at < %(until)s order by id limit %(size)s""",
                {**self._span, "last": last},
            ).fetchall()
        return in_quarantine(rows)

    def _quarantined(self, waiting: Sequence[Quarantined]) -> None:
        tried = try_again(self._present, waiting)
        if not self._dry_run:
            with transaction() as conn:
                tried = self._let_in(conn, tried)
        self.count.read += len(tried.readable) + len(tried.unreadable)
        self.count.freed += len(tried.readable)
        self.count.unreadable += len(tried.unreadable)
        self._list_obstacles([(row.external_id, problem) for row, problem in tried.unreadable])

    def _let_in(self, conn: Connection, tried: Tried) -> Tried:
        store_alone(conn, self._present.shop_id)
        tried = _still_waiting(conn, tried)
        if not tried.readable:
            note_obstacles(conn, tried)
            return tried
        batch_id = self._open_batch(conn)
        new, amended = let_in(conn, self._present, batch_id, tried, self._why)
        since = {arrival.order.external_id: row.stored_at.isoformat() for row, arrival in tried.readable}
        rows = conn.execute(
            f"""select o.id, o.external_id from orders o join order_state s on s.order_id = o.id
                where o.id = any(%s) and o.kind = 'goods' and {_STILL_OPEN} order by o.id""",
            ([*new, *amended],),
        ).fetchall()
        self._hold(conn, [(order_id, {"quarantined_at": since[external_id]}) for order_id, external_id in rows])
        self._close_batch(conn, batch_id, stored=len(new), joined=len(amended))
        count_rejected(conn, sorted({row.batch_id for row, _ in tried.readable}))
        return tried

    def _open_batch(self, conn: Connection) -> int:
        batch_id = open_batch(conn, self._present.shop_id, BatchOrigin.REPLAY, str(self._why.flow_run_id), self._why.at)
        self.count.batch_ids.append(batch_id)
        return batch_id

    def _close_batch(self, conn: Connection, batch_id: int, stored: int, joined: int) -> None:
        conn.execute("update batch set stored = %s, joined = %s where id = %s", (stored, joined, batch_id))
        close_batch(conn, batch_id, self._why.at)

    def _hold(self, conn: Connection, orders: Sequence[tuple[int, dict[str, Any]]]) -> None:
        person = self._why.actor.removeprefix("person:")
        sentence = f"read again from stored payloads by {person}; release to go on"
        span = {"by": person, **{key: self._span[key].isoformat() for key in ("since", "until")}}
        findings = [
            (order_id, Finding(HoldCode.REPLAYED, sentence, {**span, **evidence})) for order_id, evidence in orders
        ]
        self.count.held += place_holds(conn, findings, self._why)

    def _add(self, found: Rereading) -> None:
        count = self.count
        count.same += found.same
        count.changed += len(found.changed)
        count.past_review += len(found.past)
        count.unreadable += len(found.unreadable)
        count.other_mapping += found.other_mapping
        count.read += found.same + len(found.changed) + len(found.past) + len(found.unreadable) + found.other_mapping
        for reading in found.changed:
            count.fields.update(reading.fields)
        for reading in found.past:
            count.past_fields.update(reading.fields)
        room = self._limit - len(count.listed)
        count.listed += [(reading.stored.order_no, reading.fields) for reading in found.past[: max(room, 0)]]
        self._list_obstacles(found.unreadable)

    def _list_obstacles(self, obstacles: Sequence[tuple[str, str]]) -> None:
        room = self._limit - len(self.count.obstacles)
        self.count.obstacles += obstacles[: max(room, 0)]


def _begins_again(reading: Reading) -> bool:
    """Whether the stages have to look at it anew: not so for a header, nor for what was and stays cancelled."""
    order = reading.order
    if order.kind is OrderKind.HEADER:
        return False
    return reading.stored.stage is not Stage.CANCELLED or order.pay_state is not PayState.CANCELLED


def _still_waiting(conn: Connection, tried: Tried) -> Tried:
    """What of it is in quarantine still, locked; first the batches, as every stage does."""
    rows = [row for row, _ in tried.readable] + [row for row, _ in tried.unreadable]
    batch_ids = sorted({row.batch_id for row in rows})
    conn.execute("select 1 from batch where id = any(%s) order by id for update", (batch_ids,))
    there = {
        row[0]
        for row in conn.execute(
            "select id from quarantined_order where id = any(%s) and released_at is null order by id for update",
            ([row.id for row in rows],),
        )
    }
    return Tried(
        [(row, arrival) for row, arrival in tried.readable if row.id in there],
        [(row, problem) for row, problem in tried.unreadable if row.id in there],
    )
