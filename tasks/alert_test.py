"""A message that tells nothing, so that a person sees that somebody is reached."""

from models.database import transaction
from models.settings import clock
from tasks.alert_texts import self_test
from tasks.recipients import open_messenger, recipients


def send_test(name: str) -> None:
    """Send a test message to a recipient now, within what its robot takes.

    Raises SetupError when it is nobody, and what the other side has against it.
    """
    with transaction() as conn:
        messenger, language = open_messenger(conn, name)
        (takes,) = [one.severities for one in recipients(conn) if one.name == name]
    messenger.send(self_test(name, takes, language, clock().now()))
