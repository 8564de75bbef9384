"""E-waybills through Kuaidi100's enterprise API (e-waybill v2): make, print again, cancel, and the label's image.

Sources: the vendor's document centre and its own Java and PHP demos.
"""

from datetime import timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit

import httpx

from connectors.base import Credentials, Now, RepeatClass
from connectors.carriers.kuaidi100_label_order import BUSY_WAIT_S, TIMEOUT_S, LabelOrder
from connectors.transport import build, http_error_of, receive
from connectors.waybills import Account, Contact, Label, MadeWaybill, WaybillWish
from models.errors import ChannelRejected, OutcomeUnknown
from models.masking import brief

HOST: Final = "kuaidi100.com"
"""Labels lie here and below; another host has to be named by the credential `label_hosts`."""

REPEATED_FOR: Final = timedelta(hours=48)
"""So long the first result comes again for the same `orderId` with `reorder` false."""

MOST_LABEL_BYTES: Final = 2 * 1024 * 1024

_CANCELLED_BEFORE: Final = ("已取消", "已作废", "已撤销")  # unconfirmed: the words of a second cancel

_PARAMETERS: Final = {
    "partner_id": "partnerId",
    "partner_key": "partnerKey",
    "partner_secret": "partnerSecret",
    "partner_name": "partnerName",
    "code": "code",
    "net": "net",
    "check_man": "checkMan",
    "branch": "tbNet",
}
"""Of an account, what every call about one of its waybills carries."""

_WISHES: Final = {
    "pay_type": "payType",
    "exp_type": "expType",
    "print_type": "printType",
    "template": "tempId",
    "printer": "siid",
    "cargo": "cargo",
    "weight_kg": "weight",
    "remark": "remark",
}
_USUAL: Final = {"pay_type": "SHIPPER", "print_type": "IMAGE"}
_IMAGES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


class Kuaidi100Waybills:
    """The e-waybill service. Credentials: key, secret; label_endpoint, cancel_url and label_hosts where they differ."""

    # asked again with the same orderId and reorder=false, it gives the first result
    repeat_class = RepeatClass.DEDUPLICATED
    fields: ClassVar[tuple[str, ...]] = (*_PARAMETERS, *_WISHES, "handle")
    secret_fields: ClassVar[frozenset[str]] = frozenset({"partner_key", "partner_secret"})

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._client = client
        self._now = now
        self._service = LabelOrder(client, name, credentials, now)
        self._cancel_url = credentials.get("cancel_url", "")
        self._own = urlsplit(self._service.endpoint)
        self._hosts = frozenset(credentials.get("label_hosts", "").replace(",", " ").split())

    @staticmethod
    def repeat_class_after(age: timedelta) -> RepeatClass:
        """Deduplicated for 48 hours; a repeat after that would be a second waybill, so a person decides."""
        return RepeatClass.DEDUPLICATED if age < REPEATED_FOR else RepeatClass.MANUAL

    def make(self, wish: WaybillWish) -> MadeWaybill:
        """The waybill of this wish, the same one for 48 hours however often it is asked for."""
        param = {
            **_of_account(wish.account),
            **{_WISHES[name]: wish.account.get(name) or _USUAL.get(name, "") for name in _WISHES},
            "kuaidicom": wish.carrier,
            "recMan": _man(wish.receiver),
            "sendMan": _man(wish.sender),
            "orderId": wish.order_key,
            "reorder": False,
            "count": 1,
            # `oaid` for Taobao's orders, `caid` for those of others that Cainiao encrypts
            wish.account.get("handle") or "oaid": wish.handle,
            "thirdOrderId": wish.platform_order,
            "collection": f"{wish.cod_fen // 100}.{wish.cod_fen % 100:02d}" if wish.cod_fen else "",
        }
        action = f"waybill {wish.order_key}"
        private = (wish.receiver.name, wish.receiver.phone, wish.receiver.address, wish.handle, *_opens(wish.account))
        data = self._service.ask(action, "order", param, changes=True, private=private)
        number = str(data.get("kuaidinum") or "")
        if not number:
            # something was made, or not: nobody can say
            raise OutcomeUnknown(self.name, action, "the answer has no kuaidinum")
        texts = (str(data.get(key) or "") for key in ("taskId", "kdComOrderNum", "label"))
        return MadeWaybill(number, *texts)

    def cancel(self, account: Account, carrier: str, waybill: MadeWaybill) -> None:
        """Give a waybill back to its carrier; one that is cancelled already is success."""
        param = {
            **_of_account(account),
            "kuaidicom": carrier,
            "kuaidinum": waybill.number,
            "orderId": waybill.service_no,
            "reason": "订单取消",
        }
        action = f"cancel waybill {waybill.number}"
        try:
            self._service.ask(action, "cancel", param, changes=True, private=_opens(account), url=self._cancel_url)
        except ChannelRejected as error:
            if not any(word in error.obstacle for word in _CANCELLED_BEFORE):
                raise

    def print_again(self, account: Account, task_id: str) -> str:
        """The address of a label that is printed again, "" where a cloud printer prints it."""
        param = {"taskId": task_id, "siid": account.get("printer", "")}
        # a label twice is no second waybill
        data = self._service.ask("print again", "printOld", param, changes=False, private=_opens(account))
        return str(data.get("label") or "")

    def fetch_label(self, url: str) -> Label:
        """The image of a label, from Kuaidi100's hosts or those that are named, at most 2 MB."""
        action = "fetch label"
        self._check_place(action, url)
        request = build(self._client, self.name, action, "GET", url, timeout_s=TIMEOUT_S)
        response = receive(self._client, self.name, action, request, most_bytes=MOST_LABEL_BYTES)
        if not response.is_success:
            raise http_error_of(response, self.name, action, self._now(), changes=False, usual_wait_s=BUSY_WAIT_S)
        if kind := self.media_type(response.content):
            return Label(response.content, kind)
        raise ChannelRejected(self.name, action, "what lies there is neither PNG nor JPEG")

    @staticmethod
    def media_type(content: bytes) -> str:
        """Whether a label is PNG or JPEG, by its first bytes."""
        return next((media_type for magic, media_type in _IMAGES if content.startswith(magic)), "")

    def _check_place(self, action: str, url: str) -> None:
        try:
            at = urlsplit(url)
            host = at.hostname or ""
        except ValueError as error:
            raise ChannelRejected(self.name, action, "the address cannot be read") from error
        if (at.scheme, at.netloc) == (self._own.scheme, self._own.netloc):
            return
        known = host == HOST or host.endswith(f".{HOST}") or host in self._hosts
        if at.scheme != "https" or not known:
            raise ChannelRejected(self.name, action, f"{at.scheme}://{brief(host, 60)} is no place of its labels")


def _of_account(account: Account) -> dict[str, str]:
    return {parameter: account.get(name, "") for name, parameter in _PARAMETERS.items()}


def _opens(account: Account) -> tuple[str, ...]:
    return tuple(account.get(name, "") for name in sorted(Kuaidi100Waybills.secret_fields))


def _man(contact: Contact) -> dict[str, str]:
    digits = contact.phone.removeprefix("+86").strip()
    kind = "tel" if digits.startswith(("0", "400")) else "mobile"
    man = {"name": contact.name, kind: contact.phone, "printAddr": contact.address}
    return {key: value for key, value in man.items() if value}
