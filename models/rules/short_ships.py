"""What becomes of units that a warehouse did not ship: which rule counts, and how a hold tells it."""

from collections.abc import Mapping
from typing import Any, Final

from models.hold import Finding, HoldCode
from models.remainder import ShortWay

SETTING: Final = "short_ship"
"""What the rule is called among the settings of shops and warehouses."""

PROPOSALS: Final = frozenset({"PARTIAL_SHIP", "WAIT", "CANCEL"})
"""What a warehouse may propose when it picks less than was ordered (webhook, section 5)."""

_WAYS: Final[Mapping[ShortWay, str]] = {
    ShortWay.HOLD: "a person decides what becomes of it",
    ShortWay.REROUTE: "it is routed again",
    ShortWay.REFUND: "it is closed for the buyer, who is to get the money back",
    ShortWay.BACK_ORDER: "it is sent when stock comes",
}


def short_way(shop: Mapping[str, Any], warehouse: Mapping[str, Any]) -> ShortWay:
    """The way for what a warehouse lacked of a shop's order, from the settings of both.

    The shop's word goes first, for it knows what its buyers were told; then the warehouse's; a person decides where
    neither has one.
    """
    return ShortWay(shop.get(SETTING) or warehouse.get(SETTING) or ShortWay.HOLD)


def closed_short(documents: str) -> str:
    """How a hold begins that tells of documents which a warehouse closed with units missing."""
    return f"the warehouse shipped less than was ordered and closed {documents}"


def short_finding(
    opening: str, units: Mapping[str, int], way: ShortWay, more: Mapping[str, Any], because: str = ""
) -> Finding:
    """The hold of an order that lacks these units per SKU code; `because` is what led to its way."""
    lacking = ", ".join(f"{number} of {code}" for code, number in sorted(units.items()))
    end = f"{because}, and {_WAYS[way]}" if because else _WAYS[way]
    return Finding(
        HoldCode.SHIPPED_SHORT,
        f"{opening}: {lacking} lack; {end}",
        {"units": dict(units), "way": way.value, **more, **({"why": because} if because else {})},
    )
