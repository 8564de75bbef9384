"""`orderpool promise`: units that are sold before they are there."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app
from models.settings import SHANGHAI

promise = typer.Typer(help="Backorders and presales: what may be sold before it is there.", no_args_is_help=True)
app.add_typer(promise, name="promise", rich_help_panel="Setting up")

_HEAD = ("SKU", "kind", "limit", "promised", "room", "available", "closes", "waiting", "overdue", "kept", "late")


@promise.command("set")
def set_pools(
    file: Annotated[
        Path, typer.Argument(help="Columns sku, kind (backorder or presale), limit, available_at, closes_at.")
    ],
) -> None:
    """Set how many units of each SKU of a file may be promised; other SKUs stay.

    A closes_at that is over ends it; orders that wait go on waiting.
    """
    from tasks.promise_pools import set_promise_pools

    _ensure_database()
    done = set_promise_pools(file)
    typer.echo(f"promises: {done.added} SKUs added, {done.changed} changed, {done.same} as they were")
    if done.ignored:
        typer.echo(f"columns that mean nothing here: {', '.join(done.ignored)}")


@promise.command("list")
def list_pools() -> None:
    """Show every SKU that is promised: the room left, the orders that wait, and how promises were kept."""
    from tasks.promise_pools import list_promise_pools

    _ensure_database()
    rows = [
        (
            row.sku,
            row.terms.kind.value,
            f"{row.terms.limit:,}",
            f"{row.terms.promised:,}",
            f"{row.room:,}",
            _day(row.terms.available_at),
            _day(row.terms.closes_at),
            f"{row.waiting:,}",
            f"{row.overdue:,}",
            f"{row.kept:,}",
            f"{row.late:,}",
        )
        for row in list_promise_pools()
    ]
    if not rows:
        typer.echo("nothing is sold before it is there; `orderpool promise set FILE` allows it")
        return
    widths = [max(len(cell) for cell in cells) for cells in zip(_HEAD, *rows, strict=True)]
    for row in (_HEAD, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else "-"


def _ensure_database() -> None:
    from deployments.databases import ensure_database

    ensure_database()
