"""`orderpool waybill`: accounts for e-waybills of own warehouses, those that are missing, and labels."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app
from deployments.commands.floor import floor
from deployments.commands.shop import Given, GivenFile, read_credentials
from deployments.person import by_hand
from models.errors import SetupError

waybill = typer.Typer(help="E-waybills of own warehouses.", no_args_is_help=True)
app.add_typer(waybill, name="waybill", rich_help_panel="Orders")

Warehouse = Annotated[str, typer.Argument(help="The warehouse's code.")]
Carrier = Annotated[str, typer.Argument(help="Kuaidi100's code of the carrier, such as yuantong.")]
Channel = Annotated[str, typer.Option(help="For orders of this channel, whose platform authorises their waybills.")]
Document = Annotated[str, typer.Argument(metavar="DOCUMENT", help="The outbound document, OB...")]
Package = Annotated[int, typer.Option(min=1, help="Which package of it.")]


@waybill.command("account")
def account(
    warehouse: Warehouse,
    carrier: Carrier,
    channel: Channel = "",
    credential: Given = None,
    credentials_file: GivenFile = None,
) -> None:
    """Store a carrier's account; from then on documents of that carrier get e-waybills. docs/e-waybills.md: fields."""
    from deployments.databases import ensure_database
    from tasks.waybill_accounts import set_account

    ensure_database()
    given = read_credentials(credential, credentials_file)
    if not given:
        raise SetupError(f"account {carrier}: give --credential NAME=VALUE or --credentials-file")
    set_account(warehouse, carrier, given, by_hand(), channel)
    typer.echo(f"warehouse {warehouse}: account {carrier}{f'@{channel}' if channel else ''} stored")


@waybill.command("accounts")
def accounts(warehouse: Warehouse) -> None:
    """Show a warehouse's accounts; what opens them is hidden."""
    from deployments.databases import ensure_database
    from tasks.waybill_accounts import list_accounts

    ensure_database()
    for row in list_accounts(warehouse):
        typer.echo(f"{row.name}: {', '.join(f'{name}={value}' for name, value in row.values)}")


@waybill.command("end-account")
def end_account(warehouse: Warehouse, carrier: Carrier, channel: Channel = "") -> None:
    """Take an account out: no more e-waybills by it."""
    from deployments.databases import ensure_database
    from tasks.waybill_accounts import drop_account

    ensure_database()
    drop_account(warehouse, carrier, by_hand(), channel)
    typer.echo(f"warehouse {warehouse}: account {carrier}{f'@{channel}' if channel else ''} taken out")


@waybill.command("missing")
def missing() -> None:
    """Show the e-waybills that have not come, or could not be given back, and why."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI, clock
    from tasks.waybill_desk import missing_waybills

    ensure_database()
    with transaction() as conn:
        rows = missing_waybills(conn, clock().now())
    for row in rows:
        since = f"since {row.since.astimezone(SHANGHAI):%m-%d %H:%M}"
        wish = "to be given back, " if row.to_give_back else ""
        stands = f"{wish}{'refused' if row.refused else 'waits'}: {row.obstacle or 'not asked for yet'}"
        typer.echo(
            f"{row.warehouse_code}  {row.document_no} package {row.package_no}  {row.carrier}, {since}  {stands}"
        )
    typer.echo(f"{len(rows)} e-waybills are missing, or wait to be given back")


@waybill.command("again")
def again(
    document: Document,
    package: Package = 1,
    anew: Annotated[
        bool, typer.Option("--anew", help="Under a new number: you have seen that none was made under the former.")
    ] = False,
) -> None:
    """Ask for an e-waybill again that was refused or has not come, or give back one where that was refused."""
    from deployments.databases import ensure_database
    from tasks.waybill_desk import ask_again

    ensure_database()
    ask_again(document, by_hand(), package, anew=anew)
    typer.echo(f"document {document}: the service is asked again within a minute")


@waybill.command("another")
def another(document: Document) -> None:
    """Ask for an e-waybill for one more package of a document."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.waybills import want_another

    ensure_database()
    with transaction() as conn:
        package_no = want_another(conn, document, by_hand())
    typer.echo(f"document {document}: an e-waybill for its package {package_no} is asked for within a minute")


@waybill.command("enter")
def enter(
    document: Document,
    number: Annotated[str, typer.Argument(help="The number that was found at the service.")],
    package: Package = 1,
    service_no: Annotated[
        str, typer.Option(help="The carrier's own number of the order (kdComOrderNum), which some want with a cancel.")
    ] = "",
) -> None:
    """Write in the number of an e-waybill that was made, though its answer never came."""
    from deployments.databases import ensure_database
    from tasks.waybill_desk import enter_number

    ensure_database()
    enter_number(document, number, by_hand(), package, service_no)
    typer.echo(f"document {document}: its e-waybill is {number.strip().upper()}")


@floor.command("label")
def label(
    document: Document,
    to: Annotated[Path, typer.Option(help="The file to write the label to; it must not be there yet.")],
    package: Package = 1,
) -> None:
    """Save the label of a document's e-waybill. It shows the receiver, so the look is in the order's story."""
    from deployments.databases import ensure_database
    from tasks.waybill_labels import label_of

    ensure_database()
    if to.exists():
        raise SetupError(f"{to}: is there already")
    found = label_of(document, by_hand(), package)
    if found is None:
        typer.echo(f"document {document}: the service's printer prints its label again")
        return
    to.touch(mode=0o600, exist_ok=False)
    to.write_bytes(found.content)
    typer.echo(f"{to}: the label of {document}, {found.media_type}")
