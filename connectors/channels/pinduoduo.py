"""A Pinduoduo shop through the Pinduoduo open platform.

Sources: the open platform's API pages of the methods named here. Every call is a signed form to one gateway, errors
come with HTTP 200. Lists give whole orders, so no order is asked for one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
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
from connectors.channels import pinduoduo_stock
from connectors.channels.access import CalledShop
from connectors.channels.pinduoduo_authoriser import GATEWAY, PinduoduoAuthoriser
from connectors.channels.pinduoduo_protocol import ask, number_of, rows_of
from connectors.channels.pinduoduo_ready import why_not_ready
from connectors.channels.reading import TRIES, Rows, pages, patiently, read_spans
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
)

CHANGED: Final = "pdd.order.number.list.increment.get"
CREATED: Final = "pdd.order.list.get"
CREATED_SPAN: Final = timedelta(hours=24)
NO_SUCH_ORDER: Final = "订单不存在"  # (unconfirmed) the platform has no code for it
EVERY: Final = 5  # of order_status and refund_status
FIRST_NUMBER: Final = 1
OTHER_NUMBER: Final = 2
SPLIT_PARCEL: Final = 1


class PinduoduoChannel(CalledShop):
    """One shop. Credentials: endpoint, app_key, app_secret, access_token."""

    needs: ClassVar[tuple[str, ...]] = ("app_key", "app_secret", "access_token")
    usual_endpoint: ClassVar[str] = GATEWAY
    token: ClassVar[str] = "access_token"
    authoriser: ClassVar[type[Authoriser] | None] = PinduoduoAuthoriser
    shared_numbers: ClassVar[str] = "pinduoduo"

    capabilities = Capabilities(
        window=timedelta(minutes=30),
        lag=timedelta(minutes=3, seconds=10),  # 3 minutes by the platform's clock, which is not ours
        overlap=timedelta(minutes=5),
        history=timedelta(days=90),
        paging=Paging.LAST_TO_FIRST,
        page_size=100,
        deepest_row=None,
        calls_per_s=20,  # an application may make 50 list calls, for all its shops together
        masked_fields=frozenset({"name", "phone", "address"}),
        merge_token=MergeToken.FIELD,
        push=Push.SOCKET,
        tracking_unit=TrackingUnit.ORDER,
        parcels_per_order=None,
        numbers_at_once=False,
        reships=1,  # (unconfirmed) limited in number and time: once is safe
        stock_batch=1,
        stock_modes=frozenset(StockMode),
    )
    ship_back_class = RepeatClass.QUERYABLE

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """A deal that is made, out of every refund and review, paid to its last part, and ours to ship."""
        return why_not_ready(payload)

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """The full payload of every order changed in [since, until), page by page.

        Each window is read from its last page to its first: orders that change meanwhile move to the front and are
        seen twice rather than never. Raises ChannelError types.
        """
        return self._read_spans(since, until, self._changed)

    def _changed(self, start: datetime, end: datetime, tries: int) -> Iterator[list[dict[str, Any]]]:
        wish = {"start_updated_at": _seconds(start), "end_updated_at": _seconds(end), "is_lucky_flag": 0}
        for rows in self._listed(CHANGED, "order_sn_list", wish, tries):
            yield [_complete(order) for order in rows]

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """The numbers of every order whose deal was made in [since, until), page by page."""
        reach = replace(self.capabilities, window=CREATED_SPAN)
        return read_spans(self.name, reach, since, until, self._now(), self._created, first_tries=TRIES)

    def _created(self, start: datetime, end: datetime, tries: int) -> Iterator[list[str]]:
        wish = {"start_confirm_at": _seconds(start), "end_confirm_at": _seconds(end)}
        for rows in self._listed(CREATED, "order_list", wish, tries):
            yield list(dict.fromkeys(str(order["order_sn"]) for order in rows))

    def _listed(self, method: str, list_name: str, wish: dict[str, Any], tries: int) -> Iterator[Rows]:
        wish = {**wish, "order_status": EVERY, "refund_status": EVERY}
        total = patiently(partial(self._count, method, wish), tries)
        page = partial(self._page, method, list_name, wish, total)
        yield from filter(None, pages(self.name, self.capabilities, total, lambda at: patiently(partial(page, at))))

    def _count(self, method: str, wish: dict[str, Any]) -> int:
        answer = self._call(method, {**wish, "page": 1, "page_size": 1, "use_has_next": False})
        total = number_of(answer.get("total_count"))
        if total is None:
            raise ChannelUnavailable(self.name, "list orders", "the answer has no total_count")
        return total

    def _page(self, method: str, list_name: str, wish: dict[str, Any], total: int, number: int) -> Rows:
        size = self.capabilities.page_size
        answer = self._call(method, {**wish, "page": number, "page_size": size, "use_has_next": True})
        rows = answer.get(list_name)
        if type(rows) is not list:
            raise ChannelUnavailable(self.name, "list orders", f"the answer has no {list_name}")
        if any(type(row) is not dict or not row.get("order_sn") for row in rows):
            raise ChannelUnavailable(self.name, "list orders", "a row of the answer has no order_sn")
        if number * size >= total and answer.get("has_next") in (True, "true"):
            raise ChannelUnavailable(self.name, "list orders", "there are more orders than were counted")
        return rows

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The order's present payload; None when the platform no longer has it."""
        try:
            answer = self._call("pdd.order.information.get", {"order_sn": external_id})
        except ChannelRejected as error:
            if NO_SUCH_ORDER in error.obstacle:
                return None
            raise
        order = answer.get("order_info")
        if type(order) is not dict:
            raise ChannelUnavailable(self.name, f"read order {external_id}", "the answer has no order_info")
        return _complete(order)

    def ship_back(self, parcel: ShipBack) -> None:
        """Report a parcel: the order's first one ships it, further ones are added to it, all without lines.

        The platform refuses what is shipped already: then the order is read, and our number on it is success. Of a
        number to correct only the first parcel's can be.
        """
        carrier = self._carriers.get(parcel.carrier)
        if carrier is None:
            obstacle = f"there is no id for carrier {parcel.carrier}: see `orderpool shop carriers {self.name}`"
            raise ChannelRejected(self.name, f"ship order {parcel.order_no}", obstacle)
        if parcel.replaces:
            self._correct(parcel, carrier)
        else:
            self._report(parcel, carrier)

    def _report(self, parcel: ShipBack, carrier: str) -> None:
        numbers = self._numbers(parcel) if parcel.earlier else []
        if not numbers:
            numbers = self._ship(parcel, carrier)
        if parcel.waybill not in numbers:
            self._add(parcel, carrier)

    def _ship(self, parcel: ShipBack, carrier: str) -> list[str]:
        """Ship the order with this box; the numbers that it has then, perhaps another box's that came before."""
        try:
            self._send(parcel, carrier, FIRST_NUMBER)
        except ChannelRejected:
            numbers = self._numbers(parcel)
            is_whole = not parcel.line_nos and not parcel.earlier
            if not numbers or (is_whole and parcel.waybill not in numbers):
                raise
            return numbers
        return [parcel.waybill]

    def _correct(self, parcel: ShipBack, carrier: str) -> None:
        action = f"correct the number of order {parcel.order_no}"
        if self.capabilities.reships == 0:
            raise ChannelRejected(self.name, action, "the platform takes no corrections from this shop")
        order = self.order(parcel.external_id) or {}
        known = str(order.get("tracking_number") or "")
        if known == parcel.waybill and str(order.get("logistics_id")) == carrier:
            return
        if known != parcel.replaces:
            obstacle = f"{parcel.replaces} is not the number of its first parcel, the only one that can be corrected"
            raise ChannelRejected(self.name, action, obstacle)
        self._send(parcel, carrier, OTHER_NUMBER)

    def _send(self, parcel: ShipBack, carrier: str, redelivery_type: int) -> None:
        wish = {
            "order_sn": parcel.external_id,
            "logistics_id": carrier,
            "tracking_number": parcel.waybill,
            "redelivery_type": redelivery_type,
        }
        answer = self._call("pdd.logistics.online.send", wish, changes=True)
        self._demand(answer, "is_success", parcel)

    def _add(self, parcel: ShipBack, carrier: str) -> None:
        track = {"shipping_id": number_of(carrier), "tracking_number": parcel.waybill}
        wish = {"order_sn": parcel.external_id, "extra_track_type": SPLIT_PARCEL, "extra_track_list": [track]}
        try:
            answer = self._call("pdd.order.upload.extra.logistics", wish, changes=True)
        except ChannelRejected:
            if parcel.waybill not in self._numbers(parcel):
                raise
            return
        self._demand(answer, "success", parcel)

    def _demand(self, answer: dict[str, Any], name: str, parcel: ShipBack) -> None:
        if answer.get(name) not in (True, "true"):
            raise OutcomeUnknown(self.name, f"ship order {parcel.order_no}", f"the answer does not say {name}")

    def _numbers(self, parcel: ShipBack) -> list[str]:
        """The tracking numbers that the order has; none while it is not shipped."""
        order = self.order(parcel.external_id) or {}
        parcels = [order, *rows_of(order, "extra_delivery_list")]
        return [str(row["tracking_number"]) for row in parcels if row.get("tracking_number")]

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units, one SKU in a call."""
        return pinduoduo_stock.push(self.name, levels, partial(self._call, changes=True))

    def check(self) -> Health:
        """One signed read of the latest minute that is listed: whether keys, token and permission work."""
        end = self._now() - self.capabilities.lag
        wish = {"start_updated_at": _seconds(end - timedelta(minutes=1)), "end_updated_at": _seconds(end)}
        try:
            self._count(CHANGED, {**wish, "is_lucky_flag": 0, "order_status": EVERY, "refund_status": EVERY})
        except ChannelDenied as error:
            return Health(False, ("access_token, or the order permission of the app",), str(error))
        except ChannelError as error:
            return Health(False, (), str(error))
        return Health(True)

    def list_carriers(self) -> list[PlatformCarrier]:
        """The carriers that the platform takes, by the id that a shipped parcel is reported with."""
        rows = rows_of(self._call("pdd.logistics.companies.get", {}), "logistics_companies")
        if not rows:
            raise ChannelUnavailable(self.name, "list carriers", "the answer has no logistics_companies")
        return [
            PlatformCarrier(str(row["id"]), str(row.get("logistics_company") or ""))
            for row in rows
            if row.get("id") and number_of(row.get("available")) != 0
        ]

    def _call(self, method: str, wish: dict[str, Any], *, changes: bool = False) -> dict[str, Any]:
        def once(known: Credentials) -> dict[str, Any]:
            asked, url = {**wish, "access_token": known["access_token"]}, known["endpoint"]
            return ask(self._client, self.name, known, url, method, asked, self._now(), changes=changes)

        return self._access.call(once)


def _complete(order: dict[str, Any]) -> dict[str, Any]:
    """The order with its gifts among its lines, for nothing, and with its refund state at each of them.

    The platform has one state for all, and a mapping reads lines alone, of one list.
    """
    lines = order.get("item_list")
    if type(lines) is not list:
        return order
    state = {"refund_status": order.get("refund_status")}
    lines = [{**state, **line} if type(line) is dict else line for line in lines]
    gifts = [{**state, **gift, "goods_price": 0} for gift in rows_of(order, "gift_list")]
    return {**order, "item_list": lines + gifts, "gift_list": []}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
