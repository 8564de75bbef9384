"""What pages post: read within bounds, and only when our own page sent it in this session."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message, Receive

from models.errors import SetupError
from models.settings import SHANGHAI, settings
from web.console.session import SignedIn
from web.console.words import _

MAX_FORM_BYTES = 256_000
MAX_UPLOAD_BYTES = 8_000_000
MAX_FIELDS = 2_000
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"


class Fields(dict[str, str]):
    """The fields of a form by name, trimmed; of a repeated one the last. `all` gives every value of a name."""

    def __init__(self, read: FormData) -> None:
        texts = [(name, value) for name, value in read.multi_items() if isinstance(value, str)]
        if not all(_means_something(part) for pair in texts for part in pair):
            raise HTTPException(400, _("The form holds a character that means nothing."))
        super().__init__((name, value.strip()) for name, value in texts)
        self._texts = texts
        self._files = {name: value for name, value in read.multi_items() if isinstance(value, UploadFile)}

    def all(self, name: str) -> list[str]:
        """Every value of a repeated field, in order."""
        return [value.strip() for key, value in self._texts if key == name]

    def password(self, name: str) -> str:
        """A field as it was typed, with the spaces round it."""
        return dict(self._texts).get(name, "")

    def text(self, name: str, most: int = 200) -> str:
        """A field as text, "" when it is not there; 400 when it is longer than `most` characters."""
        value = self.get(name, "")
        if len(value) > most:
            raise HTTPException(
                400, _("%(field)s is longer than %(most)s characters.", field=name[:50], most=str(most))
            )
        return value

    def number(self, name: str) -> int:
        """A field as a whole number from 0 to 2^63 - 1; 400 when it is none."""
        value = self.get(name, "")
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            raise HTTPException(400, _("%(field)s is no whole number.", field=name[:50]))
        return int(value)

    def time(self, name: str) -> datetime | None:
        """A field as a time, which browsers send in the person's own: China's. None where there is none."""
        text = self.text(name)
        if not text:
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise SetupError(_("%(value)s is no time; write it like 2026-11-11 09:30.", value=text)) from error

    def upload(self, name: str) -> tuple[str, bytes] | None:
        """Name and content of an uploaded file, None when none was chosen."""
        file = self._files.get(name)
        if file is None or not file.filename:
            return None
        file.file.seek(0)
        return file.filename, file.file.read()


def _means_something(text: str) -> bool:
    try:
        text.encode()  # half a pair of surrogates, which the charset of a part can bring, is no text
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


async def form(request: Request, person: SignedIn) -> Fields:
    """The posted form; 403 unless a page of this session sent it, 413 when it is too large."""
    require_own_page(request)
    fields = await read_form(request)
    given = request.headers.get(CSRF_HEADER) or fields.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), person.csrf.encode()):
        raise HTTPException(403, _("The form is not from this session. Open the page again and repeat."))
    return fields


Posted = Annotated[Fields, Depends(form)]
"""The checked form of a POST."""


def require_own_page(request: Request) -> None:
    """403 when the browser says that another site sent the request.

    Source: OWASP's CSRF prevention cheat sheet, checks of Fetch Metadata and of the Origin header. Neither is there
    when no browser asks; then the token alone decides.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in ("same-origin", "none") or (origin is not None and _place(origin) not in _own_places(request)):
        raise HTTPException(403, _("Another site sent this form. It was refused."))


def _place(address: str) -> str:
    try:
        return urlsplit(address).netloc.casefold()
    except ValueError:
        return ""


def _own_places(request: Request) -> set[str]:
    return {request.headers.get("host", "").casefold(), _place(settings().public_url)} - {""}


async def read_form(request: Request, *, with_files: bool = True) -> Fields:
    """The fields and files of a form within the bounds, whoever sent it; a form without files is a small one."""
    is_upload = with_files and request.headers.get("content-type", "").startswith("multipart/form-data")
    most = MAX_UPLOAD_BYTES if is_upload else MAX_FORM_BYTES
    bounded = Request(request.scope, _bounded(request.receive, most))
    return Fields(await bounded.form(max_files=5, max_fields=MAX_FIELDS, max_part_size=MAX_FORM_BYTES))


def _bounded(receive: Receive, most: int) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, _("The form is larger than %(most)s bytes.", most=f"{most:,}"))
        return message

    return counting


def posts(*names: str, many: Sequence[str] = (), upload: str = "") -> dict[str, Any]:
    """What a route's description says of its form, for `openapi_extra`: its fields, repeated ones, and a file's."""
    properties: dict[str, Any] = {name: {"type": "string"} for name in (CSRF_FIELD, *names)}
    properties |= {name: {"type": "array", "items": {"type": "string"}} for name in many}
    properties |= {upload: {"type": "string", "format": "binary"}} if upload else {}
    kind = "multipart/form-data" if upload else "application/x-www-form-urlencoded"
    return {"requestBody": {"content": {kind: {"schema": {"type": "object", "properties": properties}}}}}
