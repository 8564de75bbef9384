"""`orderpool progress-link` and `orderpool sms`: what buyers look their orders up with."""

from typing import Annotated

import typer

from deployments.commands import app
from deployments.commands.shop import Given, GivenFile, ask_for, read_credentials
from deployments.person import by_hand

sms = typer.Typer(help="The service that sends codes to buyers.", no_args_is_help=True)
app.add_typer(sms, name="sms", rich_help_panel="Setting up")


@app.command("progress-link", rich_help_panel="Orders")
def progress_link(
    order_no: Annotated[str, typer.Argument(metavar="NO", help="The number the buyer sees.")],
    shop: Annotated[str, typer.Option(help="The shop of the number, where several shops have it.")] = "",
) -> None:
    """Print a link that shows a buyer where the order is; it ends by itself after 30 days."""
    from deployments.databases import ensure_database
    from tasks.progress_sessions import link_of_number

    ensure_database()
    typer.echo(link_of_number(order_no, shop, by_hand()))


@sms.command("set")
def set_service(credential: Given = None, credentials_file: GivenFile = None) -> None:
    """Store what Alibaba Cloud's SMS service is called with; docs/progress-page.md says where each comes from."""
    from connectors.messages.sms import AliyunSms
    from deployments.databases import ensure_database
    from tasks.progress_sms import known_credentials, set_sms

    ensure_database()
    given = read_credentials(credential, credentials_file)
    missing = tuple(name for name in AliyunSms.needs if name not in given and name not in known_credentials())
    set_sms({**given, **ask_for(missing, "sms")})
    typer.echo("sms: stored; buyers can look up by phone from now on")


@sms.command("status")
def status() -> None:
    """Tell what became of the codes of the last 24 hours."""
    from deployments.databases import ensure_database
    from tasks.progress_sms import codes_of_a_day

    ensure_database()
    rows = codes_of_a_day()
    for state, count, error in rows:
        typer.echo(f"{state}: {count}{f' ({error})' if error else ''}")
    if not rows:
        typer.echo("no code was asked for in the last 24 hours")
