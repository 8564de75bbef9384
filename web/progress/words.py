"""What buyers read of where an order is."""

from collections.abc import Mapping

from models.rules.progress import WAY, Progress
from models.rules.returns import ReturnKind, ReturnState
from web.console.words import N_, _

STEPS: Mapping[Progress, str] = {
    Progress.PLACED: N_("Order placed"),
    Progress.PREPARING: N_("Being prepared"),
    Progress.LEFT: N_("Left the warehouse"),
    Progress.COLLECTED: N_("With the carrier"),
    Progress.IN_TRANSIT: N_("On its way"),
    Progress.OUT_FOR_DELIVERY: N_("Out for delivery"),
    Progress.AT_PICKUP_POINT: N_("Ready to be fetched"),
    Progress.DELIVERED: N_("Received"),
    Progress.PROBLEM: N_("Exception"),
    Progress.RETURNING: N_("Going back"),
    Progress.RETURNED: N_("Sent back"),
    Progress.CANCELLED: N_("Called off"),
}
LOOKS: Mapping[Progress, str] = {
    Progress.PROBLEM: "bad",
    Progress.RETURNING: "warn",
    Progress.RETURNED: "warn",
    Progress.CANCELLED: "off",
    Progress.DELIVERED: "good",
}
"""How a state looks where it is more than plain."""


KINDS: Mapping[ReturnKind, str] = {
    ReturnKind.RETURN: N_("Return of goods"),
    ReturnKind.EXCHANGE: N_("Exchange of goods"),
    ReturnKind.INTERCEPTED: N_("The carrier brings it back"),
}
RETURNS: Mapping[ReturnState, str] = {
    ReturnState.ANNOUNCED: N_("We expect the goods"),
    ReturnState.ON_THE_WAY: N_("The goods are on their way to us"),
    ReturnState.ARRIVED: N_("The goods have arrived"),
    ReturnState.INSPECTED: N_("The goods have been checked"),
    ReturnState.CLOSED: N_("Done"),
}


def step_names(here: Progress) -> list[str]:
    """The steps of the bar in the language of the request; the one of delivery as it is for this order."""
    at_pickup = here is Progress.AT_PICKUP_POINT
    return [
        _(STEPS[Progress.AT_PICKUP_POINT if at_pickup and step is Progress.OUT_FOR_DELIVERY else step]) for step in WAY
    ]
