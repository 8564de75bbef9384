"""A shop's credentials in use: every call within its budget, a refused token renewed once."""

from collections.abc import Callable
from typing import TypeVar

from connectors.base import Credentials, Terms
from models.errors import RateLimited, SetupError, TokenRefused

Found = TypeVar("Found")


class Access:
    """What a connector calls with. `token` names the credential that is the access token, `needs` what must be there.

    Raises SetupError naming the shop and the credential that is missing.
    """

    def __init__(self, name: str, credentials: Credentials, terms: Terms, token: str, needs: tuple[str, ...]) -> None:
        for key in ("endpoint", *needs):
            if not credentials.get(key):
                raise SetupError(f"{name}: lacks the credential {key}")
        self.credentials = credentials
        self._terms = terms
        self._token = token

    def call(self, ask: Callable[[Credentials], Found]) -> Found:
        """The answer of one call; `ask` makes it with the credentials it gets, a second time after a renewal."""
        used = self.credentials
        try:
            return self._within_budget(ask)
        except TokenRefused:
            if self._terms.renew is None:
                raise
            self.credentials = self._terms.renew(used[self._token])
            return self._within_budget(ask)

    def _within_budget(self, ask: Callable[[Credentials], Found]) -> Found:
        self._terms.budget.take()
        try:
            return ask(self.credentials)
        except RateLimited as error:
            self._terms.budget.pause(error.retry_after_s)
            raise
