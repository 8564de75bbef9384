"""`orderpool psql` and `orderpool prefect`: the programs themselves, pointed at this installation."""

import os
import sys
from typing import Any

import typer

from deployments.commands import app

AS_GIVEN = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command(context_settings=AS_GIVEN, rich_help_panel="Looking inside")
def psql(context: typer.Context) -> None:
    """Open the order pool in PostgreSQL's own shell; takes everything psql takes."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from deployments.databases import ensure_database
    from deployments.embedded_postgres import PSQL
    from models.settings import settings

    ensure_database()
    place: dict[str, Any] = conninfo_to_dict(settings().pool_url())
    # Everyone on a machine can read the arguments of a process, but not its environment.
    password = {"PGPASSWORD": str(place.pop("password"))} if "password" in place else {}
    os.execve(PSQL, [str(PSQL), "--dbname", make_conninfo(**place), *context.args], {**os.environ, **password})


@app.command(context_settings=AS_GIVEN, rich_help_panel="Looking inside")
def prefect(context: typer.Context) -> None:
    """Run Prefect's own command against our server; takes everything it takes."""
    from deployments.prefect_settings import environment
    from models.settings import settings

    settings().address("prefect_api_url")
    os.execve(sys.executable, [sys.executable, "-m", "prefect", *context.args], {**os.environ, **environment()})
