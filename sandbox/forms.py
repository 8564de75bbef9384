"""Parameters of a request, wherever the client put them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request


async def form_of(request: Request) -> dict[str, str]:
    """Return the form body, empty values included; a repeated name keeps its last value."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form()
        return {key: value for key, value in form.items() if not isinstance(value, UploadFile)}
    body = await request.body()
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


async def params_of(request: Request) -> dict[str, str]:
    """Return query and form parameters together."""
    return {**query_of(request), **await form_of(request)}


def query_of(request: Request) -> dict[str, str]:
    """Return the query parameters, empty values included."""
    return dict(parse_qsl(request.url.query, keep_blank_values=True))
