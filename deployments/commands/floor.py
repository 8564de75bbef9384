"""`orderpool floor`: the people, places and waves of warehouses that work with handhelds."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand

floor = typer.Typer(help="Own warehouses that work with handhelds.", no_args_is_help=True)
app.add_typer(floor, name="floor", rich_help_panel="Orders")

Warehouse = Annotated[str, typer.Option(help="The warehouse's code.")]
Name = Annotated[str, typer.Argument(help="The picker's name.")]


@floor.command("badge")
def badge(name: Name, warehouse: Warehouse) -> None:
    """Make somebody's badge, the only one that counts from now on. Its barcode's text is shown this once."""
    from deployments.databases import ensure_database
    from tasks.floor_people import make_badge

    ensure_database()
    typer.echo(f"{name} signs in at {warehouse} with the badge {make_badge(warehouse, name, by_hand())}")


@floor.command("end-badge")
def end_badge(name: Name, warehouse: Warehouse) -> None:
    """Let somebody sign in no more; what is open on handhelds ends."""
    from deployments.databases import ensure_database
    from tasks import floor_people

    ensure_database()
    floor_people.end_badge(warehouse, name, by_hand())
    typer.echo(f"{name} signs in at {warehouse} no more")


@floor.command("pickers")
def pickers() -> None:
    """Show who has a badge."""
    from deployments.databases import ensure_database
    from models.settings import SHANGHAI
    from tasks.floor_people import list_pickers

    ensure_database()
    for row in list_pickers():
        seen = f"last seen {row.seen_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if row.seen_at else "not seen yet"
        typer.echo(f"{row.warehouse:10} {row.name}  {seen if row.active else 'badge ended'}")


@floor.command("places")
def places(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX: sku, place (A-03-2; zone before the first dash).")],
    warehouse: Warehouse,
) -> None:
    """Say where SKUs lie; pick lists go in that order."""
    from deployments.databases import ensure_database
    from tasks.floor_places import import_places

    ensure_database()
    done = import_places(file, warehouse)
    typer.echo(f"places: {done.added} added, {done.changed} changed, {done.same} as they were")
    if done.ignored:
        typer.echo(f"columns that mean nothing here: {', '.join(done.ignored)}")


@floor.command("make-waves")
def make_waves(warehouse: Warehouse) -> None:
    """Put every document that waits into a wave."""
    from deployments.databases import ensure_database
    from tasks import floor_waves

    ensure_database()
    nos = floor_waves.make_waves(warehouse, by_hand())
    typer.echo(f"{len(nos)} waves made{': ' if nos else ''}{', '.join(nos)}")


@floor.command("waves")
def waves(warehouse: Warehouse) -> None:
    """Show the waves that are not all shipped, and what is to be put back."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.floor_people import own_warehouse
    from tasks.floor_views import work_in

    ensure_database()
    with transaction() as conn:
        warehouse_id = own_warehouse(conn, warehouse)
    work = work_in(warehouse_id)
    for wave in work.waves:
        leaves = f"leaves {wave.leaves_at.astimezone(SHANGHAI):%m-%d %H:%M}" if wave.leaves_at else "no last pick-up"
        who = f"{wave.state}{f' by {wave.picker}' if wave.picker else ''}"
        what = f"{wave.kind}{f', zone {wave.zone}' if wave.zone else ''}, {wave.carrier}"
        typer.echo(f"{wave.no}  {what}, {leaves}: {who}, {wave.done} of {wave.documents} documents done")
    for document in work.put_back:
        units = sum(line.astray - line.returned for line in document.lines)
        typer.echo(f"{document.no}  asked back: {units} units are to be put back")
    typer.echo(f"{work.waiting} documents wait for a wave")
