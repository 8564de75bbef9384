"""JD's consent page and its token calls."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.answers import json_answer
from sandbox.forms import params_of
from sandbox.tokens import TokenBook
from sandbox.world import Shop, World


class JdOAuth:
    """What answers under /jd/oauth2."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def to_login(self, request: Request) -> Response:
        """Answer GET /to_login: every seller agrees at once; `shop` chooses one, else the first."""
        shops = [shop.code for shop, _ in self._open()]
        wanted = request.query_params.get("shop", shops[0] if shops else "")
        redirect = request.query_params.get("redirect_uri", "")
        if request.query_params.get("app_key") != self._world.apps["jd"].key or not redirect:
            return _refusal("app_key or redirect_uri is wrong")
        query = urlencode({"code": f"code-{wanted}", "state": request.query_params.get("state", "")})
        return RedirectResponse(f"{redirect}{'&' if '?' in redirect else '?'}{query}", 302)

    async def access_token(self, request: Request) -> Response:
        """Answer /access_token: a code against tokens."""
        params = await params_of(request)
        found = [entry for entry in self._open() if params.get("code") == f"code-{entry[0].code}"]
        return self._answer(params, "authorization_code", found)

    async def refresh_token(self, request: Request) -> Response:
        """Answer /refresh_token: a refresh token that has not ended against new tokens."""
        params, now = await params_of(request), self._world.now()
        given = params.get("refresh_token", "")
        found = [entry for entry in self._open() if entry[1].refreshes(given, now)]
        return self._answer(params, "refresh_token", found)

    def _open(self) -> list[tuple[Shop, TokenBook]]:
        return [(shop, shop.tokens) for shop in self._world.shops.values() if shop.platform == "jd" and shop.tokens]

    def _answer(self, params: dict[str, str], grant: str, found: list[tuple[Shop, TokenBook]]) -> Response:
        app = self._world.apps["jd"]
        if params.get("app_key") != app.key or params.get("app_secret") != app.secret:
            return _refusal("app_key or app_secret is wrong")
        if params.get("grant_type") != grant:
            return _refusal(f"grant_type must be {grant}")
        if not found:
            return _refusal(f"{grant} is over or unknown")
        return json_answer(self._issue(*found[0]))

    def _issue(self, shop: Shop, tokens: TokenBook) -> dict[str, Any]:
        now = self._world.now()
        tokens.issue(now)
        self._world.faults.clear(shop.target, "expired_token")
        return {
            "access_token": tokens.access,
            "expires_in": int((tokens.ends - now).total_seconds()),
            "refresh_token": tokens.refresh,
            "scope": "snsapi_base",
            "open_id": f"open-{shop.owner_id}",
            "uid": str(shop.owner_id),
            "time": int(now.timestamp()) * 1000,
            "token_type": "bearer",
            "code": 0,
        }


def _refusal(why: str) -> Response:
    return json_answer({"code": 401, "msg": why}, 400)
