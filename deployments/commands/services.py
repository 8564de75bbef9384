"""`orderpool up`, `down` and `status`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deployments.commands import app


@app.command(rich_help_panel="Running")
def up(
    only: Annotated[str, typer.Option(help="Parts to start, with commas between; all without it.")] = "",
    schedules: Annotated[
        bool | None,
        typer.Option("--schedules/--no-schedules", help="Switch all schedules on or off; as they are without it."),
    ] = None,
) -> None:
    """Start PostgreSQL, Prefect, the worker, the live process and the web pages, and keep them running."""
    from deployments import addresses, installation

    installation.bring_up([name for name in only.split(",") if name], schedules)
    known = addresses.read()
    for title, name in (("Prefect", "prefect_ui_url"), ("OrderPool", "web_url")):
        if name in known:
            typer.echo(f"{title}: {known[name]}")


@app.command(rich_help_panel="Running")
def down() -> None:
    """Stop everything that `up` started."""
    from deployments import installation

    installation.take_down()


@app.command(rich_help_panel="Running")
def status(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Show which parts run, since when and where, then what waits in the pool and why; with any part down.

    Exit code 0 only if every wanted part runs and the pool answers; how much waits in it does not count.
    """
    from deployments import installation
    from deployments.pool_report import in_json, in_lines, pool_report

    parts, pool = installation.status(), pool_report()
    if as_json:
        told = {"parts": [asdict(part) for part in parts], "pool": in_json(pool)}
        typer.echo(json.dumps(told, default=str, ensure_ascii=False, indent=2))
    else:
        typer.echo(f"{'PART':<11} {'STATE':<11} {'PID':>8}  {'SINCE (UTC)':<20} ADDRESS")
        for part in parts:
            since = f"{part.since:%Y-%m-%d %H:%M:%S}" if part.since else ""
            typer.echo(f"{part.part:<11} {part.state:<11} {part.pid or '':>8}  {since:<20} {part.address}".rstrip())
        typer.echo("\n".join(["", *in_lines(pool)]))
    if pool.found is None or any(part.state not in {"running", "elsewhere"} for part in parts):
        raise typer.Exit(1)
