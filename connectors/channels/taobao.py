"""A Taobao or Tmall shop through the Taobao Open Platform (TOP).

Sources: TOP's "API call method" page and the API pages of the methods named here. One gateway serves both
shop types; every call is a signed form, business errors come with HTTP 200.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import sleep
from typing import Any, Final

import httpx

from connectors import mapping as mappings
from connectors.base import Capabilities, Credentials, Health, Now, RepeatClass, ShipBack
from connectors.channels.taobao_protocol import (
    NO_SUCH_TRADE,
    SHIP_REFUSED,
    china_time,
    error_of,
    http_error_of,
    sign,
    without_empty,
)
from connectors.transport import build, call, json_of
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)

TIMEOUT_S: Final = 20.0
WINDOW: Final = timedelta(minutes=30)
PAGE_SIZE: Final = 40
DETAILS_AT_ONCE: Final = 4
DETAIL_TRIES: Final = 3
PATIENCE_S: Final = 10.0  # a ban up to this long is waited out between detail calls
SUB_TIDS_PER_CALL: Final = 50
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


class TaobaoChannel:
    """One shop. Credentials: endpoint, app_key, app_secret, session, optionally sign_method.

    sign_method is `md5`, `hmac` or `hmac-sha256`, the default.
    """

    capabilities = Capabilities(
        window=timedelta(days=1),
        lag=timedelta(seconds=60),
        overlap=timedelta(minutes=3),
        history=timedelta(days=90),
        page_size=PAGE_SIZE,
        reverse_paging=True,
        masked_receiver=True,
        lines_per_parcel=True,
    )
    ship_back_class = RepeatClass.QUERYABLE

    def __init__(
        self, client: httpx.Client, name: str, credentials: Credentials, mapping: mappings.Mapping, now: Now
    ) -> None:
        for key in ("endpoint", "app_key", "app_secret", "session"):
            if not credentials.get(key):
                raise SetupError(f"{name}: lacks the credential {key}")
        self.name = name
        self._client = client
        self._credentials = credentials
        self._mapping = mapping
        self._now = now

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """The full payload of every trade changed in [since, until), page by page.

        Read in windows of 30 minutes, each from its last page to its first: trades that change meanwhile move to
        the front and are seen twice rather than never. Raises ChannelError types.
        """
        start = since
        while start < until:
            end = min(start + WINDOW, until)
            yield from self._window(start, end)
            start = end

    def _window(self, start: datetime, end: datetime) -> Iterator[list[dict[str, Any]]]:
        counted = self._list(start, end, page=1, size=1, counting=True)
        total = counted.get("total_results", 0)
        if type(total) is not int:
            raise ChannelUnavailable(self.name, "list trades", "the answer has no total_results")
        for page in range(-(-total // PAGE_SIZE), 0, -1):
            tids = _tids(self._list(start, end, page, PAGE_SIZE, counting=False))
            if tids:
                yield self._details(tids)

    def _list(self, start: datetime, end: datetime, page: int, size: int, *, counting: bool) -> dict[str, Any]:
        return self._call(
            "taobao.trades.sold.increment.get",
            {
                "fields": LIST_FIELDS,
                "start_modified": china_time(start),
                "end_modified": china_time(end),
                "type": TRADE_TYPES,
                "page_no": str(page),
                "page_size": str(size),
                "use_has_next": "false" if counting else "true",
            },
        )

    def _details(self, tids: Sequence[str]) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(DETAILS_AT_ONCE) as threads:
            found = list(threads.map(self._patient_order, tids))
        return [trade for trade in found if trade is not None]

    def _patient_order(self, tid: str) -> dict[str, Any] | None:
        """One of a window's many detail calls: a short ban or a hiccup must not cost the whole window."""
        for attempt in range(1, DETAIL_TRIES):
            try:
                return self.order(tid)
            except RateLimited as error:
                if error.retry_after_s > PATIENCE_S:
                    raise
                sleep(error.retry_after_s)
            except ChannelUnavailable:
                sleep(0.2 * attempt)
        return self.order(tid)

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

        The platform refuses what is shipped already: then the trade is read, and our number on it is success.
        """
        action = f"ship trade {parcel.order_no}"
        code = self._mapping.carriers.get(parcel.carrier)
        if code is None:
            raise ChannelRejected(self.name, action, f"the mapping has no code for carrier {parcel.carrier}")
        for first in range(0, max(len(parcel.line_nos), 1), SUB_TIDS_PER_CALL):
            self._send(parcel, code, parcel.line_nos[first : first + SUB_TIDS_PER_CALL])

    def _send(self, parcel: ShipBack, code: str, line_nos: Sequence[str]) -> None:
        wish = {"tid": parcel.external_id, "out_sid": parcel.waybill, "company_code": code}
        if line_nos:
            wish |= {"is_split": "1", "sub_tid": ",".join(line_nos)}
        try:
            answer = self._call("taobao.logistics.offline.send", wish, changes=True)
        except ChannelRejected as error:
            if SHIP_REFUSED not in error.obstacle or not self._carries(parcel, line_nos):
                raise
            return
        shipping = answer.get("shipping")
        if type(shipping) is not dict or shipping.get("is_success") is not True:
            raise OutcomeUnknown(self.name, f"ship trade {parcel.order_no}", "the answer does not say is_success")

    def _carries(self, parcel: ShipBack, line_nos: Sequence[str]) -> bool:
        lines = _rows(self.order(parcel.external_id) or {}, "orders", "order")
        asked = [line for line in lines if not line_nos or str(line.get("oid_str") or line.get("oid")) in line_nos]
        shipped = [line for line in asked if not str(line.get("status", "")).startswith("TRADE_CLOSED")]
        return bool(shipped) and all(line.get("invoice_no") == parcel.waybill for line in shipped)

    def check(self) -> Health:
        """One signed read of the last minute's trades: whether keys, session and permission work."""
        now = self._now()
        try:
            self._list(now - timedelta(minutes=1), now, page=1, size=1, counting=False)
        except ChannelDenied as error:
            return Health(False, ("session, or the order permission of the app",), str(error))
        except ChannelError as error:
            return Health(False, (), str(error))
        return Health(True)

    def _call(self, method: str, wish: dict[str, Any], *, changes: bool = False) -> dict[str, Any]:
        request = build(
            self._client,
            self.name,
            method,
            "POST",
            self._credentials["endpoint"],
            timeout_s=TIMEOUT_S,
            data=self._signed(method, wish),
            headers={"content-type": "application/x-www-form-urlencoded;charset=utf-8"},
        )
        response = call(self._client, self.name, method, request, changes=changes)
        body = json_of(response)
        if not response.is_success or type(body) is not dict:
            raise http_error_of(response, self.name, method, self._now(), changes=changes)
        if "error_response" in body:
            raise error_of(body["error_response"], self.name, method, self._now(), changes=changes)
        answer = body.get(method.removeprefix("taobao.").replace(".", "_") + "_response")
        if type(answer) is not dict:
            kind = OutcomeUnknown if changes else ChannelUnavailable
            raise kind(self.name, method, "the answer has neither a response nor an error")
        return answer

    def _signed(self, method: str, wish: dict[str, Any]) -> dict[str, str]:
        parameters = without_empty(
            {
                **wish,
                "method": method,
                "app_key": self._credentials["app_key"],
                "session": self._credentials["session"],
                "timestamp": china_time(self._now()),
                "format": "json",
                "v": "2.0",
                "sign_method": self._credentials.get("sign_method") or "hmac-sha256",
            }
        )
        return {**parameters, "sign": sign(parameters, self._credentials["app_secret"])}


def _tids(answer: dict[str, Any]) -> list[str]:
    found = [str(row.get("tid_str") or row.get("tid") or "") for row in _rows(answer, "trades", "trade")]
    return list(dict.fromkeys(tid for tid in found if tid))


def _rows(answer: dict[str, Any], outer: str, inner: str) -> list[dict[str, Any]]:
    """A list that TOP wraps twice, and leaves out when it is empty."""
    wrapper = answer.get(outer)
    rows = wrapper.get(inner) if type(wrapper) is dict else None
    return [row for row in rows if type(row) is dict] if type(rows) is list else []
