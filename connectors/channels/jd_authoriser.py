"""A seller's consent to act for a JD shop.

Source: JD's authorisation pages. A token is to be refreshed before it ends, afterwards only a new consent helps; how
often a month is limited, so refresh within the last day.
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
CONSENT: Final = "https://open-oauth.jd.com/oauth2/to_login"


class JdAuthoriser(ConsentCalls):
    """The consent page and the token calls. Credentials: app_key, app_secret, optionally consent_url, token_url.

    The token calls stand beside the consent page, `access_token` and `refresh_token`, or beside `token_url`.
    """

    def consent_url(self, redirect_uri: str, state: str) -> str:
        """The page on which the seller agrees."""
        query = {
            "app_key": self._credentials["app_key"],
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": "snsapi_base",
        }
        return f"{self._credentials.get('consent_url') or CONSENT}?{urlencode(query)}"

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """The tokens for a code; raises ChannelDenied when the code is over or not ours."""
        wish = {"grant_type": "authorization_code", "code": code}
        return self._tokens("exchange a code", "access_token", wish)

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; raises ChannelDenied when only a new consent helps."""
        wish = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._tokens("refresh the token", "refresh_token", wish)

    def _tokens(self, action: str, page: str, wish: dict[str, str]) -> Tokens:
        known = self._credentials
        beside = known.get("token_url") or known.get("consent_url") or CONSENT
        request = build(
            self._client,
            self._name,
            action,
            "POST",
            f"{beside.rpartition('/')[0]}/{page}",
            timeout_s=TIMEOUT_S,
            data={"app_key": known["app_key"], "app_secret": known["app_secret"], **wish},
        )
        response = call(self._client, self._name, action, request, changes=False)
        answer = json_of(response)
        if type(answer) is not dict or response.is_server_error:
            raise ChannelUnavailable(self._name, action, f"HTTP {response.status_code}, no tokens")
        if not answer.get("access_token"):
            said = f"{answer.get('code') or ''} {answer.get('msg') or answer.get('zh_desc') or ''}".strip()
            raise ChannelDenied(self._name, action, brief(said) or f"HTTP {response.status_code}")
        ends = self._ends(answer)
        owner = str(answer.get("uid") or answer.get("xid") or answer.get("open_id") or "")
        # both end together: once the token is over it cannot be refreshed either
        return Tokens(str(answer["access_token"]), ends, str(answer.get("refresh_token") or ""), ends, owner)

    def _ends(self, answer: dict[str, Any]) -> datetime | None:
        left_s, issued_ms = str(answer.get("expires_in") or ""), str(answer.get("time") or "")
        if not left_s.isdigit():
            return None
        issued = datetime.fromtimestamp(int(issued_ms) / 1000, UTC) if issued_ms.isdigit() else self._now()
        return issued + timedelta(seconds=int(left_s))
