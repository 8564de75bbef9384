"""JSON answers, written fast: order lists are the bulk of all traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the content as JSON; 64-bit numbers stay exact."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
