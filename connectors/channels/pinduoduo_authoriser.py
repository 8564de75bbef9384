"""A seller's consent to act for a Pinduoduo shop.

Source: the open platform's authorisation pages. A code lives 10 minutes; new tokens end the former ones.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from connectors.base import Tokens
from connectors.channels.access import ConsentCalls
from connectors.channels.pinduoduo_protocol import ask, number_of
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, TokenRefused

CONSENT: Final = "https://fuwu.pinduoduo.com/service-market/auth"
GATEWAY: Final = "https://gw-api.pinduoduo.com/api/router"
LAST_SECOND: Final = 10**10  # what is larger is no time in seconds


class PinduoduoAuthoriser(ConsentCalls):
    """The consent page and the token calls, which go through the gateway as all calls do.

    Credentials: app_key, app_secret, optionally endpoint, token_url, consent_url.
    """

    def consent_url(self, redirect_uri: str, state: str) -> str:
        """The page on which the seller agrees."""
        query = {
            "response_type": "code",
            "client_id": self._credentials["app_key"],
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{self._credentials.get('consent_url') or CONSENT}?{urlencode(query)}"

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """The tokens for a code; raises ChannelDenied when the code is over or not ours."""
        return self._tokens("pdd.pop.auth.token.create", {"code": code})

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; raises ChannelDenied when only a new consent helps."""
        return self._tokens("pdd.pop.auth.token.refresh", {"refresh_token": refresh_token})

    def _tokens(self, method: str, wish: dict[str, str]) -> Tokens:
        known, now = self._credentials, self._now()
        url = known.get("token_url") or known.get("endpoint") or GATEWAY
        try:
            answer = ask(self._client, self._name, known, url, method, wish, now)
        except (ChannelRejected, TokenRefused) as error:
            raise ChannelDenied(self._name, method, error.obstacle) from error
        if not answer.get("access_token"):
            raise ChannelUnavailable(self._name, method, "the answer has no access_token")
        return Tokens(
            str(answer["access_token"]),
            _ends(answer, "", now),
            str(answer.get("refresh_token") or ""),
            _ends(answer, "refresh_token_", now),
            str(answer.get("owner_id") or ""),
        )


def _ends(answer: dict[str, Any], prefix: str, now: datetime) -> datetime | None:
    at_s, left_s = number_of(answer.get(f"{prefix}expires_at")), number_of(answer.get(f"{prefix}expires_in"))
    if at_s and at_s < LAST_SECOND:
        return datetime.fromtimestamp(at_s, UTC)
    return now + timedelta(seconds=left_s) if left_s else None
