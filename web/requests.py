"""What handlers take from a request: a bounded raw body, a bearer token, a code in the path."""

from typing import Annotated

from fastapi import Depends, HTTPException, Path, Request

MAX_BODY_BYTES = 1_000_000
MAX_ID_CHARS = 200  # a message id is a key in the inbox

Code = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
"""A code, a document's number or a random token in the path; anything else is not found."""


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    return bytes(body)


Body = Annotated[bytes, Depends(_bounded_body)]
"""The raw body as it was signed, refused with 413 when it is too large."""


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
    return token.strip()


Bearer = Annotated[str, Depends(_bearer_token)]
"""The token of the Authorization header; 401 without one."""
