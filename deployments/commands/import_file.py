"""`orderpool import`: a file of exported orders into the pool."""

import json
from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app


@app.command("import", rich_help_panel="Orders")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX export.")],
    shop: Annotated[str, typer.Option(help="The shop whose orders these are.")],
    mapping: Annotated[
        Path | None, typer.Option(help="How to read the file; the shop's own mapping without it.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="Where rejected rows go; beside var/ as NAME.rejected.csv without it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Import a file of exported orders; a second import of the same file changes nothing."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from deployments.databases import ensure_database
    from models.settings import settings
    from tasks.import_file import import_file as run

    ensure_database()
    target = rejected or settings().var / "rejected" / f"{file.stem}.rejected.csv"
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} orders"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=as_json) as bar:
        reading = bar.add_task(f"reading {file.name}", total=None)
        count = run(shop, file, mapping, "person:cli", target, lambda done: bar.advance(reading, done))
    if as_json:
        found = {"stored": count.stored, "changed": count.changed, "rejected_file": count.rejected_file}
        typer.echo(json.dumps({**count.groups, **found}, default=str))
        return
    typer.echo(", ".join(f"{name} {number}" for name, number in count.groups.items()))
    typer.echo(f"{count.stored} new, {count.changed} changed in the pool")
    if count.rejected_file:
        typer.echo(f"rejected rows: {count.rejected_file}")
