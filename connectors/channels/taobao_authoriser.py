"""A seller's consent to act for a Taobao or Tmall shop.

Source: TOP's authorisation pages. Only applications of the service market may refresh; a seller's own application
gets a token of fixed length, after which the seller agrees again.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from connectors.base import Tokens
from connectors.channels.access import ConsentCalls
from connectors.transport import build, call, json_of
from models.errors import ChannelDenied, ChannelUnavailable
from models.masking import brief

TIMEOUT_S: Final = 20.0
CONSENT: Final = "https://oauth.taobao.com/authorize"
TOKEN: Final = "https://oauth.taobao.com/token"


class TaobaoAuthoriser(ConsentCalls):
    """The consent page and the token calls. Credentials: app_key, app_secret, optionally consent_url, token_url."""

    def consent_url(self, redirect_uri: str, state: str) -> str:
        """The page on which the seller agrees."""
        query = {
            "response_type": "code",
            "client_id": self._credentials["app_key"],
            "redirect_uri": redirect_uri,
            "state": state,
            "view": "web",
        }
        return f"{self._credentials.get('consent_url') or CONSENT}?{urlencode(query)}"

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """The tokens for a code; raises ChannelDenied when the code is over or not ours."""
        wish = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "view": "web"}
        return self._tokens("exchange a code", wish)

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; raises ChannelDenied when only a new consent helps."""
        return self._tokens("refresh the token", {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _tokens(self, action: str, wish: dict[str, str]) -> Tokens:
        known = self._credentials
        request = build(
            self._client,
            self._name,
            action,
            "POST",
            known.get("token_url") or TOKEN,
            timeout_s=TIMEOUT_S,
            data={**wish, "client_id": known["app_key"], "client_secret": known["app_secret"]},
        )
        response = call(self._client, self._name, action, request, changes=False)
        answer = json_of(response)
        if type(answer) is not dict:
            raise ChannelUnavailable(self._name, action, f"HTTP {response.status_code}, no JSON")
        if not answer.get("access_token"):
            said = f"{answer.get('error') or ''} {answer.get('error_description') or ''}".strip()
            raise ChannelDenied(self._name, action, brief(said) or f"HTTP {response.status_code}")
        refresh_s = str(answer.get("re_expires_in") or "")
        return Tokens(
            str(answer["access_token"]),
            self._ends(answer),
            str(answer.get("refresh_token") or ""),
            self._now() + timedelta(seconds=int(refresh_s)) if refresh_s.isdigit() else None,
            str(answer.get("taobao_user_nick") or ""),
        )

    def _ends(self, answer: dict[str, Any]) -> datetime | None:
        # expire_time in ms (unconfirmed), else expires_in in seconds
        if str(answer.get("expire_time") or "").isdigit():
            return datetime.fromtimestamp(int(answer["expire_time"]) / 1000, UTC)
        left_s = str(answer.get("expires_in") or "")
        return self._now() + timedelta(seconds=int(left_s)) if left_s.isdigit() else None
