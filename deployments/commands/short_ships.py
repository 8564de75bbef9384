"""`orderpool order settle-short`, `order intercept` and `short-rule`: what did not leave, or should not have."""

from typing import Annotated

import typer

from deployments.commands import app
from deployments.commands.order_desk import Nos, Reason, Shop, decide_about
from deployments.commands.orders import order
from deployments.person import by_hand

_DONE = {
    "hold": "what lacks of it waits for a person",
    "reroute": "what lacks of it is sent by a further document",
    "refund": "what lacks of it is closed for the buyer and to be refunded",
    "back_order": "what lacks of it is sent when stock comes",
}


@order.command("settle-short")
def settle_short(
    nos: Nos,
    way: Annotated[str, typer.Option(help="hold, reroute (from elsewhere, now), refund, or back_order.")],
    reason: Reason,
    shop: Shop = "",
) -> None:
    """Decide about orders of which a warehouse shipped too little, whatever the rule says."""
    from models.remainder import ShortWay
    from tasks import desk
    from tasks.shop_settings import read_choice

    chosen = ShortWay(read_choice("way", ShortWay, way))
    decide_about(nos, shop, _DONE[chosen.value], lambda ids, why: desk.settle_short(ids, chosen, reason, why))


@order.command("intercept")
def intercept(nos: Nos, reason: Reason, shop: Shop = "") -> None:
    """Have the parcels of orders brought back that are on the road; the orders stay as they are."""
    from tasks import desk

    said = "its parcels are wanted back; `orderpool parcel wanted-back` tells how far their carriers went along"
    decide_about(nos, shop, said, lambda ids, why: desk.intercept(ids, reason, why))


@app.command("short-rule", rich_help_panel="Setting up")
def short_rule(
    warehouse: Annotated[str, typer.Argument(help="The warehouse's code; none: show those that have a rule.")] = "",
    way: Annotated[str, typer.Argument(help="hold, reroute, refund or back_order; none: it has no rule.")] = "",
) -> None:
    """Set what becomes of units that a warehouse does not ship, for shops without a word of their own.

    A shop's own word goes first: `orderpool shop set CODE short_ship=reroute`.
    """
    from deployments.databases import ensure_database
    from tasks.short_rule import set_warehouse_rule, warehouse_rules

    ensure_database()
    if not warehouse:
        rules = warehouse_rules()
        for code, chosen in rules.items():
            typer.echo(f"{code:<16}{chosen}")
        if not rules:
            typer.echo("no warehouse has a rule; a person decides unless the shop says otherwise")
        return
    set_warehouse_rule(warehouse, way.strip(), by_hand())
    typer.echo(f"warehouse {warehouse}: {way.strip() or 'no rule of its own'}")
