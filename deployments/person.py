"""Who gives a command, for the record."""

import getpass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.order import Cause


def person() -> str:
    """The actor of what a command does."""
    return f"person:{getpass.getuser()}"


def by_hand() -> "Cause":
    """The cause of what a command does, now."""
    # the commands' help must not wait for what only doing takes
    from models.order import Cause
    from models.settings import clock
    from tasks.batches import RULE_VERSION

    return Cause(person(), clock().now(), None, RULE_VERSION)
