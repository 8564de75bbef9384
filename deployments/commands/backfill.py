"""`orderpool backfill`: read a past span of shops again, and see how far that is."""

import json
import os
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from models.errors import SetupError

if TYPE_CHECKING:
    from tasks.backfill_progress import Listed

backfill = typer.Typer(
    help="Read the orders of a past span, window by window, behind live runs.", invoke_without_command=True
)
app.add_typer(backfill, name="backfill", rich_help_panel="Orders")

_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_Machines = Annotated[bool, typer.Option("--json", help="For machines.")]


@backfill.callback()
def begin(
    context: typer.Context,
    shop: Annotated[str, typer.Option(help="A shop's code, several with commas between, or `all`.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, help="What changed on the platform from then on (China's time)."),
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="And before then.")] = None,
    window: Annotated[str, typer.Option(help="How long each window is: 15m, 1h, 1d.")] = "15m",
    concurrency: Annotated[int, typer.Option(help="How many windows are read at once.")] = 2,
    again: Annotated[str, typer.Option(help="A note that makes it another backfill than one of the same span.")] = "",
    wait_for_it: Annotated[
        bool, typer.Option("--wait", help="Stay until it is over; exit code 1 if it fails.")
    ] = False,
) -> None:
    """Read the orders of a past span, window by window, behind live runs.

    The same command again finds the same backfill: it says how that stands, and lets it go on where it stopped.
    """
    if context.invoked_subcommand:
        return
    missing = [name for name, value in (("--shop", shop), ("--since", since), ("--until", until)) if not value]
    if since is None or until is None or missing:
        raise SetupError(f"backfill: want {', '.join(missing)}; or one of `list` and `show`")
    from deployments.databases import ensure_database
    from deployments.person import by_hand
    from models.rules.backfill_windows import window_minutes
    from tasks.backfill import checked_wish

    ensure_database()
    wish = checked_wish(shop, since, until, window_minutes(window), concurrency, again)
    from deployments.prefect_settings import environment

    os.environ.update(environment())
    # imported with Prefect's settings in the environment
    from deployments import backfill_start, prefect_setup

    with prefect_setup.client() as prefect:
        found = backfill_start.start(prefect, wish, by_hand(), typer.echo)
    if wait_for_it and not found.ended_at:
        backfill_start.wait(found.id, typer.echo)


@backfill.command("list")
def list_all(as_json: _Machines = False) -> None:
    """List the newest backfills and how they stand; needs the database alone."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.backfill_progress import list_backfills

    ensure_database()
    with transaction() as conn:
        found = list_backfills(conn)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo("nobody has asked for a backfill; `orderpool backfill --shop all --since ... --until ...` does")
    for one in found:
        typer.echo(_line(one))


@backfill.command("show")
def show(
    number: Annotated[int, typer.Argument(help="The backfill's number, as `list` shows it.")],
    as_json: _Machines = False,
) -> None:
    """Show how far each shop is and which windows did not finish, and why; needs the database alone."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.backfill import read_backfill
    from tasks.backfill_progress import list_backfills, problems_of, progress_of

    ensure_database()
    read_backfill(number)
    with transaction() as conn:
        (found,) = list_backfills(conn, number)
        parts, problems = progress_of(conn, number), problems_of(conn, number)
    if as_json:
        told = {**asdict(found), "by_shop": list(map(asdict, parts)), "not_finished": list(map(asdict, problems))}
        typer.echo(json.dumps(told, default=str, ensure_ascii=False, indent=2))
        return
    typer.echo(_line(found))
    for part in parts:
        typer.echo(f"  {part.shop}: {part}; {part.read:,} windows read, {part.open_batches:,} batches not through")
    for problem in problems:
        typer.echo(f"  not finished: {problem.shop} {problem.since.astimezone(SHANGHAI):%m-%d %H:%M}: {problem.why}")


def _line(one: "Listed") -> str:
    from models.settings import SHANGHAI

    since, until, asked = (at.astimezone(SHANGHAI) for at in (one.since, one.until, one.asked_at))
    return (
        f"{one.id}: {', '.join(one.shops)}, {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} in windows of "
        f"{one.window_minutes} min, asked by {one.asked_by} on {asked:%m-%d %H:%M}: {one.standing}"
    )
