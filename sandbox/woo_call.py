"""One signed-in call to a web shop's REST API."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.orders import Order
from sandbox.woo_signin import Refused
from sandbox.world import Shop


def invalid_param(name: str, why: str) -> Refused:
    """Return the error for a parameter with an impossible value."""
    return Refused(400, "rest_invalid_param", f"Invalid parameter(s): {name}", params={name: why})


@dataclass(frozen=True, slots=True)
class WooCall:
    """The shop, its API address, what was sent, and how to tell the shop's webhooks."""

    shop: Shop
    base: str
    query: dict[str, str]
    raw_body: bytes
    now: datetime
    request_key: str | None
    announce: Callable[[Order], None]

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        try:
            body = json.loads(self.raw_body or b"{}")
        except ValueError:
            raise Refused(400, "rest_invalid_json", "Invalid JSON body passed.") from None
        if not isinstance(body, dict):
            raise Refused(400, "rest_invalid_json", "Invalid JSON body passed.")
        return body

    def number(self, name: str, default: int, least: int, most: int | None) -> int:
        """Return a whole number of the query within its bounds."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.lstrip("-").isdigit():
            raise invalid_param(name, f"{name} is not of type integer.")
        if int(text) < least or (most is not None and int(text) > most):
            upper = f" and {most} (inclusive)" if most is not None else ""
            raise invalid_param(name, f"{name} must be between {least} (inclusive){upper}")
        return int(text)

    def listed(self, name: str) -> list[str]:
        """Return a list parameter, in the comma form or as name[]=..."""
        values = [value for key, value in self.query.items() if key == name or key.startswith(f"{name}[")]
        return [part.strip() for value in values for part in value.split(",") if part.strip()]

    def narrowed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Keep only the fields that `_fields` names, if it does."""
        wanted = self.listed("_fields")
        return {key: value for key, value in row.items() if key in wanted} if wanted else row
