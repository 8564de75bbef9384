"""A shop's credentials in use: every call within its budget, a refused token renewed once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import ClassVar, TypeVar

import httpx

from connectors import mapping as mappings
from connectors.base import AS_USUAL, Capabilities, Credentials, Delivered, Listing, Now, Terms
from connectors.channels.reading import ReadSpan, read_spans
from models.errors import ChannelRejected, RateLimited, SetupError, TokenRefused

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


class CalledShop:
    """What every connector has that calls a platform in a shop's name."""

    needs: ClassVar[tuple[str, ...]]
    token: ClassVar[str]
    capabilities: Capabilities

    def __init__(
        self,
        client: httpx.Client,
        name: str,
        credentials: Credentials,
        mapping: mappings.Mapping,
        now: Now,
        terms: Terms = AS_USUAL,
    ) -> None:
        self.name = name
        self.capabilities = terms.capabilities or self.capabilities
        self._client = client
        self._access = Access(name, credentials, terms, self.token, self.needs)
        self._carriers = {**mapping.carriers, **terms.carriers}
        self._now = now

    def _read_spans(
        self, since: datetime, until: datetime, read: ReadSpan[Found], *, first_tries: int = 1
    ) -> Iterator[Found]:
        return read_spans(self.name, self.capabilities, since, until, self._now(), read, first_tries=first_tries)

    @property
    def hides_changes(self) -> bool:
        """Whether its list leaves out orders of some states; nearly no platform's does."""
        return False

    def delivered_back(self, order: Delivered) -> None:
        """Raises ChannelRejected: nearly every platform follows parcels by itself."""
        raise ChannelRejected(self.name, f"tell that {order.order_no} was delivered", "the platform knows by itself")

    def listings(self) -> Iterator[list[Listing]]:
        """None: most platforms describe no call that lists what a shop offers."""
        return iter(())


class ConsentCalls:
    """What every authoriser is made of."""

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self._client = client
        self._name = name
        self._credentials = credentials
        self._now = now
