"""Names of flow runs as a person reads them: `process_orders · tmall-1 · 11-11 08:00-08:15`."""

from contextlib import suppress
from datetime import datetime, timedelta

import psycopg
from prefect.runtime import flow_run

from models.database import transaction
from models.errors import SetupError
from models.settings import SHANGHAI, clock
from tasks.windows import in_china

LONGEST_SHOPS = 60
"""Letters that the shops of a backfill may take in its name; of more it says how many they are."""


def process_orders_name() -> str:
    """The shop and the window in China's time: the one this run has, was asked for, or is about to claim."""
    parameters = flow_run.get_parameters()
    shop, since, until = parameters["shop"], parameters.get("since"), parameters.get("until")
    known_since, known_until = _known_window(str(flow_run.get_id()), shop)
    return f"process_orders · {shop} · {_span(since or known_since, until or known_until or clock().now())}"


def _known_window(run: str, shop: str) -> tuple[datetime | None, datetime | None]:
    """The run's own window, or where the next one begins; nothing while the pool cannot be asked: the run says why."""
    with suppress(psycopg.Error, SetupError), transaction() as conn:
        row = conn.execute(
            """select coalesce(w.since, s.watermark), w.until from shop s
               left join ingest_window w on w.shop_id = s.id and w.flow_run_id = %s where s.code = %s
               order by w.id limit 1""",
            (run, shop),
        ).fetchone()
        return row or (None, None)
    return None, None


def _span(start: datetime | str | None, end: datetime | str) -> str:
    last = _china(end)
    if start is None:
        return f"up to {last:%m-%d %H:%M}"
    first = _china(start)
    return (
        f"{first:%m-%d %H:%M}-{last:%H:%M}"
        if first.date() == last.date()
        else f"{first:%m-%d %H:%M} - {last:%m-%d %H:%M}"
    )


def _china(at: datetime | str) -> datetime:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return in_china(moment).astimezone(SHANGHAI)


def audit_name() -> str:
    """The shop, or all of them, and the day looked at: `audit_ingest · all shops · 2026-11-11`."""
    parameters = flow_run.get_parameters()
    day = parameters.get("day") or f"up to {clock().now().astimezone(SHANGHAI).date() - timedelta(days=1)}"
    return f"audit_ingest · {parameters.get('shop') or 'all shops'} · {day}"


def backfill_name() -> str:
    """The shops and the span in China's time: `backfill · all · 11-11 00:00 - 11-12 00:00`."""
    parameters = flow_run.get_parameters()
    shops = str(parameters.get("shop") or "all")
    told = shops if len(shops) <= LONGEST_SHOPS else f"{shops.count(',') + 1} shops"
    return f"backfill · {told} · {_span(parameters['since'], parameters['until'])}"


def minute_name(flow: str) -> str:
    """The name of a run that has no parameters: `track_parcels · 11-11 08:00`."""
    return f"{flow} · {clock().now().astimezone(SHANGHAI):%m-%d %H:%M:%S}"
