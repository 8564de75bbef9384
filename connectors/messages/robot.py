"""What the robots of groups have in common: JSON over HTTPS, and an answer of HTTP 200 that may be a refusal."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import httpx

from connectors.base import Budget, Now
from connectors.messages.notice import PAUSE_S
from connectors.transport import build, call, http_error_of, json_of
from models.errors import ChannelDenied, ChannelError, ChannelUnavailable, RateLimited
from models.masking import brief

TIMEOUT_S: Final = 10.0
ACTION: Final = "tell"


class Robot:
    """Posts bodies to one robot, within what all senders together may post; `limited` and `denied` are its codes."""

    limited: Collection[int]
    denied: Collection[int]

    def __init__(self, client: httpx.Client, name: str, now: Now, budget: Budget) -> None:
        self.name = name
        self._client = client
        self._now = now
        self._budget = budget

    def _post(self, url: str, body: Mapping[str, Any]) -> None:
        """Post; the address is a secret, so no error repeats it. Raises what stood in the way."""
        self._budget.take()
        request = build(self._client, self.name, ACTION, "POST", url, timeout_s=TIMEOUT_S, json=dict(body))
        response = call(self._client, self.name, ACTION, request, changes=True)
        answer = json_of(response)
        if not response.is_success or not isinstance(answer, dict) or "errcode" not in answer:
            error = http_error_of(response, self.name, ACTION, self._now(), changes=False, usual_wait_s=PAUSE_S)
        elif answer["errcode"] == 0:
            return
        else:
            error = self._refusal(answer)
        if isinstance(error, RateLimited):
            self._budget.pause(error.retry_after_s)
        raise error

    def _refusal(self, answer: Mapping[str, Any]) -> ChannelError:
        code = answer["errcode"]
        obstacle = f"errcode {brief(str(code), 20)} {brief(str(answer.get('errmsg', '')), 120)}".strip()
        if code in self.limited:
            return RateLimited(self.name, ACTION, obstacle, PAUSE_S)
        # whatever else it says is tried again: this very text is written anew each time, and nobody else is told yet
        return (ChannelDenied if code in self.denied else ChannelUnavailable)(self.name, ACTION, obstacle)
