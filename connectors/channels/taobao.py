"""A Taobao or Tmall shop through the Taobao Open Platform (TOP).

Sources: TOP's "API call method" page and the API pages of the methods named here. One gateway serves both
shop types; every call is a signed form, business errors come with HTTP 200.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from connectors.channels import taobao_stock
from connectors.channels.access import CalledShop
from connectors.channels.reading import TRIES, Rows, pages, patiently
from connectors.channels.taobao_authoriser import TaobaoAuthoriser
from connectors.channels.taobao_protocol import DEFAULT_BAN_S, NO_SUCH_TRADE, SHIP_REFUSED, error_of, sign
from connectors.transport import build, call, china_time, http_error_of, json_of, without_empty
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
)
from models.incoming import PayState

TIMEOUT_S: Final = 20.0
DETAILS_AT_ONCE: Final = 16  # as many as the budget lets through; a call takes a tenth of a second or more
PAGES_AHEAD: Final = 1  # listed while the details of the one before are read
SUB_TIDS_PER_CALL: Final = 50
SHIP: Final = "taobao.logistics.offline.send"
RESHIP: Final = "taobao.logistics.consign.resend"
TRADE_TYPES: Final = "guarantee_trade,auto_delivery,ec,cod,step"
LIST_FIELDS: Final = "tid,tid_str,status,modified"
DETAIL_FIELDS: Final = ",".join(
    (
        "tid,tid_str,type,status,seller_nick,buyer_nick,buyer_open_uid,created,pay_time,modified,consign_time,end_time",
        "payment,total_fee,post_fee,discount_fee,adjust_fee,received_payment,num,seller_flag,shipping_type",
        "buyer_message,seller_memo,step_trade_status,step_paid_fee,is_part_consign,timeout_action_time",
        "delivery_time,collect_time,dispatch_time,promotion_details",
        "receiver_name,receiver_mobile,receiver_phone,receiver_state,receiver_city,receiver_district,receiver_town",
        "receiver_address,receiver_zip,oaid,orders",
    )
)


class TaobaoChannel(CalledShop):
    """One shop. Credentials: endpoint, app_key, app_secret, session, optionally sign_method.

    sign_method is `md5`, `hmac` or `hmac-sha256`, the default.
    """

    needs: ClassVar[tuple[str, ...]] = ("app_key", "app_secret", "session")
    usual_endpoint: ClassVar[str] = "https://gw.api.taobao.com/router/rest"
    token: ClassVar[str] = "session"
    authoriser: ClassVar[type[Authoriser] | None] = TaobaoAuthoriser
    shared_numbers: ClassVar[str] = "taobao"

    capabilities = Capabilities(
        window=timedelta(minutes=30),  # a day is allowed; short windows keep pages few
        lag=timedelta(seconds=60),
        overlap=timedelta(minutes=3),
        history=timedelta(days=90),
        paging=Paging.LAST_TO_FIRST,
        page_size=40,
        deepest_row=None,
        calls_per_s=20,  # (unconfirmed) it depends on the application's level
        masked_fields=frozenset({"name", "phone", "address"}),
        merge_token=MergeToken.CALL,
        push=Push.SOCKET,
        tracking_unit=TrackingUnit.LINE,
        parcels_per_order=None,
        numbers_at_once=False,
        reships=1,  # "limited times": once is safe
        stock_batch=20,
        stock_modes=frozenset(StockMode),
    )
    ship_back_class = RepeatClass.QUERYABLE

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """A pre-sale is paid when its final part is; what has a `store_code` leaves from a platform warehouse."""
        step = payload.get("step_trade_status")
        if payload.get("type") == "step" and step != "FRONT_PAID_FINAL_PAID":
            if step == "FRONT_PAID_FRONT_FORFEITED":
                return NotReady(PayState.CANCELLED, "the buyer has lost the deposit")
            return NotReady(PayState.UNPAID, "the final part of the pre-sale is not paid")
        lines = _rows(payload, "orders", "order")
        if lines and all(line.get("store_code") for line in lines):
            return NotReady(PayState.PLATFORM_SHIPS, "it leaves from a warehouse of the platform")
        if payload.get("status") == "PAID_FORBID_CONSIGN":
            return NotReady(
                PayState.BLOCKED, "it is paid, but shipping is forbidden, as while a group purchase fills up"
            )
        return None

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """The full payload of every trade changed in [since, until), page by page.

        Each window is read from its last page to its first: trades that change meanwhile move to the front and are
        seen twice rather than never. Raises ChannelError types.
        """
        return self._read_spans(since, until, self._changed)

    def _changed(self, start: datetime, end: datetime, tries: int) -> Iterator[list[dict[str, Any]]]:
        wish = {"start_modified": china_time(start), "end_modified": china_time(end)}
        asked: deque[list[Future[dict[str, Any] | None]]] = deque()
        with ThreadPoolExecutor(DETAILS_AT_ONCE) as threads:
            for tids in self._listed("taobao.trades.sold.increment.get", wish, tries):
                asked.append([threads.submit(patiently, partial(self.order, tid)) for tid in tids])
                if len(asked) > PAGES_AHEAD:
                    yield _found(asked.popleft())
            while asked:
                yield _found(asked.popleft())

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """The numbers of every trade created in [since, until), page by page."""
        return self._read_spans(since, until, self._created, first_tries=TRIES)

    def _created(self, start: datetime, end: datetime, tries: int) -> Iterator[list[str]]:
        wish = {"start_created": china_time(start), "end_created": china_time(end)}
        return self._listed("taobao.trades.sold.get", wish, tries)

    def _listed(self, method: str, wish: dict[str, str], tries: int) -> Iterator[list[str]]:
        total = patiently(partial(self._count, method, wish), tries)
        read = partial(self._page, method, wish)
        for rows in pages(self.name, self.capabilities, total, lambda number: patiently(partial(read, number))):
            if tids := _tids(rows):
                yield tids

    def _count(self, method: str, wish: dict[str, str]) -> int:
        total = self._list(method, wish, page=1, size=1, counting=True).get("total_results", 0)
        if type(total) is not int:
            raise ChannelUnavailable(self.name, "list trades", "the answer has no total_results")
        return total

    def _page(self, method: str, wish: dict[str, str], number: int) -> Rows:
        answer = self._list(method, wish, number, self.capabilities.page_size, counting=False)
        return _rows(answer, "trades", "trade")

    def _list(self, method: str, wish: dict[str, str], page: int, size: int, *, counting: bool) -> dict[str, Any]:
        return self._call(
            method,
            {
                **wish,
                "fields": LIST_FIELDS,
                "type": TRADE_TYPES,
                "page_no": str(page),
                "page_size": str(size),
                "use_has_next": "false" if counting else "true",
            },
        )

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The trade's present payload with `oaid`; None when the platform no longer has it."""
        fields = {"fields": DETAIL_FIELDS, "tid": external_id, "include_oaid": "include_oaid"}
        try:
            answer = self._call("taobao.trade.fullinfo.get", fields)
        except ChannelRejected as error:
            if NO_SUCH_TRADE in error.obstacle:
                return None
            raise
        trade = answer.get("trade")
        if type(trade) is not dict:
            raise ChannelUnavailable(self.name, f"read trade {external_id}", "the answer has no trade")
        return trade

    def ship_back(self, parcel: ShipBack) -> None:
        """Report a parcel with its carrier and number, for the whole trade or for whole lines of it.

        The platform refuses what is shipped already: then the trade is read, and our number on it is success. A
        number that was wrong is replaced on the lines that carry it; lines without any get the right one at once.
        """
        code = self._carriers.get(parcel.carrier)
        if code is None:
            obstacle = f"there is no code for carrier {parcel.carrier}: see `orderpool shop carriers {self.name}`"
            raise ChannelRejected(self.name, f"ship trade {parcel.order_no}", obstacle)
        if parcel.replaces:
            self._correct(parcel, code)
        else:
            self._send(SHIP, parcel, code, parcel.line_nos)

    def _correct(self, parcel: ShipBack, code: str) -> None:
        action = f"correct trade {parcel.order_no}"
        if not self.capabilities.reships:
            raise ChannelRejected(self.name, action, "the number of a reported parcel cannot be corrected there")
        numbers = _numbers_of(self.order(parcel.external_id) or {}, parcel.line_nos)
        if other := sorted(set(numbers.values()) - {"", parcel.replaces, parcel.waybill}):
            raise ChannelRejected(self.name, action, f"it carries {other[0]}, and neither number of this parcel")
        for method, shown in ((RESHIP, parcel.replaces), (SHIP, "")):
            lines = [line for line, number in numbers.items() if number == shown]
            whole = not parcel.line_nos and len(lines) == len(numbers)
            if lines:
                self._send(method, parcel, code, () if whole else lines)

    def _send(self, method: str, parcel: ShipBack, code: str, line_nos: Sequence[str]) -> None:
        for first in range(0, max(len(line_nos), 1), SUB_TIDS_PER_CALL):
            self._send_some(method, parcel, code, line_nos[first : first + SUB_TIDS_PER_CALL])

    def _send_some(self, method: str, parcel: ShipBack, code: str, line_nos: Sequence[str]) -> None:
        wish = {"tid": parcel.external_id, "out_sid": parcel.waybill, "company_code": code}
        if line_nos:
            wish |= {"is_split": "1", "sub_tid": ",".join(line_nos)}
        try:
            answer = self._call(method, wish, changes=True)
        except ChannelRejected as error:
            if SHIP_REFUSED not in error.obstacle:
                raise
            self._check_carried(parcel, line_nos, error)
            return
        shipping = answer.get("shipping")
        if type(shipping) is not dict or shipping.get("is_success") is not True:
            raise OutcomeUnknown(self.name, f"ship trade {parcel.order_no}", "the answer does not say is_success")

    def _check_carried(self, parcel: ShipBack, line_nos: Sequence[str], refusal: ChannelRejected) -> None:
        """Let a refusal pass when the trade carries our number already; raise it, with its reason if known, if not."""
        trade = self.order(parcel.external_id) or {}
        numbers = _numbers_of(trade, line_nos)
        if numbers and set(numbers.values()) == {parcel.waybill}:
            return
        if trade.get("type") == "cod":
            obstacle = f"it is cash on delivery, which takes no parcel of an own carrier: {refusal.obstacle}"
            raise ChannelRejected(self.name, f"ship trade {parcel.order_no}", obstacle) from refusal
        raise refusal

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units, up to `stock_batch` SKUs of one product in a call."""
        return taobao_stock.push(self.name, levels, self.capabilities.stock_batch, partial(self._call, changes=True))

    def check(self) -> Health:
        """One signed read of the last minute's trades: whether keys, session and permission work."""
        now = self._now()
        wish = {"start_modified": china_time(now - timedelta(minutes=1)), "end_modified": china_time(now)}
        try:
            self._list("taobao.trades.sold.increment.get", wish, page=1, size=1, counting=False)
        except ChannelDenied as error:
            return Health(False, ("session, or the order permission of the app",), str(error))
        except ChannelError as error:
            return Health(False, (), str(error))
        return Health(True)

    def list_carriers(self) -> list[PlatformCarrier]:
        """The carriers of the platform, each with the form of its numbers."""
        answer = self._call("taobao.logistics.companies.get", {"fields": "id,code,name,reg_mail_no"})
        rows = _rows(answer, "logistics_companies", "logistics_company")
        return [
            PlatformCarrier(str(row["code"]), str(row.get("name") or ""), str(row.get("reg_mail_no") or ""))
            for row in rows
            if row.get("code")
        ]

    def _call(self, method: str, wish: dict[str, Any], *, changes: bool = False) -> dict[str, Any]:
        return self._access.call(lambda known: self._ask(method, wish, known, changes=changes))

    def _ask(self, method: str, wish: dict[str, Any], known: Credentials, *, changes: bool) -> dict[str, Any]:
        request = build(
            self._client,
            self.name,
            method,
            "POST",
            known["endpoint"],
            timeout_s=TIMEOUT_S,
            data=self._signed(method, wish, known),
            headers={"content-type": "application/x-www-form-urlencoded;charset=utf-8"},
        )
        response = call(self._client, self.name, method, request, changes=changes)
        body = json_of(response)
        if not response.is_success or type(body) is not dict:
            raise http_error_of(response, self.name, method, self._now(), changes=changes, usual_wait_s=DEFAULT_BAN_S)
        if "error_response" in body:
            raise error_of(body["error_response"], self.name, method, self._now(), changes=changes)
        answer = body.get(method.removeprefix("taobao.").replace(".", "_") + "_response")
        if type(answer) is not dict:
            kind = OutcomeUnknown if changes else ChannelUnavailable
            raise kind(self.name, method, "the answer has neither a response nor an error")
        return answer

    def _signed(self, method: str, wish: dict[str, Any], known: Credentials) -> dict[str, str]:
        parameters = without_empty(
            {
                **wish,
                "method": method,
                "app_key": known["app_key"],
                "session": known["session"],
                "timestamp": china_time(self._now()),
                "format": "json",
                "v": "2.0",
                "sign_method": known.get("sign_method") or "hmac-sha256",
            }
        )
        return {**parameters, "sign": sign(parameters, known["app_secret"])}


