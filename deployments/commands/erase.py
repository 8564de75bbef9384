"""`orderpool erase ...` and `orderpool access-log`: people's rights, retention, and whose data was seen."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import SetupError

PANEL = "Personal data"

erase = typer.Typer(help="Personal data: requests, what goes by itself, what must stay.", no_args_is_help=True)
app.add_typer(erase, name="erase", rich_help_panel=PANEL)

Phone = Annotated[str, typer.Option("--phone", help="All orders of this phone.")]
Orders = Annotated[list[str] | None, typer.Option("--order", metavar="NO", help="Orders of these numbers.")]
Shop = Annotated[str, typer.Option(help="The shop of the numbers, where several shops have them.")]
Reason = Annotated[str, typer.Option(help="Why; without anybody's name or number.")]
JSON = Annotated[bool, typer.Option("--json", help="For machines.")]


@erase.command()
def request(
    reason: Reason,
    phone: Phone = "",
    order: Orders = None,
    shop: Shop = "",
    verified: Annotated[str, typer.Option(help="How it was made sure that the person is who they say they are.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only what would happen is shown.")] = False,
) -> None:
    """Erase what is known about a person who asks for it: shows what goes and what stays, and with --yes does it."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.erasure_journal import write_journal
    from tasks.erasure_requests import STAYS, orders_of_person, request_erasure, what_goes

    ensure_database()
    why = by_hand()
    with transaction() as conn:
        ids = orders_of_person(conn, phone=phone, order_nos=order or [], shop=shop)
        for asked in what_goes(conn, ids, why.at):
            fate = "erased already" if asked.erased else f"waits: {asked.kept}" if asked.kept else "goes at once"
            typer.echo(f"{asked.shop} {asked.order_no}: {fate}")
        for line in STAYS:
            typer.echo(f"stays: {line}")
        if not yes:
            typer.echo("Nothing is erased yet; say --verified HOW --yes to do it.")
            return
        done = request_erasure(conn, ids, reason, verified, why)
    write_journal()
    typer.echo(f"request {done.id}: {done.erased} receivers erased, {len(done.waiting)} wait and are shown to nobody")
    if done.waiting:
        typer.echo(f"to be done by {done.due_at.astimezone(SHANGHAI):%Y-%m-%d}; each goes when its order ends")


@erase.command("list")
def list_(as_json: JSON = False) -> None:
    """Show the requests that wait, and what each waits for."""
    from dataclasses import asdict

    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.erasure_requests import open_requests

    ensure_database()
    with transaction() as conn:
        found = open_requests(conn)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, ensure_ascii=False, indent=2))
        return
    for one in found:
        typer.echo(f"request {one.id}, due {one.due_at.astimezone(SHANGHAI):%Y-%m-%d}, by {one.made_by}: {one.reason}")
        for asked in one.waiting:
            typer.echo(f"  {asked.shop} {asked.order_no}: {asked.kept}")
    if not found:
        typer.echo("No request waits.")


@erase.command()
def export(
    to: Annotated[Path, typer.Argument(help="A new file, for the person who asked; readable by you alone.")],
    phone: Phone = "",
    order: Orders = None,
    shop: Shop = "",
) -> None:
    """Write all that is known about a person to a file, in clear, for that person; it is noted in the log of access."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.erasure_requests import copy_of, orders_of_person

    ensure_database()
    if to.exists():
        raise SetupError(f"{to}: not written, for there is such a file; name another")
    with transaction() as conn:
        copies = copy_of(conn, orders_of_person(conn, phone=phone, order_nos=order or [], shop=shop), by_hand())
        to.touch(mode=0o600)
        to.write_text(json.dumps(copies, default=str, ensure_ascii=False, indent=2) + "\n", "utf-8")
    typer.echo(f"{to}: {len(copies)} orders; hand it over by a safe way, then delete it")


@erase.command()
def due(
    anew: Annotated[bool, typer.Option("--all", help="Look at every receiver: a shop keeps them shorter now.")] = False,
) -> None:
    """Erase now what the nightly run would erase."""
    from deployments.databases import ensure_database
    from tasks.erase import erase_beside, erase_due
    from tasks.erasure_journal import apply_journal, write_journal

    ensure_database()
    why = by_hand()
    count = apply_journal(why) + erase_due(why.at, why, anew=anew)
    beside = erase_beside(why.at)
    write_journal()
    typer.echo(f"{count} receivers, " + ", ".join(f"{number} {what}" for what, number in beside.items()))


@erase.command()
def keep(
    order: Annotated[list[str], typer.Argument(metavar="NO...", help="Order numbers.")],
    reason: Reason = "",
    end: Annotated[bool, typer.Option("--end", help="The dispute is over: keep them no longer.")] = False,
    shop: Shop = "",
) -> None:
    """Keep receivers for a dispute, a court or an authority, whatever their time; or end that."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.erasure_requests import end_legal_hold, orders_of_person, place_legal_hold

    ensure_database()
    with transaction() as conn:
        ids = orders_of_person(conn, order_nos=order, shop=shop)
        count = end_legal_hold(conn, ids, by_hand()) if end else place_legal_hold(conn, ids, reason, by_hand())
    typer.echo(f"{count} orders {'are kept no longer' if end else 'are kept'}")


@app.command("access-log", rich_help_panel=PANEL)
def access_log(
    since: Annotated[str, typer.Option(help="From when, in China's time: 2026-11-11T08:00.")] = "",
    until: Annotated[str, typer.Option(help="Until when.")] = "",
    actor: Annotated[str, typer.Option(help="Of one actor: person:li, wms:WH-S, carrier:kuaidi100/WH-S.")] = "",
    order: Annotated[str, typer.Option(metavar="NO", help="Who saw the data of this order.")] = "",
    shop: Shop = "",
    whose: Annotated[bool, typer.Option("--whose", help="List the orders whose data was seen instead.")] = False,
) -> None:
    """Tell who saw whose personal data, when and for what purpose; `--whose` lists the orders concerned by a leak."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI, clock
    from tasks.erasure_requests import orders_of_person
    from tasks.openings import accesses, orders_opened

    ensure_database()
    end = _moment(until) if until else clock().now() + timedelta(seconds=1)
    begin = _moment(since) if since else end - timedelta(days=200)
    with transaction() as conn:
        if whose:
            for code, number in orders_opened(conn, begin, end, actor):
                typer.echo(f"{code} {number}")
            return
        ids = orders_of_person(conn, order_nos=[order], shop=shop) if order else [None]
        for order_id in ids:
            for row in accesses(conn, begin, end, actor=actor, order_id=order_id):
                told = ", ".join(f"{key} {value}" for key, value in row.detail.items())
                what = f"{row.what} for {row.purpose}" if row.purpose else row.what
                orders = f", {row.orders} orders" if row.orders > 1 else ""
                typer.echo(
                    f"{row.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} {row.actor} {what}{orders} {told}".rstrip()
                )


def _moment(text: str) -> datetime:
    from models.settings import SHANGHAI

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SetupError(f"{text}: not a time; write it as 2026-11-11T20:00, in China's time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
