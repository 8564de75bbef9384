"""A Douyin shop (抖店) through its open platform.

Sources: the platform's API call guide and the API pages of the methods named here. Every call is a signed JSON body;
errors come with HTTP 200.
"""

import hmac
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from math import ceil
from typing import Any, ClassVar, Final

from connectors.base import (
    Authoriser,
    Capabilities,
    Credentials,
    Health,
    MergeToken,
    NotReady,
    Paging,
    PlatformCarrier,
    Push,
    RepeatClass,
    ShipBack,
    StockLevel,
    StockMode,
    StockOutcome,
    TrackingUnit,
)
from connectors.channels import douyin_stock
from connectors.channels.access import CalledShop
from connectors.channels.douyin_authoriser import DouyinAuthoriser
from connectors.channels.douyin_payloads import (
    awaits_a_phase,
    boxes_of,
    carries,
    notice_in,
    number_in,
    numbered,
    objects,
    parsed,
)
from connectors.channels.douyin_protocol import (
    ENDPOINT,
    NO_SUCH_ORDER,
    SHIPPED_ALREADY,
    WHOLE_ORDERS_ONLY,
    Refused,
    ask,
    push_signature,
)
from connectors.channels.reading import TRIES, Rows, pages, patiently
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
)
from models.incoming import PayState

TIMEOUT_S: Final = 20.0
READS_PER_WINDOW: Final = 5
MAX_PUSH_BYTES: Final = 1_000_000
MAX_PUSH_MESSAGES: Final = 1_000

PART_PAID: Final = 103  # as main_status
REFUNDED: Final = frozenset((21, 22, 39))  # as main_status: before shipping, after it, after receipt
IN_REVIEW: Final = 105
PART_SHIPPED: Final = 101


