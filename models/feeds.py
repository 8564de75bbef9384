"""What reports on stock say; light, so that commands can name it without loading the tables."""

from enum import StrEnum


class Counts(StrEnum):
    """What the numbers of a stock feed count."""

    PHYSICAL = "physical"  # what lies there, locked or not
    NET_OF_SHIPPED = "net_of_shipped"  # without what is packed for parcels that have not left yet
    AVAILABLE = "available"  # without everything the warehouse keeps for instructions it has
    CHANGE = "change"  # units in (+) or out (-)
