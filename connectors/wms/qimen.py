"""A warehouse that speaks Qimen (奇门), through the Taobao gateway or point to point; only address and secret differ.

Source: the vendor's SDK and its generated request classes; what several systems do differently is an option.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from connectors.base import Credentials, Envelope, Message, Now, RepeatClass
from connectors.converters import CHINA, TIMES, BadValue, whole
from connectors.transport import build, call, china_time
from connectors.wms.qimen_incoming import envelopes
from connectors.wms.qimen_orders import GOOD, cancel_body, create_body, query_body
from connectors.wms.qimen_protocol import PREFIX, Reply, is_signed, refusal_of, reply_of, sign
from connectors.wms.qimen_terms import terms_of
from connectors.wms.qimen_xml import text_of
from models.errors import ChannelDenied, ChannelRejected

CREATE: Final = "deliveryorder.create"
CANCEL: Final = "order.cancel"
STOCK: Final = "inventory.query"
RECEIVER: Final = "receiverinfo.query"
"""The method by which a warehouse asks for a receiver in clear."""


@dataclass(frozen=True, slots=True)
class ItemStock:
    """Good units of a SKU in a warehouse: free ones, and those that it keeps for its own work."""

    available: int
    frozen: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the warehouse whose signature is right; `method` is without its prefix."""

    method: str
    sent_at: datetime
    body: bytes


