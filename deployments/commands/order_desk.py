"""`orderpool order hold`, `release`, `approve`, `reject`, `cancel` and `holds`: what a person decides about orders."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands.orders import order
from deployments.person import by_hand
from models.errors import SetupError

if TYPE_CHECKING:
    from models.order import Cause
    from tasks.decided import Decided

Nos = Annotated[list[str], typer.Argument(metavar="NO...", help="The numbers the buyers see.")]
Reason = Annotated[str, typer.Option(help="Why, for the orders' stories.")]
Shop = Annotated[str, typer.Option(help="Their shop, where several have orders with such a number.")]

_GOES_ON = "goes on with the next resume_orders run"
_ASKED = "its warehouse is asked to give it back; it stays there, with its stock, until the answer"


@order.command("hold")
def hold(
    nos: Nos,
    reason: Reason,
    until: Annotated[str, typer.Option(help="Until when at the latest (China's time); else until released.")] = "",
    shop: Shop = "",
) -> None:
    """Stop orders; they keep their stock. An unsent instruction is taken back, a warehouse is asked for what it has."""
    from tasks import desk

    end = _moment(until)
    decide_about(nos, shop, "held; its stock stays locked", lambda ids, why: desk.hold(ids, reason, why, end))


@order.command("release")
def release(
    nos: Nos,
    code: Annotated[str, typer.Option(help="The hold to end, such as CHANGED_LATE.")],
    reason: Reason,
    shop: Shop = "",
) -> None:
    """End a hold that a person may decide; the order goes on within a minute, a blocked document goes as it is."""
    from tasks import desk

    words = f"{code.strip().upper()} released; it {_GOES_ON}"
    decide_about(nos, shop, words, lambda ids, why: desk.release(ids, code, reason, why))


@order.command("approve")
def approve(nos: Nos, reason: Reason, shop: Shop = "") -> None:
    """End every doubt about orders at once; what still holds them is told with what ends it."""
    from tasks import desk

    decide_about(nos, shop, f"approved; it {_GOES_ON}", lambda ids, why: desk.approve(ids, reason, why))


@order.command("reject")
def reject(nos: Nos, reason: Reason, shop: Shop = "") -> None:
    """Keep orders from leaving until they are released from REJECTED; stock that no warehouse has for them is free."""
    from tasks import desk

    decide_about(nos, shop, "rejected; its stock is free", lambda ids, why: desk.reject(ids, reason, why))


@order.command("cancel")
def cancel(nos: Nos, reason: Reason, shop: Shop = "") -> None:
    """Cancel orders; their stock is free at once, or when their warehouse gives them back. The shop is not told."""
    from tasks import desk

    decide_about(nos, shop, "cancelled; its stock is free", lambda ids, why: desk.cancel(ids, reason, why))


@order.command("holds")
def holds() -> None:
    """Show what holds orders: how many under each code, since when, and who or what ends it."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.rules.hold_ends import end_words
    from models.settings import SHANGHAI
    from tasks.open_holds import open_holds

    ensure_database()
    with transaction() as conn:
        found = open_holds(conn)
    for each in found:
        since = f"{each.oldest.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        typer.echo(f"{each.code:<18}{each.orders:>9,}  since {since}  {end_words(each.code)[0]}")
    if not found:
        typer.echo("no order is held")


def decide_about(nos: Sequence[str], shop: str, done: str, decide: "Callable[[list[int], Cause], Decided]") -> None:
    """Decide about the orders of these numbers; each refusal is a sentence on stderr, and exit code 1."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.order_numbers import by_numbers

    ensure_database()
    with transaction() as conn:
        found = by_numbers(conn, nos, shop.strip())
    decided = decide(list(found.orders), by_hand())
    for order_id in decided.done:
        no, code = found.orders[order_id]
        typer.echo(f"order {no} of {code}: {_ASKED if order_id in decided.asked else done}")
    refused = [*found.refused, *decided.refused.values()]
    for sentence in refused:
        typer.echo(f"orderpool: {sentence}", err=True)
    if refused:
        raise typer.Exit(1)


def _moment(written: str) -> datetime | None:
    from connectors.converters import BadValue
    from tasks.sheets import as_moment

    if not written.strip():
        return None
    try:
        return as_moment(written.strip())
    except BadValue as error:
        raise SetupError(f"--until {written!r}: {error.why}; write it as 2026-11-24 18:00") from error
