"""Seller tokens of the Pinduoduo gateway: given for a code, renewed by a refresh token."""

from __future__ import annotations

from typing import Any

from sandbox.pinduoduo_call import Call, bad_argument
from sandbox.tokens import TokenBook
from sandbox.world import Shop

SCOPE = ["pdd.order.number.list.increment.get", "pdd.order.information.get", "pdd.logistics.online.send"]


def create_token(call: Call) -> dict[str, Any]:
    """pdd.pop.auth.token.create: tokens for the code of a consent; they end those given before."""
    code = call.text("code")
    for shop in call.world.shops.values():
        if shop.platform == "pinduoduo" and shop.tokens is not None and code == f"code-{shop.code}":
            return _issue(call, shop, shop.tokens)
    raise bad_argument("code", "code已失效或不存在")


def refresh_token(call: Call) -> dict[str, Any]:
    """pdd.pop.auth.token.refresh: new tokens; they end the old ones."""
    given, now = call.text("refresh_token"), call.world.now()
    for shop in call.world.shops.values():
        if shop.platform == "pinduoduo" and shop.tokens is not None and shop.tokens.refreshes(given, now):
            return _issue(call, shop, shop.tokens)
    raise bad_argument("refresh_token", "refresh_token已过期，请重新授权")


def _issue(call: Call, shop: Shop, tokens: TokenBook) -> dict[str, Any]:
    now = call.world.now()
    tokens.issue(now)
    call.world.faults.clear(shop.target, "expired_token")
    ends, refresh_ends = int(tokens.ends.timestamp()), int(tokens.refresh_ends.timestamp())
    left, refresh_left = ends - int(now.timestamp()), refresh_ends - int(now.timestamp())
    levels = dict.fromkeys((f"{level}_expires_in" for level in ("r1", "r2", "w1", "w2")), left)
    return {
        "access_token": tokens.access,
        "expires_in": left,
        "expires_at": ends,
        "refresh_token": tokens.refresh,
        "refresh_token_expires_in": refresh_left,
        "refresh_token_expires_at": refresh_ends,
        "owner_id": str(shop.owner_id),
        "owner_name": shop.nick,
        "scope": SCOPE,
        **levels,
    }
