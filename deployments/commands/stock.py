"""`orderpool stock`: counts and changes from files, arrivals, and what is locked and not there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import person
from models.errors import SetupError
from models.feeds import Counts

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.stock_feed import FeedCount

stock = typer.Typer(help="What lies in warehouses, from files.", no_args_is_help=True)
app.add_typer(stock, name="stock", rich_help_panel="Setting up")

File = Annotated[
    Path, typer.Argument(help="CSV (UTF-8 or GB18030) or Excel workbook; docs/stock.md names the columns.")
]


@stock.command("import")
def import_stock(
    file: File,
    counts: Annotated[
        Counts,
        typer.Option(
            help="What the numbers are: all that lies there, without what is packed, without all that is kept for "
            "instructions, or units in and out."
        ),
    ] = Counts.PHYSICAL,
    as_of: Annotated[
        str, typer.Option("--as-of", help="The moment the file speaks of, in China time; now by default.")
    ] = "",
) -> None:
    """Take over a report on stock; one as of a moment counts once, and not at all where a later one was taken over."""
    from tasks.stock_files import import_stock as run

    _ensure_database()
    done = run(file, counts, _moment(as_of), person())
    _tell(done)
    _tell_ignored(done.ignored)


@stock.command("expect")
def expect(file: File) -> None:
    """Add or change arrivals that are on their way: warehouse, SKU, reference, units, when."""
    from tasks.arrivals import expect_arrivals

    _ensure_database()
    done = expect_arrivals(file)
    typer.echo(f"arrivals: {done.added} added, {done.changed} changed, {done.same} as they were")
    _tell_ignored(done.ignored)


@stock.command("receive")
def receive(file: File) -> None:
    """Book what came of expected arrivals; a delivery that is told again changes nothing."""
    from tasks.arrivals import receive_arrivals

    _ensure_database()
    done = receive_arrivals(file, person())
    known = f", {done.known} deliveries were known" if done.known else ""
    typer.echo(f"arrivals: {done.units} units came, {done.closed} arrivals closed{known}")
    if done.feed.again:
        typer.echo("this very file was taken over before; tell deliveries apart by a column `delivery`")
    _tell_shortfalls(done.feed)
    _tell_ignored(done.ignored)


@stock.command("shortfalls")
def shortfalls() -> None:
    """List what is locked and not there, and the orders that concerns, the last in the queue first."""
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.shortfalls import open_shortfalls

    _ensure_database()
    with transaction() as conn:
        found = open_shortfalls(conn)
    for one in found:
        since = one.opened_at.astimezone(SHANGHAI)
        typer.echo(f"{one.warehouse} {one.sku}: {one.missing} of {one.locked} locked, since {since:%Y-%m-%d %H:%M}")
        for no, shop, units in one.orders:
            typer.echo(f"  order {no} of {shop}: {units}")
    if not found:
        typer.echo("all that is locked is there")


@stock.command("safety")
def safety(file: File) -> None:
    """Set the units of SKUs in warehouses that are never sold; 0 ends it."""
    from tasks.safety_stock import import_safety

    _ensure_database()
    done = import_safety(file)
    typer.echo(f"safety stock: {done.added} added, {done.changed} changed, {done.same} as they were")
    _tell_ignored(done.ignored)


@stock.command("own-outbound")
def own_outbound(
    warehouse: Annotated[str, typer.Argument(help="The warehouse's code.")],
    reasons: Annotated[list[str] | None, typer.Argument(help="Reasons as its system writes them.")] = None,
) -> None:
    """Say which reasons of a warehouse's stock changes are our own documents leaving; without any, show them."""
    from tasks.stock_reports import own_reasons, set_own_reasons

    _ensure_database()
    if reasons:
        set_own_reasons(warehouse, reasons)
    typer.echo(f"{warehouse}: {', '.join(own_reasons(warehouse))}")


def _moment(written: str) -> "datetime | None":
    from connectors.converters import BadValue
    from tasks.sheets import as_moment

    if not written:
        return None
    try:
        return as_moment(written)
    except BadValue as error:
        raise SetupError(f"--as-of {written!r}: {error.why}; write it as 2026-11-22 18:00") from error


def _tell(done: "FeedCount") -> None:
    if done.again:
        typer.echo("stock: this file was taken over before, as of the same moment; nothing changed")
        return
    late = f", {done.late} late: a newer count has spoken of them" if done.late else ""
    typer.echo(f"stock: {done.opened} opened, {done.changed} corrected, {done.same} agreed{late}")
    _tell_shortfalls(done)


def _tell_shortfalls(done: "FeedCount") -> None:
    if done.gave_back:
        typer.echo(f"{done.gave_back} orders gave back what no warehouse has; they wait for stock or lock it anew")
    for one in done.shortfalls:
        typer.echo(f"short: {one}")


def _tell_ignored(columns: tuple[str, ...]) -> None:
    if columns:
        typer.echo(f"columns that mean nothing here: {', '.join(columns)}")


def _ensure_database() -> None:
    from deployments.databases import ensure_database

    ensure_database()
