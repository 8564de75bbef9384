"""`orderpool order merge` and `unmerge`: what a person decides about orders that leave in one parcel."""

from deployments.commands.order_desk import Nos, Reason, Shop, decide_about
from deployments.commands.orders import order


@order.command("merge")
def merge(nos: Nos, reason: Reason, shop: Shop = "") -> None:
    """Have orders of one receiver leave in one parcel; they wait for each other up to a day."""
    from tasks.merging import merge_by_hand

    said = "is to leave in one parcel with the others; it goes on with the next resume_orders run"
    decide_about(nos, shop, said, lambda ids, why: merge_by_hand(ids, reason, why))


@order.command("unmerge")
def unmerge(nos: Nos, reason: Reason, shop: Shop = "") -> None:
    """Have orders leave by themselves; a warehouse that has their document is asked to give it back."""
    from tasks.merging import unmerge_by_hand

    said = "is to leave by itself; `orderpool order show` tells what its warehouse answers"
    decide_about(nos, shop, said, lambda ids, why: unmerge_by_hand(ids, reason, why))
