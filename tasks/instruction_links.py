"""The address of a document's page: for those who are told by e-mail what to ship, and whose only key is the link."""

import hmac
from datetime import datetime, timedelta

from models.errors import SetupError
from models.sealing import link_code
from models.settings import SHANGHAI, settings

LASTS = timedelta(days=14)
"""How long after the document was written its page is there."""

AFTER_SHIPPING = timedelta(days=2)
"""How long after its last box left."""


def page_address(receiver_token: str) -> str:
    """Where a document's page is; raises SetupError while we have no address that the outside could open."""
    if not settings().public_url:
        raise SetupError("ORDERPOOL_PUBLIC_URL: is not set, and instructions by e-mail need an address for their links")
    return f"{settings().callback_base()}/instructions/{receiver_token}/{link_code(receiver_token)}"


def is_ours(receiver_token: str, code: str) -> bool:
    """Whether a link was made by us."""
    return hmac.compare_digest(link_code(receiver_token).encode(), code.encode())


def page_ends(created_at: datetime, shipped_at: datetime | None) -> datetime:
    """From when on a document's page is gone."""
    end = created_at + LASTS
    return min(end, shipped_at + AFTER_SHIPPING) if shipped_at else end


def said_until(created_at: datetime) -> str:
    """Until which day in China a new document's page is there, as a mail says it."""
    return f"{page_ends(created_at, None).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
