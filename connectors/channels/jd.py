"""A JD (京东) POP shop through the JOS gateway.

Sources: the order API pages of open.jd.com for the methods named here. Every call is a signed form whose business
parameters are one JSON text; errors come with HTTP 200, in three layers. Self-operated business is another API.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

import httpx

from connectors import mapping as mappings
from connectors.base import (
    AS_USUAL,
    Authoriser,
    Box,
    Capabilities,
    Credentials,
    Health,
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
from connectors.channels import jd_stock
from connectors.channels.access import CalledShop
from connectors.channels.jd_authoriser import JdAuthoriser
from connectors.channels.jd_gateway import JosGateway
from connectors.channels.jd_protocol import (
    NO_SUCH_ORDER,
    PARAMETER,
    TRANSIENT,
    number_or_text,
    part,
    rows_with,
    says_success,
    whole,
)
from connectors.channels.jd_readiness import not_ready
from connectors.channels.reading import TRIES, Rows, check_depth, pages, patiently
from connectors.transport import china_time
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
)

SEARCH: Final = "jingdong.pop.order.search"
DETAIL: Final = "jingdong.pop.order.get"
SHIP: Final = "jingdong.pop.order.shipment"
CARRIERS: Final = "360buy.get.vender.all.delivery.company"
SOURCE: Final = "JOS"
OWN_DELIVERY: Final = "1274"  # the carrier without a number
SHIPPED: Final = frozenset(("WAIT_GOODS_RECEIVE_CONFIRM", "FINISHED_L"))
FIELDS: Final = ",".join(
    (
        "orderId,venderId,orderType,payType,orderTotalPrice,orderSellerPrice,orderPayment,actualPay,shouldPay,freightPrice",
        "sellerDiscount,balanceUsed,orderState,orderStateRemark,deliveryType,invoiceInfo,invoiceEasyInfo,invoiceCode",
        "vatInfo,orderRemark,venderRemark,orderStartTime,orderEndTime,paymentConfirmTime,modified,consigneeInfo",
        "itemInfoList,couponDetailList,parentOrderId,directParentOrderId,returnOrder,orderSource,storeOrder",
        "idSopShipmenttype,scDT,waybill,logisticsId,pin,open_id_buyer",
    )
)


class JdChannel(CalledShop):
    """One shop. Credentials: endpoint, app_key, app_secret, access_token.

    Optionally order_states (a comma list), stock_model and stock_store (see `jd_stock.StockSpelling`).
    """

    needs: ClassVar[tuple[str, ...]] = ("app_key", "app_secret", "access_token")
    usual_endpoint: ClassVar[str] = "https://api.jd.com/routerjson"
    token: ClassVar[str] = "access_token"
    authoriser: ClassVar[type[Authoriser] | None] = JdAuthoriser
    shared_numbers: ClassVar[str] = "jd"

    ORDER_STATES: ClassVar[str] = (
        "WAIT_SELLER_STOCK_OUT,WAIT_SELLER_DELIVERY,WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,TRADE_CANCELED,"
        "LOCKED,PAUSE,POP_ORDER_PAUSE,WAIT_SEND_CODE"
    )
    """The states that are asked for: only a list of all shows what was cancelled."""
    UNCERTAIN_STATES: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset(("WAIT_SELLER_DELIVERY", "WAIT_SEND_CODE")),
        frozenset(("LOCKED", "PAUSE", "POP_ORDER_PAUSE")),
    )
    """Which of them not every application may ask for (unconfirmed): they are given up one group after the other when
    the platform refuses the list for its parameters. What enters such a state is then not listed: `hides_changes`."""

    capabilities = Capabilities(
        window=timedelta(minutes=30),  # a month is allowed; short windows keep pages few
        lag=timedelta(seconds=60),  # (unconfirmed) how late a change shows in the list is not documented
        overlap=timedelta(minutes=5),
        history=timedelta(days=90),
        paging=Paging.LAST_TO_FIRST,
        page_size=100,
        deepest_row=10_000,  # beyond page 100 a list may come back empty
        calls_per_s=10,  # (unconfirmed) it depends on the application's level
        masked_fields=frozenset({"name", "phone", "address"}),
        merge_token=MergeToken.CALL,
        push=Push.NONE,
        tracking_unit=TrackingUnit.ORDER,
        parcels_per_order=None,
        numbers_at_once=True,
        reships=0,
        stock_batch=20,  # (unconfirmed)
        stock_modes=frozenset({StockMode.ABSOLUTE}),
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
        self._gateway = JosGateway(client, name, self._access, now)
        self._states = _filters(credentials.get("order_states") or self.ORDER_STATES, self.UNCERTAIN_STATES)
        self._filters = len(self._states)
        self._stock = jd_stock.StockSpelling.of(name, credentials)

    @property
    def hides_changes(self) -> bool:
        """Whether the platform refused to list some states, of the calls that were made so far."""
        return len(self._states) < self._filters

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """What a warehouse of the platform ships, exchanges, and what is not paid is not ours to ship."""
        return not_ready(payload)

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """The full payload of every order changed in [since, until), page by page.

        A list is sorted by time of change, oldest first, and a window is closed before it is read: its rows can
        only leave it. Each that leaves moves all rows behind it one place to the front, so reading from page 1 on
        would pass over rows. Read from the last page to the first, such rows are seen twice rather than never.
        A span that is deeper than the platform shows is read in halves. Raises ChannelError types, ChannelRejected
        when a single second is too deep.
        """
        return self._read_spans(since, until, self._changed)

    def _changed(self, start: datetime, end: datetime, tries: int) -> Iterator[Rows]:
        wish = _dates(start, end, "0")
        rows, total = patiently(partial(self._page, wish, FIELDS, 1), tries)
        self._check_depth(start, total)
        if total > self.capabilities.page_size:
            read = partial(self._page, wish, FIELDS)
            found = pages(self.name, self.capabilities, total, lambda number: patiently(partial(read, number))[0])
            yield from filter(None, found)
        elif rows:
            # what fits one page cannot move while it is read
            yield rows

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """The numbers of every order created in [since, until), page by page.

        Sorted by creation, rows never leave a window; they come in when they are paid, and move those behind them
        to later pages. So each is read from its first page to its last, wherever that is by then. A span that is,
        or becomes, deeper than the platform shows is read in halves; its first numbers then come twice.
        """
        return self._read_spans(since, until, self._created, first_tries=TRIES)

    def _created(self, start: datetime, end: datetime, tries: int) -> Iterator[list[str]]:
        wish, page, total = _dates(start, end, "1"), 1, 1
        while (page - 1) * self.capabilities.page_size < total:
            rows, total = patiently(partial(self._page, wish, "orderId", page), tries)
            self._check_depth(start, total)
            if rows:
                yield [self._number_in(row) for row in rows]
            page += 1

    def _check_depth(self, start: datetime, total: int) -> None:
        # a longer span is read in halves until it is a second
        check_depth(self.name, self.capabilities, total, f"the second {china_time(start)}")

    def _number_in(self, row: dict[str, Any]) -> str:
        number = row.get("orderId")
        if number is None or number == "":
            raise ChannelUnavailable(self.name, "list orders", "a row has no orderId")
        return str(number)

    def _page(self, wish: dict[str, str], fields: str, page: int) -> tuple[Rows, int]:
        """A page from 1, and how many orders the whole list has."""
        size = self.capabilities.page_size
        asked = {**wish, "optional_fields": fields, "page": str(page), "page_size": str(size)}
        result = part(self._search(asked), "searchorderinfo_result")
        total, rows = whole(result.get("orderTotal")), result.get("orderInfoList") or []
        if total is None or type(rows) is not list or any(type(row) is not dict for row in rows):
            raise ChannelUnavailable(self.name, "list orders", "the answer has no orderTotal, or no list")
        if not rows and (page - 1) * size < total:
            deepest = self.capabilities.deepest_row
            kind = ChannelRejected if deepest is not None and page * size > deepest else ChannelUnavailable
            raise kind(self.name, "list orders", f"page {page} of {total} orders is empty")
        return rows, total

    def _search(self, wish: dict[str, str], given_up: int = 0) -> dict[str, Any]:
        """One call of the list, with the fullest filter that the platform takes: those after it begin with that."""
        try:
            asked = {**wish, "order_state": self._states[given_up], "source_id": SOURCE}
            answer = self._gateway.call(SEARCH, asked)
        except ChannelRejected as error:
            if given_up + 1 == len(self._states) or PARAMETER.search(error.obstacle) is None:
                raise
            return self._search(wish, given_up + 1)
        self._states = self._states[given_up:]
        return answer

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The order's present payload; None when the platform no longer has it."""
        wish = {"order_id": number_or_text(external_id), "optional_fields": FIELDS, "source_id": SOURCE}
        try:
            answer = self._gateway.call(DETAIL, wish)
        except ChannelRejected as error:
            if NO_SUCH_ORDER.search(error.obstacle):
                return None
            raise
        found = part(answer, "orderDetailInfo").get("orderInfo")
        if type(found) is not dict or not found:
            raise ChannelUnavailable(self.name, f"read order {external_id}", "the answer has no orderInfo")
        return found

    def ship_back(self, parcel: ShipBack) -> None:
        """Report an order as shipped, with the numbers of all its boxes: it leaves as a whole, in one call.

        The platform refuses what is shipped already, and sometimes says a passing fault though it took the call:
        then the order is read, and our numbers on it are success.
        """
        action = f"ship order {parcel.order_no}"
        if parcel.replaces:
            raise ChannelRejected(self.name, action, "JD takes no other number for an order that is shipped")
        if not parcel.last_parcel:
            raise ChannelRejected(self.name, action, "JD ships whole orders: report all boxes once the last one left")
        numbers = self._numbers(parcel, action)
        try:
            self._ship(parcel, numbers, action)
        except (ChannelRejected, OutcomeUnknown) as error:
            unanswered = isinstance(error, OutcomeUnknown) and TRANSIENT.search(error.obstacle) is None
            if unanswered or not self._carries(parcel.external_id, numbers):
                raise

    def _numbers(self, parcel: ShipBack, action: str) -> dict[str, list[str]]:
        """The numbers of every box by the platform's carrier, in the order in which the boxes left."""
        found: dict[str, list[str]] = {}
        for box in (*parcel.earlier, Box(parcel.carrier, parcel.waybill)):
            code = self._carriers.get(box.carrier)
            if code is None:
                obstacle = f"there is no code for carrier {box.carrier}: see `orderpool shop carriers {self.name}`"
                raise ChannelRejected(self.name, action, obstacle)
            numbers = found.setdefault(code, [])
            if code != OWN_DELIVERY and box.waybill not in numbers:
                numbers.append(box.waybill)
        return found

    def _ship(self, parcel: ShipBack, numbers: dict[str, list[str]], action: str) -> None:
        wish = {
            "orderId": number_or_text(parcel.external_id),
            "logiCoprId": "|".join(numbers),
            "logiNo": "|".join(",".join(of_carrier) for of_carrier in numbers.values()),
        }
        if not says_success(self._gateway.call(SHIP, wish, changes=True)):
            raise OutcomeUnknown(self.name, action, "the answer does not say success")

    def _carries(self, external_id: str, numbers: dict[str, list[str]]) -> bool:
        order = self.order(external_id) or {}
        ours = {number for of_carrier in numbers.values() for number in of_carrier}
        theirs = set(str(order.get("waybill") or "").replace("|", ",").split(","))
        return ours <= theirs if ours else str(order.get("orderState")) in SHIPPED

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units, up to `stock_batch` SKUs in a call."""
        return jd_stock.push(self.name, levels, self.capabilities.stock_batch, self._stock, self._gateway)

    def check(self) -> Health:
        """One signed read of the last minute's orders: whether keys, token and permission work."""
        now = self._now()
        try:
            self._page(_dates(now - timedelta(minutes=1), now, "0"), "orderId", 1)
        except ChannelDenied as error:
            return Health(False, ("access_token, or the order permission of the app",), str(error))
        except ChannelError as error:
            return Health(False, (), str(error))
        if self.hides_changes:
            listed = self._states[0]
            return Health(True, (), f"only orders in {listed} are listed, other open ones are asked for one by one")
        return Health(True)

    def list_carriers(self) -> list[PlatformCarrier]:
        """The carriers that the shop has switched on. Where in the answer they stand is unconfirmed."""
        rows = rows_with(self._gateway.call(CARRIERS, {"fields": "id,name,description"}), "id", "name")
        if rows is None:
            raise ChannelUnavailable(self.name, "list carriers", "the answer has no list")
        return [PlatformCarrier(str(row["id"]), str(row["name"] or "")) for row in rows]


def _dates(start: datetime, end: datetime, date_type: str) -> dict[str, str]:
    """A span as the list takes it, oldest first: by time of change ("0") or of creation ("1")."""
    return {"start_date": china_time(start), "end_date": china_time(end), "dateType": date_type, "sortType": "0"}


def _filters(states: str, uncertain: Iterable[frozenset[str]]) -> list[str]:
    """The filters to try one after the other, each without a further group of uncertain states."""
    found = [states]
    for group in uncertain:
        kept = ",".join(state for state in found[-1].split(",") if state.strip() not in group)
        if kept not in ("", found[-1]):
            found.append(kept)
    return found
