"""`orderpool queues`: what waits in every queue, and whether it is worked off faster than it grows."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app

if TYPE_CHECKING:
    from tasks.pressure import Queue


@app.command(rich_help_panel="Looking inside")
def queues(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Show every queue with its oldest entry and what came and left a minute; needs the database alone."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import clock
    from tasks.pressure import pressure

    ensure_database()
    now = clock().now()
    with transaction() as conn:
        found = pressure(conn, now)
    if as_json:
        rows = [
            {"name": q.name, **asdict(q), "age_s": q.age_s(now), "grows": q.grows, "drains_in_min": q.drains_in_min}
            for q in found
        ]
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
        return
    for queue in found:
        typer.echo(_line(queue, now))
    if not any(queue.waiting for queue in found):
        typer.echo("nothing waits")


def _line(queue: "Queue", now: datetime) -> str:
    oldest = f", oldest {queue.age_s(now):,.0f} s" if queue.waiting else ""
    told = f"{queue.name}: {queue.waiting:,} wait{oldest}"
    if queue.flow is None:
        return told
    short = f"{queue.flow.arrived_short:,.1f} came and {queue.flow.drained_short:,.1f} left a minute in 5 min"
    long = f"{queue.flow.arrived_long:,.1f} and {queue.flow.drained_long:,.1f} in 60 min"
    return f"{told}; {short}, {long}{_outlook(queue)}"


def _outlook(queue: "Queue") -> str:
    if not queue.waiting:
        return ""
    if queue.grows:
        return "; grows"
    left = queue.drains_in_min
    return "; stands still" if left is None else f"; empty in {max(left, 1):,.0f} min"
