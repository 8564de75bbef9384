"""One signed call of JOS for one shop, within its budget and with a token that is renewed once."""

from typing import Any, Final

import httpx

from connectors.base import Credentials, Now
from connectors.channels.access import Access
from connectors.channels.jd_protocol import BAN_S, answer_in, business_text, error_of, refusal_in, rows_with, sign
from connectors.transport import build, call, china_time, http_error_of, json_of, without_empty
from models.errors import ChannelUnavailable, OutcomeUnknown

TIMEOUT_S: Final = 20.0


class JosGateway:
    """The gateway as one shop's token sees it."""

    def __init__(self, client: httpx.Client, name: str, access: Access, now: Now) -> None:
        self._client = client
        self._name = name
        self._access = access
        self._now = now

    def call(
        self, method: str, wish: dict[str, Any], *, changes: bool = False, by_row: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What the envelope of the answer holds. `changes`: the call is a write.

        `by_row`: the keys of rows of which each says yes or no; an answer with such rows is no refusal as a whole.
        Raises ChannelError types, whichever of the three layers refuses.
        """
        return self._access.call(lambda known: self._ask(method, wish, known, changes, by_row))

    def _ask(
        self, method: str, wish: dict[str, Any], known: Credentials, changes: bool, by_row: tuple[str, ...]
    ) -> dict[str, Any]:
        request = build(
            self._client,
            self._name,
            method,
            "POST",
            known["endpoint"],
            timeout_s=TIMEOUT_S,
            data=self._signed(method, wish, known),
            headers={"content-type": "application/x-www-form-urlencoded;charset=utf-8"},
        )
        response = call(self._client, self._name, method, request, changes=changes)
        body = json_of(response)
        if not response.is_success or type(body) is not dict:
            raise http_error_of(response, self._name, method, self._now(), changes=changes, usual_wait_s=BAN_S)
        if "error_response" in body:
            raise error_of(body["error_response"], self._name, method, changes=changes)
        answer = answer_in(body, method)
        if answer is None:
            kind = OutcomeUnknown if changes else ChannelUnavailable
            raise kind(self._name, method, "the answer has neither a responce nor an error")
        if by_row and rows_with(answer, *by_row):
            return answer
        if refusal := refusal_in(answer, self._name, method, changes=changes):
            raise refusal
        return answer

    def _signed(self, method: str, wish: dict[str, Any], known: Credentials) -> dict[str, str]:
        parameters = without_empty(
            {
                "method": method,
                "app_key": known["app_key"],
                "access_token": known["access_token"],
                "timestamp": china_time(self._now()),
                "v": "2.0",
                "360buy_param_json": business_text(wish),
            }
        )
        return {**parameters, "sign": sign(parameters, known["app_secret"])}
