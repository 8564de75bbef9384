"""A seller's consent to act for a Douyin shop.

Source: the platform's authorisation pages. A tool application gets its code through a consent page; a self-use
application asks with the shop's number alone.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from connectors.base import Tokens
from connectors.channels.access import ConsentCalls
from connectors.channels.douyin_payloads import number_in
from connectors.channels.douyin_protocol import ask
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable

TIMEOUT_S: Final = 20.0
CONSENT: Final = "https://fuwu.jinritemai.com/authorize"
REFRESH_LIFE: Final = timedelta(days=14)  # the answer does not say it


class DouyinAuthoriser(ConsentCalls):
    """The consent page and the token calls.

    Credentials: app_key, app_secret, optionally endpoint, service_id (of the consent page), consent_url, token_url (the
    gateway for token calls, where it is another), shop_id (of a self-use application).
    """

    def consent_url(self, redirect_uri: str, state: str) -> str:
        """The page on which the seller agrees. The platform leads to the address registered for the application."""
        query = {
            "service_id": self._credentials.get("service_id", ""),
            "state": state,
            "redirect_uri": redirect_uri,  # (unconfirmed) the registered address goes before it
        }
        given = {name: value for name, value in query.items() if value}
        return f"{self._credentials.get('consent_url') or CONSENT}?{urlencode(given)}"

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """The tokens for a code, without one those of a self-use application's shop.

        Raises ChannelDenied when the code is over or not ours.
        """
        if code:
            return self._tokens("token.create", {"grant_type": "authorization_code", "code": code})
        wish = {"grant_type": "authorization_self", "shop_id": self._credentials.get("shop_id", ""), "code": ""}
        return self._tokens("token.create", wish)

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; raises ChannelDenied when only a new consent helps."""
        return self._tokens("token.refresh", {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _tokens(self, method: str, wish: dict[str, str]) -> Tokens:
        known, now = self._credentials, self._now()
        # without the access token: it may be the one that is over
        app = {"app_key": known["app_key"], "app_secret": known["app_secret"]}
        app["endpoint"] = known.get("token_url") or known.get("endpoint", "")
        try:
            answer = ask(self._client, self._name, method, wish, app, now, timeout_s=TIMEOUT_S, changes=False)
        except (ChannelRejected, ChannelDenied) as error:
            raise ChannelDenied(self._name, method, error.obstacle) from error
        if type(answer) is not dict or not answer.get("access_token"):
            raise ChannelUnavailable(self._name, method, "the answer has no access_token")
        life_s = number_in(answer.get("expires_in"))
        return Tokens(
            str(answer["access_token"]),
            now + timedelta(seconds=life_s) if life_s else None,
            str(answer.get("refresh_token") or ""),
            now + REFRESH_LIFE if answer.get("refresh_token") else None,
            str(answer.get("shop_id") or ""),
        )
