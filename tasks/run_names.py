"""Names of flow runs as a person reads them: `process_orders · tmall-1 · 11-11 08:00-08:15`."""

from datetime import datetime, timedelta

from prefect.runtime import flow_run

from models.database import transaction
from models.settings import SHANGHAI, clock


def process_orders_name() -> str:
    """The shop and the window in China's time: the one this run has, was asked for, or is about to claim."""
    parameters = flow_run.get_parameters()
    shop, since, until = parameters["shop"], parameters.get("since"), parameters.get("until")
    with transaction() as conn:
        row = conn.execute(
            """select coalesce(w.since, s.watermark), w.until from shop s
               left join ingest_window w on w.shop_id = s.id and w.flow_run_id = %s where s.code = %s
               order by w.id limit 1""",
            (flow_run.get_id(), shop),
        ).fetchone()
    start = since or (row[0] if row else None)
    end = until or (row[1] if row and row[1] else clock().now())
    return f"process_orders · {shop} · {_span(start, end)}"


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
    return moment.astimezone(SHANGHAI)


def audit_name() -> str:
    """The shop, or all of them, and the day looked at: `audit_ingest · all shops · 2026-11-11`."""
    parameters = flow_run.get_parameters()
    day = parameters.get("day") or f"up to {clock().now().astimezone(SHANGHAI).date() - timedelta(days=1)}"
    return f"audit_ingest · {parameters.get('shop') or 'all shops'} · {day}"


def minute_name(flow: str) -> str:
    """The name of a run that has no parameters: `track_parcels · 11-11 08:00`."""
    return f"{flow} · {clock().now().astimezone(SHANGHAI):%m-%d %H:%M:%S}"