class DouyinChannel(CalledShop):
    """One shop. Credentials: endpoint, app_key, app_secret, access_token."""

    needs: ClassVar[tuple[str, ...]] = ("app_key", "app_secret", "access_token")
    usual_endpoint: ClassVar[str] = ENDPOINT
    token: ClassVar[str] = "access_token"
    authoriser: ClassVar[type[Authoriser] | None] = DouyinAuthoriser
    shared_numbers: ClassVar[str] = "douyin"

    capabilities = Capabilities(
        window=timedelta(minutes=30),  # more is allowed; short windows stay far from the deepest row
        lag=timedelta(seconds=60),
        overlap=timedelta(minutes=5),
        history=timedelta(days=90),
        paging=Paging.LAST_TO_FIRST,
        page_size=100,
        deepest_row=50_000,
        calls_per_s=10,  # (unconfirmed) per application and method, "low tens"
        masked_fields=frozenset({"name", "phone", "address"}),
        merge_token=MergeToken.FIELD,  # (unconfirmed) open_address_id
        push=Push.HTTP,
        tracking_unit=TrackingUnit.UNITS,
        parcels_per_order=None,
        numbers_at_once=False,
        reships=2,  # (unconfirmed) the limit is not documented
        stock_batch=50,  # (unconfirmed)
        stock_modes=frozenset(StockMode),
    )
    ship_back_class = RepeatClass.QUERYABLE

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """A pre-sale is paid when all its phases are; a refunded order may keep a status of its own for a while."""
        main = number_in(payload.get("main_status"))
        if main in REFUNDED:
            return NotReady(PayState.CANCELLED, "it is refunded")
        if main == PART_PAID or awaits_a_phase(payload):
            return NotReady(PayState.UNPAID, "the final part of the pre-sale is not paid")
        if number_in(payload.get("order_status")) == IN_REVIEW:
            return NotReady(PayState.BLOCKED, "it is paid, but the platform still processes it or reviews its risk")
        return None

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Every order changed in [since, until), page by page.

        A window is closed, in the past and sorted by the time of change, so while it is read orders can only leave it:
        what changes again is in a later window, and all behind it move up. What is not read yet lies before the page
        that was read last and can only move further to the front, so reading from the last page to the first meets all
        of it; from the first to the last, each order that leaves would hide one behind it. A window that grows all the
        same, or of which fewer orders were met than it still counts (orders of one second may change places between
        two pages), is read again, 5 times at most. One that is deeper than the platform shows is read in halves.
        Raises ChannelError types.
        """
        return self._read_spans(since, until, partial(self._listed, "update_time"))

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """The numbers of every order created in [since, until), page by page."""
        for rows in self._read_spans(since, until, partial(self._listed, "create_time")):
            if not all(row.get("order_id") for row in rows):
                raise ChannelUnavailable(self.name, "list orders", "an order in the answer has no order_id")
            yield [str(row["order_id"]) for row in rows]

    def _listed(self, by: str, start: datetime, end: datetime, tries: int) -> Iterator[Rows]:
        # both ends of their window belong to it, of ours only the first
        window = {f"{by}_start": int(start.timestamp()), f"{by}_end": ceil(end.timestamp()) - 1}
        for _ in range(READS_PER_WINDOW):
            whole = yield from self._read_window({**window, "order_by": by, "order_asc": True}, tries)
            if whole:
                return
            tries = TRIES
        raise ChannelUnavailable(self.name, "list orders", "the window kept growing or moving while it was read")

    def _read_window(self, wish: dict[str, Any], tries: int) -> Generator[Rows, None, bool]:
        first, total = patiently(partial(self._page, wish, 0), tries)
        if total <= self.capabilities.page_size:
            if first:
                yield first
            return True
        totals = [total]
        met: set[str] = set()

        def read(number: int) -> Rows:
            rows, counted = patiently(partial(self._page, wish, number - 1))
            totals.append(counted)
            met.update(str(row.get("order_id")) for row in rows)
            return rows

        yield from filter(None, pages(self.name, self.capabilities, total, read))
        return len(met) >= totals[-1] and not any(later > earlier for earlier, later in pairwise(totals))

    def _page(self, wish: dict[str, Any], page: int) -> tuple[Rows, int]:
        """The rows of a page and the total of the window; pages are counted from 0."""
        size = self.capabilities.page_size
        answer = self._call("order.searchList", {**wish, "page": page, "size": size})
        answer = answer if type(answer) is dict else {}
        total, rows = number_in(answer.get("total")), answer.get("shop_order_list") or []
        if total is None:
            raise ChannelUnavailable(self.name, "list orders", "the answer has no total")
        if type(rows) is not list or any(type(row) is not dict for row in rows):
            raise ChannelUnavailable(self.name, "list orders", "the answer has no list of orders")
        if len(rows) < min(size, total - page * size):
            obstacle = f"page {page} of {total} orders has {len(rows)} of them"
            raise ChannelUnavailable(self.name, "list orders", obstacle)
        return rows, total

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The order's present payload; None when the platform no longer has it."""
        try:
            answer = self._call("order.orderDetail", {"shop_order_id": external_id})
        except Refused as error:
            if error.number in NO_SUCH_ORDER:
                return None
            raise
        detail = answer.get("shop_order_detail") if type(answer) is dict else None
        if type(detail) is not dict or not detail:
            raise ChannelUnavailable(self.name, f"read order {external_id}", "the answer has no shop_order_detail")
        return detail

    def ship_back(self, parcel: ShipBack) -> None:
        """Report a parcel with its carrier and number: a whole order at once, else the pieces that are in it.

        The platform refuses what is shipped already: then the order is read, and our number on it is success. While
        a refund waits for an answer or the platform reviews the risk it is PutOff: later it may be shipped.
        """
        code = self._carriers.get(parcel.carrier)
        if code is None:
            obstacle = f"there is no code for carrier {parcel.carrier}: see `orderpool shop carriers {self.name}`"
            raise ChannelRejected(self.name, _shipping(parcel), obstacle)
        box = {"company_code": code, "logistics_code": parcel.waybill}
        if parcel.replaces:
            self._correct(parcel, box)
        elif parcel.line_nos or parcel.earlier:
            self._ship_pieces(parcel, box)
        else:
            self._ship("order.logisticsAdd", {"order_id": parcel.external_id, **box}, parcel)

    def _ship_pieces(self, parcel: ShipBack, box: dict[str, str]) -> None:
        if not parcel.pieces:
            obstacle = "it takes a part of an order as pieces of its lines, and the parcel names none"
            raise ChannelRejected(self.name, _shipping(parcel), obstacle)
        # the platform takes a request twice for once, but the same parcel may come with another key
        if self._has(parcel):
            return
        pieces = [{"shipped_order_id": piece.line_no, "shipped_num": piece.quantity} for piece in parcel.pieces]
        pack = {**box, "shipped_order_info": pieces}
        # a parcel may hold several orders, and the platform takes a request once for all of a shop
        request_id = f"{parcel.key}-{parcel.external_id}"
        wish = {"order_id": parcel.external_id, "request_id": request_id, "pack_list": [pack]}
        self._ship("order.logisticsAddMultiPack", wish, parcel)

    def _ship(self, method: str, wish: dict[str, Any], parcel: ShipBack) -> None:
        try:
            self._call(method, wish, changes=True)
        except Refused as error:
            if error.number not in SHIPPED_ALREADY or not self._has(parcel):
                raise

    def _has(self, parcel: ShipBack) -> bool:
        return carries(boxes_of(self.order(parcel.external_id)), parcel)

    def _correct(self, parcel: ShipBack, box: dict[str, str]) -> None:
        """Give a reported parcel another number; one that has it already is left alone."""
        if self.capabilities.reships == 0:
            raise ChannelRejected(self.name, _shipping(parcel), "the number of a reported parcel cannot be corrected")
        order = self.order(parcel.external_id)
        boxes = boxes_of(order)
        wrong = next((known for known in boxes if numbered(known, parcel.replaces)), None)
        if wrong is None:
            if any(numbered(known, parcel.waybill) for known in boxes):
                return
            raise ChannelRejected(self.name, _shipping(parcel), f"no parcel of it has the number {parcel.replaces}")
        wish = {"order_id": parcel.external_id, **box}
        by_parcel = {**wish, "pack_id": str(wrong.get("delivery_id") or "")}
        if len(boxes) > 1 or number_in((order or {}).get("order_status")) == PART_SHIPPED:
            self._call("order.logisticsEditByPack", by_parcel, changes=True)
            return
        try:
            self._call("order.logisticsEdit", wish, changes=True)
        except Refused as error:
            # an order may have been shipped in pieces that all were in one parcel
            if error.number != WHOLE_ORDERS_ONLY:
                raise
            self._call("order.logisticsEditByPack", by_parcel, changes=True)

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units, up to `stock_batch` SKUs of one product in a call."""
        return douyin_stock.push(self.name, levels, self.capabilities.stock_batch, partial(self._call, changes=True))

    def list_carriers(self) -> list[PlatformCarrier]:
        """The carriers of the platform; it does not tell the form of their numbers."""
        rows = self._call("order.logisticsCompanyList", {})
        if type(rows) is not list:
            raise ChannelUnavailable(self.name, "list carriers", "the answer has no list")
        return [
            PlatformCarrier(str(row["code"]), str(row.get("name") or "")) for row in objects(rows) if row.get("code")
        ]

    def check(self) -> Health:
        """One signed read of the last minute's orders: whether keys, token and permission work."""
        now = int(self._now().timestamp())
        try:
            self._page({"update_time_start": now - 60, "update_time_end": now}, page=0)
        except ChannelDenied as error:
            return Health(False, ("access_token, or the order permission of the app",), str(error))
        except ChannelError as error:
            return Health(False, (), str(error))
        return Health(True)

    def read_notices(self, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
        """The message and order ids of a signed push about orders and refunds; empty for a test and for articles.

        Raises ChannelDenied when the signature is wrong, ChannelRejected when the body is none of theirs.
        """
        if len(body) > MAX_PUSH_BYTES:
            raise ChannelRejected(self.name, "push", f"the body has more than {MAX_PUSH_BYTES} bytes")
        given = {key.lower(): value for key, value in headers.items()}.get("event-sign", "")
        known = self._access.credentials
        wanted = push_signature(known["app_key"], body, known["app_secret"])
        if not hmac.compare_digest(given.strip().encode(), wanted.encode()):
            raise ChannelDenied(self.name, "push", "the signature is missing or wrong")
        messages = parsed(body)
        if type(messages) is not list or len(messages) > MAX_PUSH_MESSAGES:
            raise ChannelRejected(self.name, "push", f"the body is no list of at most {MAX_PUSH_MESSAGES} messages")
        return [notice for message in objects(messages) if (notice := notice_in(message))]

    def _call(self, method: str, wish: dict[str, Any], *, changes: bool = False) -> Any:
        def once(known: Credentials) -> Any:
            now = self._now()
            return ask(self._client, self.name, method, wish, known, now, timeout_s=TIMEOUT_S, changes=changes)

        return self._access.call(once)


def _shipping(parcel: ShipBack) -> str:
    return f"ship order {parcel.order_no}"
