"""`orderpool backup`, `restore` and `confirm-restore`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app

PANEL = "Backup"


@app.command(rich_help_panel=PANEL)
def backup(file: Annotated[Path, typer.Argument(help="A new file for the copy.")]) -> None:
    """Write a copy of the pool, as it is at this moment, to a file; everything keeps running."""
    from deployments.backup import back_up
    from deployments.person import by_hand

    back_up(file, by_hand(), typer.echo)


@app.command(rich_help_panel=PANEL)
def restore(
    file: Annotated[Path | None, typer.Argument(help="A copy that `orderpool backup` wrote.")] = None,
    recovered_to: Annotated[
        str, typer.Option(help="Instead of a file: the time to which PostgreSQL itself brought this pool back.")
    ] = "",
) -> None:
    """Bring a copy back into an empty pool; orders that warehouses may know already wait until it is confirmed."""
    from deployments.backup import mark_recovered
    from deployments.backup import restore as bring_back
    from deployments.person import by_hand
    from models.errors import SetupError

    if (file is None) == (not recovered_to):
        raise SetupError("restore: name a file, or with --recovered-to the time that PostgreSQL recovered to")
    if file:
        bring_back(file, by_hand(), typer.echo)
    else:
        mark_recovered(_moment(recovered_to), by_hand())
    typer.echo("Orders paid before now wait at dispatch until `orderpool confirm-restore`; docs/backup.md says how.")


def _moment(text: str) -> datetime:
    from models.errors import SetupError
    from models.settings import SHANGHAI

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SetupError(f"--recovered-to {text}: not a time; write it as 2026-11-11T20:00, in China's time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


@app.command("confirm-restore", rich_help_panel=PANEL)
def confirm_restore(
    instructed: Annotated[
        Path | None,
        typer.Option(
            help="Order numbers that warehouses have from after the copy: one in a line, or a CSV's order_no."
        ),
    ] = None,
    none_instructed: Annotated[bool, typer.Option("--none-instructed", help="No warehouse has any.")] = False,
) -> None:
    """After a restore and a look into the warehouses: let orders go on, but those that a warehouse has already."""
    from deployments.instructed_list import read_numbers
    from deployments.person import by_hand
    from models.database import in_transaction
    from models.errors import SetupError
    from tasks.restored import confirm_restore as confirm

    if (instructed is None) == (not none_instructed):
        raise SetupError("confirm-restore: name the file of what warehouses have, or say --none-instructed")
    numbers = read_numbers(instructed) if instructed else []
    count = in_transaction(lambda conn: confirm(conn, numbers, by_hand()))
    typer.echo(f"{count.released:,} orders go on; {count.kept:,} stay back, because their warehouses have them.")