class QimenWms:
    """One warehouse. Credentials: endpoint, app_key, secret, customer_id; optionally those of `Terms`.

    An order is known by its number (deliveryOrderCode): sent again it is taken once, or refused because it is there,
    which is as good. The same secret signs both directions.
    """

    repeat_class = RepeatClass.DEDUPLICATED
    needs: ClassVar[tuple[str, ...]] = ("endpoint", "app_key", "secret", "customer_id")
    for_people: ClassVar[bool] = False
    reads_long: ClassVar[bool] = False
    in_house: ClassVar[bool] = False

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._client = client
        self._now = now
        self._terms = terms_of(name, credentials)

    def groups(self, messages: Sequence[Message]) -> list[Sequence[Message]]:
        """Each alone: the protocol has no call for several orders of this kind."""
        return [[message] for message in messages]

    def send(self, *messages: Message) -> Mapping[str, Envelope]:
        """Have an order delivered or cancelled; the answer to a cancel is reported at once, where it is final.

        Raises ChannelRejected when the warehouse refuses an order for what it says, ChannelDenied for a signature or
        a permission, OutcomeUnknown when nobody knows whether it was taken, and ChannelUnavailable or RateLimited when
        it may be taken later.
        """
        (message,) = messages
        if message.type == "outbound.created":
            self._create(message)
            return {}
        if message.type == "outbound.cancel_requested":
            return self._cancel(message)
        raise ChannelRejected(self.name, f"send {message.type}", "Qimen has no call for it")

    def stock(self, skus: Sequence[str]) -> dict[str, ItemStock]:
        """What lies there of these SKUs, over all batches; without those that the warehouse does not name.

        Raises ChannelError types; nothing is changed there.
        """
        found: dict[str, ItemStock] = {}
        size = self._terms.options.query_batch
        for start in range(0, len(skus), size):
            some = skus[start : start + size]
            reply = self._call(STOCK, query_body(some, self.name, self._terms), changes=False)
            if not reply.taken:
                raise refusal_of(reply, self.name, STOCK, changes=False)
            for sku, available, frozen in self._items(reply):
                before = found.get(sku, ItemStock(0, 0))
                found[sku] = ItemStock(before.available + available, before.frozen + frozen)
        return found

    def verify(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Raise ChannelDenied: what this warehouse signs is its address, so its reports have another way in."""
        raise ChannelDenied(self.name, "incoming message", "it reports to /hooks/qimen, not to /hooks/wms")

    def verified(self, query: Mapping[str, str], body: bytes) -> Call:
        """A received call, when it is the warehouse's; `query` is decoded, `body` as it came.

        Raises ChannelDenied when it is not signed with our secret, is for another customer, or not of these minutes.
        """
        terms = self._terms
        if not is_signed(query, body, terms.secret, terms.wrap, terms.sign_method):
            raise ChannelDenied(self.name, "incoming call", "the signature is wrong")
        if query.get("customerId", terms.customer_id) != terms.customer_id:
            raise ChannelDenied(self.name, "incoming call", "it is for another customerId")
        window = timedelta(seconds=terms.options.window_s)
        sent_at = self._sent_at(query)
        if abs(sent_at - self._now()) > window:
            raise ChannelDenied(self.name, "incoming call", f"its timestamp is more than {window} away")
        return Call(query.get("method", "").removeprefix(PREFIX), sent_at, body)

    def reports(self, call: Call) -> dict[str, Envelope]:
        """What a received call reports, by the id by which each report is taken once."""
        return envelopes(call.method, call.body, call.sent_at, self._terms.options.carrier_of)

    def _sent_at(self, query: Mapping[str, str]) -> datetime:
        try:
            moment: datetime = TIMES["china_time"](query.get("timestamp", ""))
        except BadValue as error:
            raise ChannelDenied(self.name, "incoming call", "it has no timestamp that can be read") from error
        return moment

    def _create(self, message: Message) -> None:
        body = create_body(message.data, message.occurred_at, self._now(), self._terms)
        reply = self._call(CREATE, body, changes=True)
        known = reply.says_exists or {reply.code, reply.sub_code} & self._terms.options.exists
        if not (reply.taken or known):
            raise refusal_of(reply, self.name, CREATE, changes=True)

    def _cancel(self, message: Message) -> Mapping[str, Envelope]:
        reply = self._call(CANCEL, cancel_body(message.data, self._terms), changes=True)
        done = reply.taken or reply.says_cancelled
        if not done:
            refusal = refusal_of(reply, self.name, CANCEL, changes=True)
            if not isinstance(refusal, ChannelRejected):
                raise refusal
        if reply.taken and not self._terms.options.cancel_is_final:
            return {}
        said = self._now().astimezone(CHINA).isoformat(timespec="seconds")
        reason = "CANCELLED" if done else f"{reply.code} {reply.message}".strip()
        kind = "outbound.cancelled" if done else "outbound.cancel_failed"
        data = {"outbound_no": message.data["outbound_no"], "reason_code": reason, "occurred_at": said}
        return {message.key: {"type": kind, "timestamp": said, "data": data}}

    def _call(self, method: str, body: bytes, *, changes: bool) -> Reply:
        terms, now = self._terms, self._now()
        address = urlsplit(terms.endpoint)
        query = {
            **dict(parse_qsl(address.query)),
            "method": f"{PREFIX}{method}",
            "app_key": terms.app_key,
            "timestamp": china_time(now),
            "format": "xml",
            "v": terms.version,
            "sign_method": terms.sign_method,
            "customerId": terms.customer_id,
        }
        request = build(
            self._client,
            self.name,
            method,
            "POST",
            address._replace(query="").geturl(),
            timeout_s=terms.options.timeout_s,
            params={**query, "sign": sign(query, body, terms.secret, terms.wrap)},
            content=body,
            headers={"content-type": "text/xml;charset=UTF-8"},
        )
        response = call(self._client, self.name, method, request, changes=changes)
        return reply_of(response, self.name, method, now, changes=changes)

    def _items(self, reply: Reply) -> Iterator[tuple[str, int, int]]:
        """SKU, free and frozen units of each good batch."""
        for item in reply.root.findall("items/item"):
            if (text_of(item, "inventoryType") or GOOD) != GOOD:
                continue
            sku = text_of(item, "itemCode")
            try:
                yield sku, whole(text_of(item, "quantity")), whole(text_of(item, "lockQuantity") or "0")
            except BadValue as error:
                raise ChannelRejected(self.name, STOCK, f"item {sku[:64]}: its number {error.why}") from error
