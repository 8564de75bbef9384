"""`orderpool parcel renumber`: correct the number under which a parcel travels."""

from typing import Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand

parcel = typer.Typer(help="Single parcels.", no_args_is_help=True)
app.add_typer(parcel, name="parcel", rich_help_panel="Orders")


@parcel.command("wanted-back")
def wanted_back() -> None:
    """List the parcels that are wanted back, with what somebody needs who phones their carriers."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.intercepts import open_intercepts

    ensure_database()
    with transaction() as conn:
        found = open_intercepts(conn)
    for each in found:
        since = f"{each.wanted_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        mark = "!" if each.for_people else " "
        said = f"; {each.answer}" if each.answer else ""
        typer.echo(
            f"{mark} {each.carrier} {each.waybill}  {each.state}, {each.stage}, since {since}  orders "
            f"{', '.join(each.orders)} of {each.document} from {each.warehouse}: {each.reason}{said}"
        )
    if not found:
        typer.echo("no parcel is wanted back")


@parcel.command("carrier-says")
def carrier_says(
    waybill: Annotated[str, typer.Argument(help="The parcel's number.")],
    agreed: Annotated[bool, typer.Option("--yes/--no", help="Whether the carrier brings it back.")],
    answer: Annotated[str, typer.Option(help="What the carrier said.")],
) -> None:
    """Note what a carrier told you on the phone about a parcel that is wanted back."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.desk_intercepts import note_by_hand

    ensure_database()
    with transaction() as conn:
        note_by_hand(conn, waybill.strip(), agreed=agreed, answer=answer, why=by_hand())
    typer.echo(f"parcel {waybill.strip()}: noted")


@parcel.command()
def renumber(
    waybill: Annotated[str, typer.Argument(help="The number it has in the pool.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The number on its label.")],
    carrier: Annotated[str, typer.Option(help="Its carrier, if that was wrong: Kuaidi100's code.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the order's story.")] = "",
    track_only: Annotated[
        bool, typer.Option("--track-only", help="Follow it under the right number; the shop keeps the one it has.")
    ] = False,
    heard_of_another: Annotated[
        bool,
        typer.Option("--heard-of-another", help="It was not delivered or returned: that was another's, by its number."),
    ] = False,
) -> None:
    """Give a parcel its right number: it is followed under it, and its shop is told as far as its channel allows."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.parcel_numbers import Correction, renumber_parcel

    ensure_database()
    wish = Correction(waybill.strip(), new.strip(), carrier.strip(), reason.strip(), track_only, heard_of_another)
    with transaction() as conn:
        done = renumber_parcel(conn, wish, by_hand())
    now = f"{done.carrier} {done.waybill}"
    said = f"is {now} now and followed as such" if done.changed else f"is {now} already"
    typer.echo(f"parcel {wish.waybill} of {done.document_no}: {said}; {done.shop}")
