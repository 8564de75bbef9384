"""What a handheld sends, and what comes of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ScanIn:
    """A scan as a handheld sends it, bounded and checked for its form.

    `id` is the handheld's: a scan that is sent again has it again. `at` is its time, never after `applied_at`. `wave`
    and `document` are numbers, `sku` is an item's code; "" where the kind of scan has none.
    """

    id: UUID
    kind: str
    code: str
    at: datetime
    applied_at: datetime
    wave: str = ""
    document: str = ""
    sku: str = ""
    quantity: int = 1
    more: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a scan came to, for its row: the word for the handheld, and what it was about."""

    said: str
    about: str = ""
    document_id: int | None = None
    wave_id: int | None = None
    sku_id: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the handheld is told of a scan. `document` and `wave` are the numbers of what it changed, or ""."""

    id: UUID
    ok: bool
    said: str
    about: str
    repeated: bool
    document: str
    wave: str
