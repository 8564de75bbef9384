"""`orderpool alerts`: what a person should look at."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deployments.commands import app


@app.command(rich_help_panel="Looking inside")
def alerts(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when there is any.")] = False,
) -> None:
    """List the open alerts, oldest first."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.alert_links import links_of
    from tasks.alerts import open_alerts

    ensure_database()
    with transaction() as conn:
        found = open_alerts(conn)
    if as_json:
        rows = [asdict(alert) | {"links": asdict(links_of(alert))} for alert in found]
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
    elif not found:
        typer.echo("no alert is open")
    else:
        typer.echo(f"{'SINCE (China)':<17} {'RULE':<23} WHAT")
        for alert in found:
            since = f"{alert.opened_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
            typer.echo(f"{since:<17} {alert.rule.value:<23} {alert.sentence}")
    if check and found:
        raise typer.Exit(1)
