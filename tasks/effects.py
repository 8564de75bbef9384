"""Effects on the outside as rows of the outbox, written in the transaction that causes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.database import Connection, copy_rows
from models.messages import OutboxKind


@dataclass(frozen=True, slots=True)
class Effect:
    """One message to write: what it asks for, of whom, about which document or parcel, and its idempotency key.

    `due_at`: it is not sent before; None is at once.
    """

    kind: OutboxKind
    counterpart: str
    subject_id: int
    key: str
    batch_id: int | None
    revision: int = 1
    due_at: datetime | None = None


def post(conn: Connection, effects: Sequence[Effect], at: datetime) -> None:
    """Write effects in the caller's transaction."""
    begun = ("pending", 0, False)
    copy_rows(
        conn,
        "outbox",
        (
            "kind counterpart subject_id revision key batch_id state attempts in_doubt next_at last_error created_at"
        ).split(),
        (
            (e.kind.value, e.counterpart, e.subject_id, e.revision, e.key, e.batch_id, *begun, e.due_at or at, "", at)
            for e in effects
        ),
    )
