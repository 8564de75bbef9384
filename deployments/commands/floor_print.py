"""`orderpool floor print`: what a warehouse needs on paper, as PDF."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands.floor import Warehouse, floor
from deployments.person import by_hand

if TYPE_CHECKING:
    from tasks.paper.slips import Slip

printing = typer.Typer(help="Pick lists, packing slips and badges as PDF.", no_args_is_help=True)
floor.add_typer(printing, name="print")

To = Annotated[Path, typer.Option(help="The PDF to write.")]
Wave = Annotated[str, typer.Argument(metavar="WV...", help="The wave's number.")]
Size = Annotated[str, typer.Option(help="The label: 100x150 (mm) or a6.")]


@printing.command("wave")
def wave(no: Wave, to: To) -> None:
    """Print the pick list of a wave on A4: what to fetch, then its documents by slot."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import clock
    from tasks.paper.pick_list import draw_pick_list
    from tasks.paper.waves import wave_pick_list

    ensure_database()
    with transaction() as conn:
        listed = wave_pick_list(conn, no, clock().now())
    _write(to, draw_pick_list(listed))
    typer.echo(f"{to}: {len(listed.picks)} SKUs for {len(listed.documents)} documents of {no}")


@printing.command("slips")
def slips(
    nos: Annotated[list[str], typer.Argument(metavar="WV...|OB...", help="A wave, or outbound documents.")],
    to: To,
    size: Size = "100x150",
) -> None:
    """Print the packing slips of a wave, or of outbound documents, one label each."""
    from deployments.databases import ensure_database
    from models.errors import SetupError
    from tasks.paper.slips import SlipSize, draw_slips

    if size not in list(SlipSize):
        raise SetupError(f"size {size}: slips are {' or '.join(SlipSize)}")
    ensure_database()
    found = _slips(nos)
    _write(to, draw_slips(found, SlipSize(size), "Packing slips"))
    typer.echo(f"{to}: {len(found)} slips")


def _slips(nos: list[str]) -> "list[Slip]":
    from models.database import transaction
    from tasks.paper.documents import document_slips
    from tasks.paper.waves import wave_slips

    with transaction() as conn:
        if len(nos) == 1 and nos[0].startswith("WV"):
            return wave_slips(conn, nos[0], by_hand())
        return document_slips(conn, nos, by_hand())


@printing.command("documents")
def documents(
    to: To,
    nos: Annotated[
        list[str] | None, typer.Argument(metavar="OB...", help="Outbound documents of one warehouse.")
    ] = None,
    undelivered: Annotated[
        str, typer.Option(metavar="WAREHOUSE", help="Instead: all that this warehouse has not got for 10 minutes.")
    ] = "",
) -> None:
    """Print a pick list of outbound documents of any warehouse, for when its own system has not got them."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.paper.documents import print_documents
    from tasks.paper.pick_list import draw_pick_list
    from tasks.paper.undelivered import list_undelivered

    ensure_database()
    why = by_hand()
    with transaction() as conn:
        late = list_undelivered(conn, why.at, undelivered) if undelivered else []
        listed = print_documents(conn, [*(nos or ()), *(no for one in late for no in one.nos)], why)
    _write(to, draw_pick_list(listed))
    typer.echo(f"{to}: {len(listed.picks)} SKUs for {len(listed.documents)} documents")
    left = sum(one.waiting - len(one.nos) for one in late)
    if left:
        typer.echo(f"{left} more wait: print again when these have left")


@printing.command("badge")
def badge(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The pickers' names.")],
    warehouse: Warehouse,
    to: To,
) -> None:
    """Make badges and print them: the only ones of these people that count from now on."""
    from deployments.databases import ensure_database
    from tasks.paper.badges import draw_badges
    from tasks.paper.new_badges import new_badges

    ensure_database()
    _write(to, b"")  # a badge that could not be written down would be lost, and the former one is over
    made = new_badges(warehouse, names, by_hand())
    _write(to, draw_badges(made))
    typer.echo(f"{to}: {len(made)} badges; whoever has the file can sign in with them, so delete it when it is printed")


def _write(to: Path, pdf: bytes) -> None:
    """Write a file; a new one can be read by its owner alone."""
    from models.errors import SetupError

    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pdf)
    except OSError as error:
        raise SetupError(f"{to}: cannot be written: {error.strerror}") from error
