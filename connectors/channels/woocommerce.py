"""A WooCommerce store through its REST API v3.

Sources: the WooCommerce REST API v3 documentation and the official client libraries. Over https the keys go
as HTTP Basic, over plain http every call carries an OAuth 1.0a one-legged signature in its query.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, Final
from urllib.parse import quote

import httpx
import orjson

from connectors import mapping as mappings
from connectors.base import (
    AS_USUAL,
    Authoriser,
    Capabilities,
    Credentials,
    Delivered,
    DeliveredBack,
    Health,
    Listing,
    MergeToken,
    NotReady,
    Now,
    Paging,
    PlatformCarrier,
    Push,
    RepeatClass,
    ShipBack,
    StockLevel,
    StockMode,
    StockOutcome,
    Terms,
    TrackingUnit,
)
from connectors.channels import woocommerce_stock
from connectors.channels.access import CalledShop
from connectors.channels.reading import patiently
from connectors.channels.woocommerce_shipping import delivery_changes, is_noted, note_for, order_changes
from connectors.transport import build, call, json_of, retry_after_s
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
)
from models.incoming import PayState
from models.masking import brief

API: Final = "/wp-json/wc/v3"
TIMEOUT_S: Final = 20.0
READS_PER_WINDOW: Final = 5
DRAFTS: Final = frozenset(("checkout-draft", "auto-draft"))
"""Statuses of things that are not orders yet; they never leave the connector."""
IGNORED: Final = frozenset(("trash", *DRAFTS))
DEAD: Final = frozenset(("cancelled", "refunded", "failed", *IGNORED))

_DIGESTS: Final = {"HMAC-SHA256": hashlib.sha256, "HMAC-SHA1": hashlib.sha1}


def oauth_signature(method: str, url: str, parameters: Mapping[str, str], consumer_secret: str) -> str:
    """The OAuth 1.0a signature (RFC 5849, one-legged) of exactly these parameters.

    `url` is without query, `parameters` hold the query and every oauth_* one except the signature. The key is
    the consumer secret and `&`. Raises ValueError for a signature method other than HMAC-SHA256 and HMAC-SHA1.
    """
    name = parameters.get("oauth_signature_method", "")
    if name not in _DIGESTS:
        raise ValueError(f"signature method {name!r} is not known")
    pairs = sorted((_encode(key), _encode(value)) for key, value in parameters.items())
    joined = "&".join(f"{key}={value}" for key, value in pairs)
    base = "&".join((method.upper(), _encode(url), _encode(joined)))
    digest = hmac.new(f"{consumer_secret}&".encode(), base.encode(), _DIGESTS[name]).digest()
    return base64.b64encode(digest).decode()


def webhook_signature(secret: str, body: bytes) -> str:
    """What `X-WC-Webhook-Signature` must be for the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def webhook_is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a delivery's signature header was made with our secret; without a secret none was."""
    given = {key.lower(): value for key, value in headers.items()}.get("x-wc-webhook-signature", "")
    return secret != "" and hmac.compare_digest(given.strip().encode(), webhook_signature(secret, body).encode())


def _encode(value: str) -> str:
    return quote(value, safe="-._~")


