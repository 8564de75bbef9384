"""What can be wrong with a control request."""


class ControlError(Exception):
    """A control request that cannot be done; the message says why."""

    status = 400


class NotSimulated(ControlError):
    """The named shop, order, warehouse or carrier does not exist here."""

    status = 404


class NotPossible(ControlError):
    """The order's state does not allow the wished event."""

    status = 409


class JournalError(Exception):
    """The file of a world cannot be used."""
