"""`orderpool psql` and `orderpool prefect`: the programs themselves, pointed at this installation."""

import os
import sys

import typer

from deployments.commands import app

AS_GIVEN = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command(context_settings=AS_GIVEN, rich_help_panel="Looking inside")
def psql(context: typer.Context) -> None:
    """Open the order pool in PostgreSQL's own shell; takes everything psql takes."""
    from deployments.databases import ensure_database
    from deployments.embedded_postgres import PSQL
    from models.settings import settings

    ensure_database()
    os.execv(PSQL, [str(PSQL), "--dbname", settings().pool_url(), *context.args])


@app.command(context_settings=AS_GIVEN, rich_help_panel="Looking inside")
def prefect(context: typer.Context) -> None:
    """Run Prefect's own command against our server; takes everything it takes."""
    from deployments.prefect_settings import environment

    os.execve(sys.executable, [sys.executable, "-m", "prefect", *context.args], {**os.environ, **environment()})
