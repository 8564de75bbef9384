"""Sheets that go in and out of pages: downloads, and uploads that come with their errors by line."""

import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from models.database import transaction
from models.errors import SetupError
from models.settings import SHANGHAI, clock
from tasks.access import log_access
from tasks.catalog import Imported
from tasks.sheets_out import MEDIA_TYPES, SheetKind, chunks, write_sheet
from web.console.forms import Fields
from web.console.session import Person, address_of
from web.console.words import _

_Result = TypeVar("_Result")

EXPORTS_AT_ONCE = 2
exporting = threading.BoundedSemaphore(EXPORTS_AT_ONCE)


def download(kind: str, name: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A sheet to save: `kind` is csv or xlsx (else 404), `name` the beginning of the file's name.

    It is written whole before the first byte leaves, so no transaction waits for a slow line.
    """
    try:
        wish = SheetKind(kind)
    except ValueError as error:
        raise HTTPException(404) from error
    day = f"{clock().now().astimezone(SHANGHAI):%Y%m%d-%H%M}"
    return StreamingResponse(
        chunks(write_sheet(wish, headers, rows)),
        media_type=MEDIA_TYPES[wish],
        headers={"Content-Disposition": f'attachment; filename="{name}-{day}.{wish}"'},
    )


def export(
    request: Request, person: Person, kind: str, name: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Response:
    """A download that is noted with who took it, what it was and how many rows it has.

    429 while EXPORTS_AT_ONCE others are being written: each keeps its rows in memory.
    """
    if not exporting.acquire(blocking=False):
        raise HTTPException(429, _("Other exports are being written. Try again in a minute."), {"Retry-After": "60"})
    try:
        taken = list(rows)
        response = download(kind, name, headers, taken)
    finally:
        exporting.release()
    with transaction() as conn:
        detail = {"what": name, "kind": kind, "rows": len(taken)}
        log_access(conn, f"person:{person.name}", "exported", clock().now(), address=address_of(request), detail=detail)
    return response


def told(done: Imported) -> str:
    """What an import did, in words."""
    text = _(
        "%(added)s added, %(changed)s changed, %(same)s as they were.",
        added=str(done.added), changed=str(done.changed), same=str(done.same),
    )  # fmt: skip
    if done.removed:
        text += " " + _("%(count)s removed.", count=str(done.removed))
    if done.ignored:
        text += " " + _("Columns that mean nothing here: %(names)s.", names=", ".join(done.ignored))
    return text


def imported(fields: Fields, read: Callable[[Path], _Result]) -> _Result:
    """What comes of an uploaded file of the field `file`.

    Raises what `read` raises, with the name that the person knows the file by; 400 when no file was chosen.
    """
    uploaded = fields.upload("file")
    if uploaded is None:
        raise HTTPException(400, _("Choose a file first."))
    name = Path(uploaded[0].replace("\\", "/")).name.replace("\x00", "")[:100] or "file"
    with tempfile.TemporaryDirectory(prefix="orderpool-upload-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(uploaded[1])
        try:
            return read(path)
        except SetupError as error:
            raise SetupError(str(error).replace(str(path), name)) from error
