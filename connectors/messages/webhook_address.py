"""The address of a robot, which is a password: whoever knows it can write to the group."""

from urllib.parse import parse_qs, urlsplit

from connectors.base import Credentials
from models.errors import SetupError


def secret_url(name: str, credentials: Credentials, secret: str) -> str:
    """The robot's address as the platform shows it; raises SetupError, without repeating it, when it cannot be one.

    `secret` is the query parameter that it has to have. Plain HTTP goes to this very machine alone.
    """
    written = credentials.get("webhook_url", "").strip()
    try:
        parts = urlsplit(written)
        is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        is_one = parts.scheme == "https" or (parts.scheme == "http" and is_here)
        named = list(parse_qs(parts.query))
    except ValueError:
        is_one, named = False, []
    if not is_one or named != [secret] or not written.isascii():
        raise SetupError(f"{name}: webhook_url must be the robot's whole address, https://...?{secret}=... and no more")
    return written
