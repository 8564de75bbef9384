"""`orderpool migrate`, `set-up` and `run`: an installation whose processes are started by something else."""

from typing import Annotated

import typer

from deployments.commands import app

PANEL = "Many machines"


@app.command(rich_help_panel=PANEL)
def migrate() -> None:
    """Make the databases named by the environment where they are missing, and bring their tables to this version."""
    from deployments.databases import migrate_databases

    for said in migrate_databases():
        typer.echo(said)


@app.command("set-up", rich_help_panel=PANEL)
def set_up(
    schedules: Annotated[
        bool | None,
        typer.Option("--schedules/--no-schedules", help="Switch all schedules on or off; as they are without it."),
    ] = None,
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for the Prefect API.")] = 120,
) -> None:
    """Tell a running Prefect of our queues, deployments, schedules and automations; repeat it after each update."""
    import os

    from deployments.prefect_settings import environment

    os.environ.update(environment())
    from deployments.prefect_setup import await_server
    from deployments.prefect_setup import set_up as set_up_prefect

    await_server(wait)
    set_up_prefect(schedules, typer.echo)


@app.command(rich_help_panel=PANEL)
def run(
    process: Annotated[str, typer.Argument(help="prefect-api, prefect-services, worker, live or web.")],
    host: Annotated[str, typer.Option(help="Where prefect-api and web listen.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="4200 for prefect-api, 8080 for web, without it.")] = None,
    name: Annotated[str, typer.Option(help="What a worker is called; after its machine without it.")] = "",
) -> None:
    """Run one process of the installation in the foreground until it is told to end."""
    from deployments.foreground import Place, become

    become(process, Place(host, port, name))
