"""audit_ingest: compare what a platform lists for a day with the pool and the quarantine, and read what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg.types.json import Jsonb

from connectors.base import Channel
from connectors.registry import CHANNELS
from models.alert import AlertRule
from models.batch import BatchOrigin
from models.database import Connection, one, transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.faults import Fault
from models.settings import SHANGHAI, clock
from tasks.alerts import raise_alerts
from tasks.counterparts import mapping_version_id, open_channel, shop_mapping
from tasks.failures import SHOP
from tasks.ingest import Reader
from tasks.runs import (
    Obstacle,
    cause,
    failed_by,
    failed_for_now,
    in_one_line,
    leave_obstacles,
    leave_table,
    with_runbook,
)
from tasks.windows import find_shop

READ_AT_ONCE = 50
MOST_DAYS = 7
REMEMBERED = timedelta(days=7)
"""How long a day's missing orders stay an alert, unless a later audit of the day finds nothing missing."""


@dataclass(frozen=True, slots=True)
class AuditCount:
    """What a platform listed for a day: how many orders, the ids we had not, how many of those could be read."""

    day: str
    listed: int
    missing: tuple[str, ...]
    found: int
    batch_ids: tuple[int, ...]


def day_in_china(day: date) -> tuple[datetime, datetime]:
    """The first moment of a day in China and that of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return start, start + timedelta(days=1)


def yesterday() -> date:
    """The last day in China that is over."""
    return clock().now().astimezone(SHANGHAI).date() - timedelta(days=1)


def due_days(shop_code: str) -> list[date]:
    """The days up to yesterday that no audit of the shop has compared to its end, at most the last seven.

    Yesterday again when there are none: a Retry compares anew.
    """
    last = yesterday()
    with transaction() as conn:
        row = conn.execute(
            """select max(a.day) from ingest_audit a join shop s on s.id = a.shop_id
               where s.code = %s and a.complete""",
            (shop_code,),
        ).fetchone()
    done = row[0] if row and row[0] else last - timedelta(days=1)
    missed = min((last - done).days, MOST_DAYS)
    return [last - timedelta(days=ago) for ago in range(max(missed, 1) - 1, -1, -1)]


def shops_to_audit() -> list[str]:
    """The active shops whose platform can be asked."""
    asked = [name for name, kind in CHANNELS.items() if kind.capabilities.pulls]
    with transaction() as conn:
        rows = conn.execute("select code from shop where active and channel = any(%s) order by code", (asked,))
        return [row[0] for row in rows.fetchall()]


def audit_day(shop_code: str, day: date, why: Cause) -> AuditCount:
    """Compare one shop's day, read what is missing into a batch, and keep the result.

    Safe to repeat: what was read is not missing any more, and batches of this run that are not through yet are
    given again. Raises SetupError for a day that is not over, or a shop that cannot be asked.
    """
    start, end = day_in_china(day)
    with transaction() as conn:
        shop = find_shop(conn, shop_code)
        channel = open_channel(conn, shop_code)
        mapping = shop_mapping(conn, shop_code)
        version = mapping_version_id(conn, mapping)
    if not channel.capabilities.pulls:
        raise SetupError(f"shop {shop_code}: its orders come from files; there is no platform to compare with")
    if end > why.at - channel.capabilities.lag:
        raise SetupError(f"shop {shop_code}: {day} is not over; an audit looks at whole days in China's time")
    listed, missing = _compare(channel, shop.id, start, end)
    # kept before anything is read: an attempt that is cut off must not make what it read look never missing
    with transaction() as conn:
        audit_id, missing = _keep(conn, shop.id, day, listed, missing, why)
    reader = Reader(shop, mapping, version, BatchOrigin.AUDIT, None, why)
    found = 0
    for first in range(0, len(missing), READ_AT_ONCE):
        payloads = [channel.order(external_id) for external_id in missing[first : first + READ_AT_ONCE]]
        there = [payload for payload in payloads if payload is not None]
        found += len(there)
        reader.take(there)
    reader.finish()
    with transaction() as conn:
        conn.execute("update ingest_audit set found = %s, complete = true where id = %s", (found, audit_id))
        raise_alerts(conn, AlertRule.INGEST_MISSING, missing_days, why.at, why.flow_run_id)
        batches = _batches_of(conn, shop.id, why)
    return AuditCount(str(day), listed, tuple(missing), found, batches)


def _compare(channel: Channel, shop_id: int, start: datetime, end: datetime) -> tuple[int, list[str]]:
    listed: set[str] = set()
    missing: dict[str, None] = {}
    for page in channel.created_ids(start, end):
        fresh = [external_id for external_id in dict.fromkeys(page) if external_id not in listed]
        listed.update(fresh)
        with transaction() as conn:
            missing.update(dict.fromkeys(_unknown(conn, shop_id, fresh)))
    return len(listed), list(missing)


def _unknown(conn: Connection, shop_id: int, external_ids: list[str]) -> Iterator[str]:
    rows = conn.execute(
        """select asked.id from unnest(%(ids)s::text[]) with ordinality asked(id, place)
           where not exists (select 1 from orders o where o.shop_id = %(shop)s and o.external_id = asked.id)
             and not exists (select 1 from quarantined_order q
                             where q.shop_id = %(shop)s and q.external_id = asked.id and q.released_at is null)
           order by place""",
        {"ids": external_ids, "shop": shop_id},
    )
    return (row[0] for row in rows.fetchall())


def _keep(
    conn: Connection, shop_id: int, day: date, listed: int, missing: list[str], why: Cause
) -> tuple[int, list[str]]:
    """Write the result, with what an attempt of this run that was cut off had found missing before."""
    before = conn.execute(
        """select id, missing from ingest_audit
           where shop_id = %s and day = %s and flow_run_id = %s and not complete for update""",
        (shop_id, day, why.flow_run_id),
    ).fetchone()
    if before is None:
        row = conn.execute(
            """insert into ingest_audit (shop_id, day, listed, missing, found, complete, flow_run_id, at)
               values (%s, %s, %s, %s, 0, false, %s, %s) returning id""",
            (shop_id, day, listed, Jsonb(missing), why.flow_run_id, why.at),
        )
        return int(one(row.fetchone())), missing
    every = list(dict.fromkeys([*before[1], *missing]))
    conn.execute("update ingest_audit set listed = %s, missing = %s where id = %s", (listed, Jsonb(every), before[0]))
    return before[0], every


def missing_days(conn: Connection, now: datetime) -> dict[str, str]:
    """The days whose last audit found orders missing, as subjects of alerts with their sentences."""
    rows = conn.execute(
        """select distinct on (s.code, a.day) s.code, a.day, jsonb_array_length(a.missing), a.listed, a.found,
                  a.missing ->> 0
           from ingest_audit a join shop s on s.id = a.shop_id
           where a.at > %s order by s.code, a.day, a.id desc""",
        (now - REMEMBERED,),
    ).fetchall()
    return {
        f"shop:{code}:{day}": (
            f"{code}: {missing} of {listed} orders of {day} were not in the pool, such as {example}; "
            f"{found} of them are read now"
        )
        for code, day, missing, listed, found, example in rows
        if missing
    }


def _batches_of(conn: Connection, shop_id: int, why: Cause) -> tuple[int, ...]:
    rows = conn.execute(
        """select id from batch where shop_id = %s and origin = 'audit' and state = 'open' and flow_run_id = %s
           order by id""",
        (shop_id, str(why.flow_run_id)),
    ).fetchall()
    return tuple(row[0] for row in rows)


@task(
    cache_policy=NO_CACHE,  # a Retry compares again: what was read meanwhile is not missing any more
    task_run_name="audit · {shop} · {day}",
    tags=["stage:ingest"],
    retries=2,
    retry_delay_seconds=[5, 20],
    retry_condition_fn=failed_for_now,
)
def audit_orders(shop: str, day: date) -> AuditCount:
    """The comparison of one shop's day."""
    try:
        count = audit_day(shop, day, cause("audit"))
    except Exception as error:  # noqa: BLE001 - a stage says in its own words what stopped it
        why = in_one_line(error)
        failed = failed_by(error, f"audit: {shop} was not compared to the end: {why}", SHOP)
        title = f"Why {shop} was not compared for {day}"
        leave_obstacles("audit", f"{shop}-{day}", [Obstacle(shop, None, why, failed.fault)], title)
        raise failed from None
    leave_table(
        "audit",
        f"{shop}-{day}",
        [{"listed": count.listed, "missing": len(count.missing), "read now": count.found}]
        + [{"missing order": external_id} for external_id in count.missing],
        with_runbook(
            f"Orders {shop} lists for {day} that were not in the pool", [Fault.ORDERS_MISSING] if count.missing else []
        ),
    )
    return count
