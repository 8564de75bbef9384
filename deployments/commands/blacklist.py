"""`orderpool blacklist`: phones, addresses and buyers whose orders a person looks at first."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import SetupError

if TYPE_CHECKING:
    from tasks.blacklist import Entry

blacklist = typer.Typer(help="Whose orders a person looks at first.", no_args_is_help=True)
app.add_typer(blacklist, name="blacklist", rich_help_panel="Orders")

Phone = Annotated[str, typer.Option(help="A phone, in every shop.")]
Address = Annotated[str, typer.Option(help="An address in one line, from the province to the flat.")]
Buyer = Annotated[str, typer.Option(help="The platform's id of a buyer; with --shop.")]
Shop = Annotated[str, typer.Option(help="The shop of --buyer.")]


@blacklist.command("add")
def add(
    reason: Annotated[str, typer.Option(help="Why, for whoever decides about the orders.")],
    phone: Phone = "",
    address: Address = "",
    buyer: Buyer = "",
    shop: Shop = "",
) -> None:
    """Put a phone, an address or a buyer on the blacklist; orders reviewed from then on are held."""
    from deployments.databases import ensure_database
    from models.review import BlacklistKind
    from tasks.blacklist import add_buyer_of, add_entry, person_of

    named = {
        kind: value.strip()
        for kind, value in (
            (BlacklistKind.PHONE, phone),
            (BlacklistKind.ADDRESS, address),
            (BlacklistKind.BUYER, buyer),
        )
        if value.strip()
    }
    if len(named) != 1:
        raise SetupError("blacklist: want one of --phone, --address and --buyer")
    ensure_database()
    ((kind, value),) = named.items()
    if kind is BlacklistKind.BUYER:
        entry_id, is_new = add_buyer_of(shop.strip(), value, reason, by_hand())
    else:
        entry_id, is_new = add_entry(person_of(kind, value), reason, by_hand())
    typer.echo(f"blacklist: entry {entry_id}" + ("" if is_new else " was there already"))


@blacklist.command("end")
def end(entry: Annotated[int, typer.Argument(help="The entry's number, as `list` shows it.")]) -> None:
    """Take an entry off the blacklist; orders that it holds wait for a person still."""
    from deployments.databases import ensure_database
    from tasks.blacklist import end_entry

    ensure_database()
    ended = end_entry(entry, by_hand())
    typer.echo(f"blacklist: entry {entry} " + ("ended" if ended else "had ended before"))


@blacklist.command("list")
def list_(
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended as well.")] = False,
    contains: Annotated[str, typer.Option(help="Only those whose mask or reason contains this.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List the newest entries, masked."""
    from deployments.databases import ensure_database
    from tasks.blacklist import PAGE, list_entries

    ensure_database()
    found = list_entries(ended=ended, contains=contains)
    if as_json:
        rows = [{name: getattr(entry, name) for name in entry.__slots__} for entry in found]
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
        return
    for entry in found:
        typer.echo(_line(entry))
    if len(found) == PAGE:
        typer.echo(f"the newest {PAGE} are shown; look for others with --contains")


@blacklist.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or GB18030) or Excel workbook: kind, value, shop, reason.")],
) -> None:
    """Put everybody on the blacklist whom a file names."""
    from deployments.databases import ensure_database
    from tasks.blacklist import import_entries

    ensure_database()
    done = import_entries(file, by_hand())
    typer.echo(f"blacklist: {done.added} added, {done.same} were there already")
    if done.ignored:
        typer.echo(f"ignored: {', '.join(done.ignored)}")


def _line(entry: "Entry") -> str:
    from models.settings import SHANGHAI

    since = f"{entry.made_at.astimezone(SHANGHAI):%Y-%m-%d}"
    over = f", ended {entry.ended_at.astimezone(SHANGHAI):%Y-%m-%d} by {entry.ended_by}" if entry.ended_at else ""
    return f"{entry.id}  {entry.kind} {entry.shown} since {since} by {entry.made_by}{over}: {entry.reason}"