def _found(asked: Sequence[Future[dict[str, Any] | None]]) -> list[dict[str, Any]]:
    """The trades of one page, without those that the platform no longer has."""
    return [trade for future in asked if (trade := future.result()) is not None]


def _tids(rows: Sequence[dict[str, Any]]) -> list[str]:
    found = [str(row.get("tid_str") or row.get("tid") or "") for row in rows]
    return list(dict.fromkeys(tid for tid in found if tid))


def _numbers_of(trade: dict[str, Any], line_nos: Sequence[str]) -> dict[str, str]:
    """The tracking number, "" for none, of each of these lines, or of all, that is not closed."""
    return {
        line_no: str(line.get("invoice_no") or "")
        for line in _rows(trade, "orders", "order")
        if not str(line.get("status", "")).startswith("TRADE_CLOSED")
        for line_no in (str(line.get("oid_str") or line.get("oid")),)
        if not line_nos or line_no in line_nos
    }


def _rows(answer: dict[str, Any], outer: str, inner: str) -> list[dict[str, Any]]:
    """A list that TOP wraps twice, and leaves out when it is empty."""
    wrapper = answer.get(outer)
    rows = wrapper.get(inner) if type(wrapper) is dict else None
    return [row for row in rows if type(row) is dict] if type(rows) is list else []
