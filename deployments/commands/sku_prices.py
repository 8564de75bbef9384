"""`orderpool sku prices`: what units usually cost, said by a person."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands.catalog import sku


@sku.command("prices")
def prices(
    file: Annotated[
        Path, typer.Argument(help="CSV (UTF-8 or GB18030) or Excel workbook: code, usual_yuan; 0 ends what was given.")
    ],
) -> None:
    """Set what units of SKUs usually cost; what nobody sets is learnt every day from the orders."""
    from deployments.databases import ensure_database
    from tasks.sku_prices import import_prices

    ensure_database()
    done = import_prices(file)
    typer.echo(
        f"usual prices: {done.added} new, {done.changed} changed, {done.removed} ended, {done.same} as they were"
    )
    if done.ignored:
        typer.echo(f"ignored: {', '.join(done.ignored)}")
