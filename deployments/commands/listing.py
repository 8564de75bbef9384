"""`orderpool listing`: which product of a shop sells which SKU, and what it shows."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app

listing = typer.Typer(help="Which product of a shop sells which SKU, and what it shows.", no_args_is_help=True)
app.add_typer(listing, name="listing", rich_help_panel="Setting up")

SHOWN_CODES = 10


@listing.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with shop, item_id, sku_ref, sku; docs/stock-push.md explains.")],
) -> None:
    """Add or change the listings of a file; others stay."""
    from deployments.databases import ensure_database
    from tasks.listings import import_listings

    ensure_database()
    done = import_listings(file)
    typer.echo(f"listings: {done.added} added, {done.changed} changed, {done.same} as they were")
    if done.ignored:
        typer.echo(f"columns that mean nothing here: {', '.join(done.ignored)}")


@listing.command()
def sync(shop: Annotated[str, typer.Argument(help="The shop's code.")]) -> None:
    """Take over what the shop's platform says it offers."""
    from deployments.databases import ensure_database
    from tasks.listings import sync_listings

    ensure_database()
    done = sync_listings(shop)
    typer.echo(f"{shop}: {done.added} added, {done.changed} changed, {done.ended} ended, {done.same} as they were")
    if done.without_code:
        typer.echo(f"{done.without_code} of its listings have no merchant code; they stay as they are")
    if done.unknown:
        more = f" and {len(done.unknown) - SHOWN_CODES} more" if len(done.unknown) > SHOWN_CODES else ""
        typer.echo(f"codes that are no SKU here: {', '.join(done.unknown[:SHOWN_CODES])}{more}")


@listing.command("list")
def list_(shop: Annotated[str | None, typer.Argument(help="The shop's code; none: all shops.")] = None) -> None:
    """Show every listing: its SKU, what it shows since when, what it waits to show, and why it does not."""
    from deployments.databases import ensure_database
    from models.settings import SHANGHAI
    from tasks.listings import list_listings

    ensure_database()
    for row in list_listings(shop):
        since = f" since {row.shown_at.astimezone(SHANGHAI):%m-%d %H:%M}" if row.shown_at else ""
        shows = f"shows {row.shown}{since}" if row.shown is not None else "was never told"
        waits = f", is to show {row.to_show}" if row.to_show is not None else ""
        why = f": {row.obstacle}" if row.obstacle else ""
        ended = "" if row.active else " (ended)"
        typer.echo(f"{row.shop}  {row.sku}  {row.item_id}/{row.sku_ref or '-'}{ended}  {shows}{waits}{why}")
