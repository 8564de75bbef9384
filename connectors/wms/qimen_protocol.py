"""Qimen's signature, and what its answers mean.

Source: the vendor's SDK (TaobaoUtils.signTopRequest, DefaultQimenClient) and its generated request classes.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

import httpx

from connectors.channels.taobao_protocol import error_of
from connectors.transport import retry_after_s
from connectors.wms.qimen_xml import BadXml, read_xml, text_of, write_xml
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
)
from models.masking import brief

PREFIX: Final = "taobao.qimen."
SIGN_METHODS: Final = ("md5", "hmac", "hmac-sha256")
WRAPS: Final = ("both", "trailing")
"""Where the secret stands in what is hashed by md5: around it, or behind it only, as some peers have it."""

USUAL_WAIT_S: Final = 5.0
SIGN_CHECK: Final = "sign-check-failure"

_SIGN_WORDS = re.compile(r"illegal request|invalid sign|签名|验签", re.IGNORECASE)
_BUSY_WORDS = re.compile(r"系统繁忙|系统忙|稍后|服务不可用|try again|too busy|system busy", re.IGNORECASE)
_EXISTS_WORDS = re.compile(r"已存在|已经存在|重复|already exist|duplicate", re.IGNORECASE)
_OF_ORDERS = re.compile(r"单|order", re.IGNORECASE)
_OF_PARTS = re.compile(r"商品|货品|行号|\bsku|\bitem|\bline", re.IGNORECASE)
_CANCELLED_WORDS = re.compile(r"已(经)?(被)?取消(?!失败)|already (been )?cancel", re.IGNORECASE)
_WORKED_ON = re.compile(r"拣|打包|包装|发货|出库|\bpick|\bpack|\bship", re.IGNORECASE)


def sign(query: Mapping[str, str], body: bytes, secret: str, wrap: str = "both", usual: str = "md5") -> str:
    """The signature of query parameters (decoded; without `sign` and blank ones) and the raw body; upper-case hex.

    Their `sign_method` says how, `usual` where they have none. Raises ValueError for another than SIGN_METHODS.
    """
    pairs = sorted((key.encode(), value.encode()) for key, value in query.items() if key != "sign" and value.strip())
    written = b"".join(key + value for key, value in pairs) + body
    key = secret.encode()
    match query.get("sign_method") or usual:
        case "md5":
            return hashlib.md5((key if wrap == "both" else b"") + written + key).hexdigest().upper()
        case "hmac":
            return hmac.new(key, written, hashlib.md5).hexdigest().upper()
        case "hmac-sha256":
            return hmac.new(key, written, hashlib.sha256).hexdigest().upper()
        case other:
            raise ValueError(f"sign_method {other!r} is not known")


def is_signed(query: Mapping[str, str], body: bytes, secret: str, wrap: str = "both", usual: str = "md5") -> bool:
    """Whether `sign` of a received query is that of the other parameters and the raw body."""
    try:
        expected = sign(query, body, secret, wrap, usual)
    except ValueError:
        return False
    return hmac.compare_digest(expected.encode(), query.get("sign", "").encode("utf-8", "replace"))


def success() -> bytes:
    """What a caller is told whose message is stored."""
    return write_xml("response", [("flag", "success"), ("code", "0"), ("message", "ok")])


def failure(code: str, message: str) -> bytes:
    """What a caller is told whose message is not taken."""
    said = [("code", code), ("message", message), ("sub_code", code), ("sub_message", message)]
    return write_xml("response", [("flag", "failure"), *said])


@dataclass(frozen=True, slots=True)
class Reply:
    """A warehouse's own answer. `taken` is its flag, which alone decides; codes differ between systems."""

    taken: bool
    code: str
    sub_code: str
    message: str
    root: Element

    @property
    def obstacle(self) -> str:
        """What it says, fit for an error."""
        return brief(f"code {self.code} {self.sub_code} {self.message}").strip()

    @property
    def says_exists(self) -> bool:
        """Whether it refuses an order because it has it: the order, not an item or a line of it."""
        said = self.message
        return bool(_EXISTS_WORDS.search(said) and _OF_ORDERS.search(said) and not _OF_PARTS.search(said))

    @property
    def says_cancelled(self) -> bool:
        """Whether it refuses to cancel an order because that was done before, and says nothing of work on it."""
        return bool(_CANCELLED_WORDS.search(self.message) and not _WORKED_ON.search(self.message))


def reply_of(response: httpx.Response, who: str, action: str, now: datetime, *, changes: bool) -> Reply:
    """The warehouse's own answer, of whatever HTTP status. Raises the error of any other answer.

    `changes`: the call was to change something there.
    """
    try:
        root = read_xml(response.content)
    except BadXml:
        raise _stranger(response, who, action, now, changes=changes) from None
    if root.tag == "error_response":
        said = {name: text_of(root, name) for name in ("code", "msg", "sub_code", "sub_msg")}
        raise error_of(said, who, action, now, changes=changes)
    flag = text_of(root, "flag").lower()
    if root.tag != "response" or flag not in ("success", "failure"):
        raise _stranger(response, who, action, now, changes=changes)
    sub_message = text_of(root, "sub_message")
    message = " ".join(part for part in (text_of(root, "message"), sub_message) if part)
    return Reply(flag == "success", text_of(root, "code"), text_of(root, "sub_code"), message, root)


def refusal_of(reply: Reply, who: str, action: str, *, changes: bool) -> ChannelError:
    """The error of an answer whose flag is failure, sorted by what to do next."""
    codes = (reply.code, reply.sub_code)
    if SIGN_CHECK in codes or _SIGN_WORDS.search(reply.message):
        return ChannelDenied(who, action, reply.obstacle)
    # the gateway writes its own faults with the warehouse into such an answer too
    if any(code.startswith("isp.") for code in codes):
        return (OutcomeUnknown if changes else ChannelUnavailable)(who, action, reply.obstacle)
    if _BUSY_WORDS.search(reply.message):
        return ChannelUnavailable(who, action, reply.obstacle)
    return ChannelRejected(who, action, reply.obstacle)


def _stranger(response: httpx.Response, who: str, action: str, now: datetime, *, changes: bool) -> ChannelError:
    """The error of an answer that is none of the protocol: of a proxy, or of a server that is set up wrongly."""
    status = response.status_code
    obstacle = f"HTTP {status} {brief(response.text, 80)}".strip()
    if status == 429:
        return RateLimited(who, action, obstacle, retry_after_s(response.headers, now) or USUAL_WAIT_S)
    if status in (401, 403):
        return ChannelDenied(who, action, obstacle)
    if changes and (response.is_success or (response.is_server_error and status != 503)):
        return OutcomeUnknown(who, action, obstacle)
    return ChannelUnavailable(who, action, obstacle)
