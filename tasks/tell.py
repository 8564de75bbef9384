"""tell: people hear of alerts. What is to be told is written, and what is due is sent, to robots and mailboxes."""

from models.database import transaction
from models.messages import OutboxKind
from models.settings import clock
from tasks.alert_messages import write_messages
from tasks.outbox import Delivery, deliver_due
from tasks.recipients import is_anyone_told
from tasks.runs import cause
from tasks.send import send


def tell() -> Delivery:
    """Write and send what is due; looked at once more afterwards, so that who stands in for another hears of it now.

    Safe to repeat, and for several at once: what was written is not written again, and one at a time sends to each.
    """
    total = Delivery()
    for _look in range(2):
        with transaction() as conn:
            if not is_anyone_told(conn):
                return total
            write_messages(conn, clock().now())
        total.add(deliver_due(send, (OutboxKind.ALERT,), cause("tell")))
    return total
