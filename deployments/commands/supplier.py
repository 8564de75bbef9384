"""`orderpool supplier`: what those who ship for us report by file."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app

supplier = typer.Typer(help="Suppliers that ship directly.", no_args_is_help=True)
app.add_typer(supplier, name="supplier", rich_help_panel="Orders")


@supplier.command("report")
def report(
    file: Annotated[
        Path, typer.Argument(help="CSV or XLSX: outbound_no, carrier, waybill; docs/suppliers.md has all.")
    ],
    warehouse: Annotated[str, typer.Option(help="The code of the warehouse whose report this is.")],
) -> None:
    """Take in what a supplier says he shipped; the same rows a second time change nothing."""
    from deployments.databases import ensure_database
    from tasks.supplier_reports import report_shipped

    ensure_database()
    done = report_shipped(file, warehouse)
    told = f"{done.stored} reported shipped, {done.known} reported before, {done.unfilled} without a waybill yet"
    typer.echo(f"documents: {told}")
    if done.ignored:
        typer.echo(f"columns that mean nothing here: {', '.join(done.ignored)}")
    if done.problems:
        typer.echo("left out, each with all rows of its document:", err=True)
        for problem in done.problems:
            typer.echo(f"  {problem}", err=True)
        raise typer.Exit(1)
