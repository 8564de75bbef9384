"""`orderpool alerts`: what a person should look at, who looks at it, and who is told of it."""

import json
from dataclasses import asdict
from datetime import time
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.commands.shop import Given, GivenFile, ask_for, read_credentials
from deployments.person import by_hand
from models.errors import SetupError
from models.telling import Language, RecipientKind, Severity

if TYPE_CHECKING:
    from tasks.recipients import Recipient

alerts = typer.Typer(help="What a person should look at, and who is told of it.", invoke_without_command=True)
app.add_typer(alerts, name="alerts", rich_help_panel="Looking inside")
to = typer.Typer(help="Who is told of alerts.", no_args_is_help=True)
alerts.add_typer(to, name="to")

AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Name = Annotated[str, typer.Argument(help="What people call it, such as on-call.")]


@alerts.callback()
def list_open(
    context: typer.Context,
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when there is any.")] = False,
) -> None:
    """List the open alerts, oldest first."""
    if context.invoked_subcommand is not None:
        return
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
        typer.echo(f"{'ID':>6}  {'SINCE (China)':<17} {'RULE':<23} WHAT")
        for alert in found:
            since = f"{alert.opened_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
            seen = f" (seen to by {alert.acknowledged_by.removeprefix('person:')})" if alert.acknowledged_by else ""
            typer.echo(f"{alert.id:>6}  {since:<17} {alert.rule.value:<23} {alert.sentence}{seen}")
    if check and found:
        raise typer.Exit(1)


@alerts.command("ack")
def ack(alert: Annotated[int, typer.Argument(help="The alert's number, as `orderpool alerts` shows it.")]) -> None:
    """Say that you see to an alert: nobody else is called for it. It closes by itself when it is over."""
    from deployments.databases import ensure_database
    from models.database import in_transaction
    from tasks.alerts import acknowledge

    ensure_database()
    is_first = in_transaction(lambda conn: acknowledge(conn, alert, by_hand()))
    typer.echo(f"alert {alert}: " + ("you see to it" if is_first else "somebody sees to it already"))


@to.command("add")
def add(
    name: Name,
    kind: Annotated[RecipientKind, typer.Option(help="How it is reached.")],
    credential: Given = None,
    credentials_file: GivenFile = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="What it takes; may be given again.")] = None,
    rank: Annotated[int, typer.Option(help="The lowest is told; the next when that cannot be told.")] = 1,
    quiet: Annotated[str, typer.Option(help="When only P1 is told, China's time, such as 22:00-08:00.")] = "",
    escalate_after: Annotated[int | None, typer.Option(help="Minutes in which a P1 is to be acknowledged.")] = None,
    escalate_to: Annotated[str | None, typer.Option(help="The recipient that is told otherwise.")] = None,
    language: Annotated[Language, typer.Option(help="What it reads.")] = Language.CHINESE,
) -> None:
    """Add a robot or a mailbox that is told of alerts, or change the one of this name as a whole."""
    from connectors.registry import MESSENGERS
    from deployments.databases import ensure_database
    from models.database import in_transaction
    from tasks.recipients import Recipient, add_recipient

    ensure_database()
    wish = Recipient(
        name,
        kind,
        language,
        tuple(dict.fromkeys(severity or Severity)),
        rank,
        _span(name, quiet) if quiet else None,
        escalate_after,
        escalate_to,
    )
    given = read_credentials(credential, credentials_file)
    lacking = tuple(needed for needed in MESSENGERS[kind.value].needs if not given.get(needed))
    given |= ask_for(lacking, f"{kind} recipient {name}")
    is_new = in_transaction(lambda conn: add_recipient(conn, wish, given, by_hand()))
    typer.echo(f"recipient {name}: {'added' if is_new else 'changed'}; try it: orderpool alerts to test {name}")


def _span(name: str, written: str) -> tuple[time, time]:
    begin, dash, end = written.partition("-")
    try:
        span = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
    except ValueError as error:
        raise SetupError(f"recipient {name}: --quiet {written}: want HH:MM-HH:MM, such as 22:00-08:00") from error
    if not dash or any(one.tzinfo for one in span):
        raise SetupError(f"recipient {name}: --quiet {written}: want HH:MM-HH:MM, such as 22:00-08:00")
    return span


@to.command("list")
def list_recipients(as_json: AsJson = False) -> None:
    """List who is told, in the order in which they stand in for each other."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.recipients import recipients

    ensure_database()
    with transaction() as conn:
        found = recipients(conn)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, ensure_ascii=False, indent=2))
    elif not found:
        typer.echo("nobody is told of alerts: orderpool alerts to add NAME --kind wecom")
    for one in () if as_json else found:
        typer.echo(_line(one))


def _line(one: "Recipient") -> str:
    quiet = f", quiet {one.quiet[0]:%H:%M}-{one.quiet[1]:%H:%M}" if one.quiet else ""
    calls = f", after {one.escalate_after_min} min {one.escalate_to}" if one.escalate_to else ""
    return f"{one.rank:>3}  {one.name:<16} {one.kind.value:<9} {' '.join(one.severities)} {one.language}{quiet}{calls}"


@to.command("remove")
def remove(name: Name) -> None:
    """Tell somebody nothing more; what is on its way goes to whoever stands in."""
    from deployments.databases import ensure_database
    from models.database import in_transaction
    from tasks.recipients import remove_recipient

    ensure_database()
    in_transaction(lambda conn: remove_recipient(conn, name))
    typer.echo(f"recipient {name}: is told nothing more")


@to.command("test")
def test(name: Name) -> None:
    """Send a message now, so that a person sees that it arrives."""
    from deployments.databases import ensure_database
    from models.errors import PipelineError
    from tasks.alert_test import send_test

    ensure_database()
    try:
        send_test(name)
    except PipelineError as error:
        typer.echo(f"recipient {name}: was not told: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"recipient {name}: took the message; look whether it is there")