class WooCommerceChannel(CalledShop):
    """One store. Credentials: endpoint (the store's address), consumer_key, consumer_secret, webhook_secret."""

    needs: ClassVar[tuple[str, ...]] = ("endpoint", "consumer_key", "consumer_secret")
    usual_endpoint: ClassVar[str] = ""
    token: ClassVar[str] = ""  # keys are made in the store's admin screen and do not end
    authoriser: ClassVar[type[Authoriser] | None] = None
    shared_numbers: ClassVar[str] = ""

    capabilities = Capabilities(
        window=None,
        lag=timedelta(seconds=60),
        overlap=timedelta(minutes=3),
        history=None,
        paging=Paging.LAST_TO_FIRST,
        page_size=100,
        deepest_row=None,
        calls_per_s=4,  # no limit of its own; it is a small server
        masked_fields=frozenset(),
        merge_token=MergeToken.ADDRESS,
        push=Push.HTTP,
        tracking_unit=TrackingUnit.ORDER,
        parcels_per_order=None,
        numbers_at_once=False,
        reships=5,  # our own convention, written over; the buyer gets a mail each time
        stock_batch=100,
        stock_modes=frozenset({StockMode.ABSOLUTE}),
        delivered_back=DeliveredBack.NOTED,
        lists_products=True,
    )
    ship_back_class = RepeatClass.QUERYABLE

    def __init__(
        self,
        client: httpx.Client,
        name: str,
        credentials: Credentials,
        mapping: mappings.Mapping,
        now: Now,
        terms: Terms = AS_USUAL,
    ) -> None:
        super().__init__(client, name, credentials, mapping, now, terms)
        self._key = credentials["consumer_key"]
        self._secret = credentials["consumer_secret"]
        self._webhook_secret = credentials.get("webhook_secret", "")
        self._base = credentials["endpoint"].rstrip("/").removesuffix(API) + API

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """Ready means paid, except for cash on delivery; which statuses mean ready is the mapping's table."""
        if payload.get("payment_method") != "cod" and not payload.get("date_paid_gmt"):
            return NotReady(PayState.UNPAID, "the store has no date of payment")
        return None

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Every order changed in [since, until), page by page.

        The window is closed and in the past and rows come by id, so while we read rows can only leave it; read
        from the last page to the first, one that moves up is seen twice rather than never. Should the total grow
        (a store whose clock is ahead) the window is read again, 5 times at most. Raises ChannelError types.

        What was put into the bin is listed by itself only, and is no order any more.
        """
        # the comparison may be exclusive at the edges: ask for a second more in front
        window = {"modified_after": _gmt(since - timedelta(seconds=1)), "modified_before": _gmt(until)}
        for status in ("any", "trash"):
            yield from self._whole_window({**window, "status": status})

    def _whole_window(self, window: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
        for _ in range(READS_PER_WINDOW):
            grew = yield from self._read_window(window)
            if not grew:
                return
        raise ChannelUnavailable(self.name, "GET orders", "the window kept growing while it was read")

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """The ids of every order created in [since, until), page by page; a store may list some twice."""
        window = {"after": _gmt(since - timedelta(seconds=1)), "before": _gmt(until), "status": "any"}
        pages = self._read_window(window)
        yield from ([str(row["id"]) for row in rows if "id" in row] for rows in pages)

    def _read_window(self, window: Mapping[str, str]) -> Generator[list[dict[str, Any]], None, bool]:
        first_rows, total = self._page(window, 1)
        seen = [total]
        for page in range(-(-total // self.capabilities.page_size), 1, -1):
            rows, now_total = patiently(partial(self._page, window, page))
            seen.append(now_total)
            yield rows
        if len(set(seen)) > 1:
            first_rows, now_total = patiently(partial(self._page, window, 1))
            seen.append(now_total)
        if first_rows:
            yield first_rows
        return any(later > earlier for earlier, later in pairwise(seen))

    def _page(self, window: Mapping[str, str], page: int) -> tuple[list[dict[str, Any]], int]:
        query = {
            **window,
            "dates_are_gmt": "true",
            "orderby": "id",
            "order": "asc",
            "per_page": str(self.capabilities.page_size),
            "page": str(page),
        }
        response = self._talk("GET", "/orders", query)
        rows = json_of(response)
        if not isinstance(rows, list) or any(type(row) is not dict for row in rows):
            raise ChannelRejected(self.name, "GET orders", "the answer is no list of orders")
        if "modified_after" in window:
            self._check_window(rows, window["modified_after"], window["modified_before"])
        return [row for row in rows if row.get("status") not in DRAFTS], self._total(response)

    def _total(self, response: httpx.Response) -> int:
        total = response.headers.get("x-wp-total", "")
        if not (total.isascii() and total.isdigit()):
            raise ChannelRejected(self.name, "GET orders", "no X-WP-Total header; a proxy may strip it")
        return int(total)

    def _check_window(self, rows: list[dict[str, Any]], low: str, high: str) -> None:
        latest = _gmt(datetime.fromisoformat(high).replace(tzinfo=UTC) + timedelta(seconds=1))
        for row in rows:
            if not low <= str(row.get("date_modified_gmt", low))[:19] <= latest:
                obstacle = "answers orders outside the window; modified_after needs WooCommerce 5.8 or newer"
                raise ChannelRejected(self.name, "GET orders", obstacle)

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The order's present payload; None when the store has deleted or trashed it."""
        action = f"GET orders/{external_id}"
        try:
            response = self._talk("GET", f"/orders/{_encode(external_id)}", {})
        except _Gone:
            return None
        found = json_of(response)
        if type(found) is not dict:
            raise ChannelRejected(self.name, action, "the answer is no order")
        return None if found.get("status") in IGNORED else found

    def ship_back(self, parcel: ShipBack) -> None:
        """Write the parcel's number to the order's meta, complete it with the last parcel, add one note.

        A number that was wrong is written over. Each part is read before it is written, so repeating the call
        changes nothing more.
        """
        action = f"ship order {parcel.order_no}"
        if parcel.replaces and not self.capabilities.reships:
            raise ChannelRejected(self.name, action, "the number of a reported parcel cannot be corrected there")
        order = self.order(parcel.external_id)
        if order is None or order.get("status") in DEAD:
            state = "gone" if order is None else order["status"]
            raise ChannelRejected(self.name, action, f"the order is {state}")
        completes = self.capabilities.delivered_back is not DeliveredBack.COMPLETES
        carrier = self._carriers.get(parcel.carrier, parcel.carrier)
        changes = order_changes(order, parcel, carrier, completes=completes)
        if changes:
            self._talk("PUT", f"/orders/{_encode(parcel.external_id)}", {}, changes)
        self._note_once(parcel)

    def delivered_back(self, order: Delivered) -> None:
        """Write to the order's meta when it was delivered, and complete it unless it is; read first, so once.

        An order that the store has called off or deleted meanwhile is left as it is.
        """
        known = self.order(order.external_id)
        changes = delivery_changes(known, order) if known is not None and known.get("status") not in DEAD else {}
        if changes:
            self._talk("PUT", f"/orders/{_encode(order.external_id)}", {}, changes)

    def _note_once(self, parcel: ShipBack) -> None:
        path = f"/orders/{_encode(parcel.external_id)}/notes"
        notes = json_of(self._talk("GET", path, {}))
        written = [str(note.get("note", "")) for note in notes if type(note) is dict] if type(notes) is list else []
        if not is_noted(parcel, written):
            self._talk("POST", path, {}, {"note": note_for(parcel), "customer_note": True})

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units, up to `stock_batch` products, or variations of one product, in a call."""
        return woocommerce_stock.push(self.name, levels, self.capabilities.stock_batch, self._talk)

    def listings(self) -> Iterator[list[Listing]]:
        """Every product of the store that is sold as itself, and every variation."""
        return woocommerce_stock.listings(self.name, self.capabilities.page_size, self._talk)

    def check(self) -> Health:
        """One read of one order: whether address and keys work."""
        try:
            response = self._talk("GET", "/orders", {"per_page": "1"})
        except ChannelError as error:
            missing = ("consumer_key, consumer_secret",) if isinstance(error, ChannelDenied) else ("endpoint",)
            return Health(False, missing, str(error))
        return Health(isinstance(json_of(response), list))

    def list_carriers(self) -> list[PlatformCarrier]:
        """None: a store takes any text as a carrier."""
        return []

    def read_notices(self, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
        """The message and order id of a signed notice about an order; empty for the first, unsigned ping.

        Raises ChannelDenied when the signature is wrong, ChannelRejected when the body is none of theirs.
        """
        order = self.read_webhook(headers, body)
        topic = headers.get("x-wc-webhook-topic", "")
        if order is None or not topic.startswith("order."):
            return []
        delivery = headers.get("x-wc-webhook-delivery-id", "")
        return [(delivery or hashlib.sha256(body).hexdigest(), str(order.get("id", "")))]

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
        """The resource in a delivery, None for the ping after a webhook was created.

        A deleted order comes as its id only. Raises ChannelDenied when signature or secret is wrong.
        """
        if body.startswith(b"webhook_id=") and body[11:].isdigit():
            return None
        if not webhook_is_signed(self._webhook_secret, headers, body):
            raise ChannelDenied(self.name, "webhook", "the signature is missing or wrong")
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ChannelRejected(self.name, "webhook", "the body is no JSON") from error
        if type(found) is not dict:
            raise ChannelRejected(self.name, "webhook", "the body is no object")
        return found

    def _talk(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: dict[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        patience_s = TIMEOUT_S if timeout_s is None else timeout_s
        return self._access.call(lambda _: self._ask(method, path, query, body, patience_s))

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any] | None, timeout_s: float
    ) -> httpx.Response:
        action = f"{method} {path.removeprefix('/')}"
        url = f"{self._base}{path}"
        content: dict[str, Any] = {"headers": {"accept": "application/json"}}
        if body is not None:
            content = {"content": orjson.dumps(body), "headers": {"content-type": "application/json"}}
        if url.startswith("https:"):
            content["headers"]["authorization"] = self._basic()
        else:
            query = self._signed(method, url, query)
        full = url + ("?" + "&".join(f"{_encode(k)}={_encode(v)}" for k, v in query.items()) if query else "")
        request = build(self._client, self.name, action, method, full, timeout_s=timeout_s, **content)
        response = call(self._client, self.name, action, request, changes=body is not None)
        self._raise_for(response, action, changes=body is not None)
        if json_of(response) is None:
            raise ChannelRejected(self.name, action, f"no JSON: {brief(response.text, 80)}")
        return response

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self._key}:{self._secret}".encode()).decode()

    def _signed(self, method: str, url: str, query: Mapping[str, str]) -> dict[str, str]:
        parameters = {
            **query,
            "oauth_consumer_key": self._key,
            "oauth_timestamp": str(int(self._now().timestamp())),
            "oauth_nonce": secrets.token_hex(16),  # a nonce serves once: a retry needs its own
            "oauth_signature_method": "HMAC-SHA256",
        }
        signature = oauth_signature(method, url, parameters, self._secret)
        return {**parameters, "oauth_signature": signature}

    def _raise_for(self, response: httpx.Response, action: str, *, changes: bool) -> None:
        status = response.status_code
        if response.is_success:
            return
        code, obstacle = _error_of(response)
        wait_s = retry_after_s(response.headers, self._now())
        if status in (409, 429) or (status == 503 and wait_s is not None):
            raise RateLimited(self.name, action, obstacle, wait_s if wait_s is not None else 5.0)
        if status == 503 or (status >= 500 and not changes):
            raise ChannelUnavailable(self.name, action, obstacle)
        if status >= 500:
            raise OutcomeUnknown(self.name, action, obstacle)
        if status in (401, 403):
            raise ChannelDenied(self.name, action, obstacle)
        if status == 404 and code.endswith("_invalid_id"):
            raise _Gone(self.name, action, obstacle)
        raise ChannelRejected(self.name, action, obstacle)


class _Gone(ChannelRejected):
    """The store has no such order."""


def _error_of(response: httpx.Response) -> tuple[str, str]:
    body = json_of(response)
    if type(body) is not dict:
        return "", f"HTTP {response.status_code}, no JSON: {brief(response.text, 80)}"
    code = str(body.get("code", ""))
    return code, f"HTTP {response.status_code} {code} {brief(str(body.get('message', '')))}".strip()


def _gmt(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
