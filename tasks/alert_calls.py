"""Messages of alerts as calls: each worded when it is sent."""

from collections.abc import Callable, Sequence
from functools import partial

from models.database import transaction
from tasks.alert_texts import notices
from tasks.outbox_calls import Pending
from tasks.recipients import open_messenger


def alert_calls(name: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
    """The call per message to a recipient; raises SetupError when it is not there or lacks something."""
    with transaction() as conn:
        messenger, language = open_messenger(conn, name)
        said = notices(conn, [message.subject_id for message in pending], language)
    return {
        message.id: partial(messenger.send, said[message.subject_id])
        for message in pending
        if message.subject_id in said
    }
