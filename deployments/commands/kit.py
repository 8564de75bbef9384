"""`orderpool kit`: SKUs that are sold as one and lie on the shelves as several."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app

kit = typer.Typer(help="Kits: what they are made of.", no_args_is_help=True)
app.add_typer(kit, name="kit", rich_help_panel="Setting up")


@kit.command("import")
def import_kits(
    file: Annotated[Path, typer.Argument(help="Columns kit, component, quantity; docs/kits.md has the rules.")],
) -> None:
    """Make each kit of a file hold just what the file says; other kits stay."""
    from tasks.kits import import_kits as run

    _ensure_database()
    done = run(file)
    typer.echo(f"kits: {done.added} added, {done.changed} changed, {done.same} as they were")
    if done.ignored:
        typer.echo(f"columns that mean nothing here: {', '.join(done.ignored)}")


@kit.command("list")
def list_kits() -> None:
    """Show every kit with its components and how many could be sold now."""
    from tasks.kits import list_kits as run

    _ensure_database()
    for found in run():
        parts = ", ".join(f"{quantity} {code}" for code, quantity in found.components.items())
        typer.echo(f"{found.code}  {found.sellable} sellable: {parts}")


@kit.command("remove")
def remove_kit(code: Annotated[str, typer.Argument(help="The kit's SKU.")]) -> None:
    """Let a SKU be no kit any more; what orders have locked stays as it is."""
    from tasks.kits import remove_kit as run

    _ensure_database()
    run(code)
    typer.echo(f"kit {code}: removed")


def _ensure_database() -> None:
    from deployments.databases import ensure_database

    ensure_database()
