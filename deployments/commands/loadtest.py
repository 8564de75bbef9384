"""`orderpool loadtest`: whether this machine takes a promo day."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app


@app.command(rich_help_panel="Running")
def loadtest(
    times: Annotated[float, typer.Option(help="How many usual days come in one.", min=0.001)] = 10,
    minutes: Annotated[float, typer.Option(help="Into how many minutes the day is pressed.", min=0.2)] = 30,
    a_day: Annotated[int, typer.Option(help="Orders of a usual day.", min=1)] = 18_000,
    shape: Annotated[
        str, typer.Option(help="CSV with orders by hour of day; usual: the one that comes with us.")
    ] = "usual",
    profile: Annotated[str, typer.Option(help="Promo profile in force meanwhile.")] = "big",
    p99: Annotated[float, typer.Option(help="Seconds that 99 % of the orders may take to their warehouse.")] = 60,
) -> None:
    """Send a promo day's orders through an installation of its own and say whether it holds.

    Everything is simulated on this machine, in var/loadtest; the real pool is not touched. Exit code 0 only if nothing
    is lost or doubled, every fact ties out, and the orders came to their warehouses in time.
    """
    from deployments.loadtest import Load, run_load
    from deployments.loadtest_shape import USUAL, read_shape
    from deployments.loadtest_verdict import verdict
    from deployments.processes import end_as_by_ctrl_c
    from models.settings import settings

    end_as_by_ctrl_c()
    hours = read_shape(USUAL if shape == "usual" else Path(shape))
    load = Load(round(times * a_day), round(minutes * 60), hours)
    outcome = run_load(settings().var / "loadtest", load, profile, lambda line: typer.echo(line, err=True))
    for line in verdict(outcome, p99):
        typer.echo(line)
    if outcome.obstacles(p99):
        raise typer.Exit(1)
