"""A supplier who is told by e-mail what to ship: one mail per outbound document, with its lines as a CSV file.

Sources: RFC 5321 (replies of SMTP: 4xx means later, 5xx means never), RFC 8314 (TLS from the first byte) and RFC 5322
(Message-ID).
"""

import csv
import io
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

import httpx

from connectors.base import Credentials, Envelope, Message, Now, RepeatClass
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, SetupError
from models.masking import brief

TIMEOUT_S: Final = 15.0
COLUMNS: Final = "outbound_no sku name barcode kit quantity carrier waybill".split()
"""What the attached file names of each line; the supplier fills in the last two and sends it back."""

SCHEMES: Final = {"smtps": 465, "smtp": 587, "smtp+plain": 25}
"""The schemes of an endpoint and their usual ports."""

_SUBJECTS: Final = {"outbound.created": "发货指令 / Shipping instruction"}
_DENIED: Final = (530, 534, 535, 538)  # RFC 4954: a password or a kind of log-in is missing or wrong


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and how its scheme says that TLS begins."""

    host: str
    port: int
    scheme: str


class EmailWms:
    """One supplier. Credentials: endpoint, mail_from, mail_to, optionally mail_user, mail_password, allow_http ("1").

    The endpoint is `smtps://host[:465]` (TLS from the start), `smtp://host[:587]` (STARTTLS, which the server must
    offer) or, with allow_http, `smtp+plain://host[:25]` for a relay on a private network. `mail_to` may name several,
    with commas between. A repeated mail has the
    Message-ID and the document number of the first and says that both are one instruction: mail systems drop the
    second, or whoever reads it knows it. So it is sent again where nobody knows whether it arrived.
    """

    repeat_class = RepeatClass.DEDUPLICATED
    needs: ClassVar[tuple[str, ...]] = ("endpoint", "mail_from", "mail_to")
    for_people: ClassVar[bool] = True
    reads_long: ClassVar[bool] = False
    in_house: ClassVar[bool] = False

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._now = now
        self._server = _server(name, credentials)
        self._from = _address(name, "mail_from", credentials.get("mail_from", ""))
        self._to = [_address(name, "mail_to", part) for part in credentials.get("mail_to", "").split(",")]
        self._user = credentials.get("mail_user", "")
        self._password = credentials.get("mail_password", "")

    def groups(self, messages: Sequence[Message]) -> list[Sequence[Message]]:
        """Each alone: one mail, one document."""
        return [[message] for message in messages]

    def send(self, *messages: Message) -> Mapping[str, Envelope]:
        """Hand in one mail, never more; returns, with no report, when the server took it for every address.

        Raises ChannelUnavailable when it took nothing and may do so later, ChannelRejected when it refuses the mail
        or an address for good, ChannelDenied when it wants another password or its certificate is not to be trusted,
        OutcomeUnknown when it went silent while it was being handed the mail.
        """
        (message,) = messages
        action = f"mail {message.type}"
        mail = self._mail(message)
        with self._session(action) as session:
            if self._user:
                session.login(self._user, self._password)
            session.ehlo_or_helo_if_needed()
            self._expect(session.mail(self._from.addr_spec), action)
            for to in self._to:
                self._expect(session.rcpt(to.addr_spec), action)
            self._hand_in(session, mail.as_bytes(), action)
        return {}

    def verify(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Raise ChannelDenied: who is told by e-mail signs nothing, what he reports comes as a file."""
        raise ChannelDenied(self.name, "incoming message", "its reports come by `orderpool supplier report`")

    @contextmanager
    def _session(self, action: str) -> Iterator[smtplib.SMTP]:
        """A connection on which nothing of the mail itself was sent; failures on it are sorted."""
        try:
            session = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise self._sorted(error, action) from error
        try:
            yield session
            _part(session)
        except (OSError, smtplib.SMTPException) as error:
            raise self._sorted(error, action) from error
        finally:
            session.close()

    def _connect(self) -> smtplib.SMTP:
        server, me = self._server, self._from.domain
        context = ssl.create_default_context()
        if server.scheme == "smtps":
            return smtplib.SMTP_SSL(server.host, server.port, me, timeout=TIMEOUT_S, context=context)
        session = smtplib.SMTP(server.host, server.port, me, timeout=TIMEOUT_S)
        try:
            if server.scheme == "smtp":
                session.starttls(context=context)
        except BaseException:
            session.close()
            raise
        return session

    def _sorted(self, error: Exception, action: str) -> Exception:
        """What a failure before the mail was handed in means."""
        match error:
            case ssl.SSLCertVerificationError():
                return ChannelDenied(self.name, action, f"its certificate is not to be trusted: {error.verify_message}")
            case smtplib.SMTPNotSupportedError():
                return ChannelDenied(self.name, action, f"{error}: the server offers no STARTTLS, or no log-in")
            case smtplib.SMTPResponseException():
                return self._refusal(error.smtp_code, error.smtp_error, action)
            case _:
                return ChannelUnavailable(self.name, action, f"not reached: {type(error).__name__}")

    def _refusal(self, code: int, text: bytes | str, action: str) -> Exception:
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        obstacle = brief(f"SMTP {code} {_without_addresses(said)}")
        if code in _DENIED:
            return ChannelDenied(self.name, action, obstacle)
        kind = ChannelRejected if 500 <= code <= 599 else ChannelUnavailable
        return kind(self.name, action, obstacle)

    def _expect(self, reply: tuple[int, bytes], action: str) -> None:
        if not 200 <= reply[0] <= 299:
            raise self._refusal(*reply, action)

    def _hand_in(self, session: smtplib.SMTP, mail: bytes, action: str) -> None:
        try:
            reply = session.data(mail)
        except smtplib.SMTPDataError:  # it does not want the mail: nothing was sent
            raise
        except (OSError, smtplib.SMTPException) as error:
            silent = f"no answer to the mail: {type(error).__name__}"
            raise OutcomeUnknown(self.name, action, silent) from error
        self._expect(reply, action)

    def _mail(self, message: Message) -> EmailMessage:
        data = message.data
        no = str(data.get("outbound_no", ""))
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = f"{_SUBJECTS.get(message.type, message.type)} {no}"
        mail["From"], mail["To"] = self._from, self._to
        mail["Date"] = format_datetime(self._now())
        mail["Message-ID"] = f"<{quote(message.key, safe='')}@{self._from.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_text(data), cte="base64")
        mail.add_attachment(
            _table(data).encode("utf-8-sig"), maintype="text", subtype="csv", filename=f"{quote(no, safe='')}.csv"
        )
        return mail


def _part(session: smtplib.SMTP) -> None:
    # the mail is in: how they part changes nothing
    with suppress(OSError, smtplib.SMTPException):
        session.quit()


def _without_addresses(said: str) -> str:
    return " ".join("…" if "@" in word else word for word in said.split())


def _text(data: Mapping[str, Any]) -> str:
    to, carrier = data["receiver"], data["carrier"]["code"]
    place = "".join(to[part] for part in ("province", "city", "district"))
    cod = data["totals"]["cod_amount"]
    listed = [f"  {line['qty']} x {line['sku']}  {line['name']}{_of_kit(line)}" for line in data["lines"]]
    rows = [
        f"发货单号 Document: {data['outbound_no']}  (版本 revision {data['version']})",
        f"店铺 Shop: {data['channel']['shop_name'] or data['channel']['shop_code']}",
        f"订单 Orders: {', '.join(data['channel']['order_nos'])}",
        f"最晚发货 Ship by: {data['ship_by'] or '-'}",
        f"快递 Carrier: {carrier}",
        f"收货地区 To: {place} {to['name_masked']} {to['phone_masked']}",
        *([f"代收货款 Collect at the door: CNY {cod}"] if cod != "0.00" else []),
        "",
        f"商品 Lines ({data['totals']['qty']}):",
        *listed,
        "",
        f"收货人信息请点击链接查看（有效期至 {data['page_until']}，每次查看均有记录）：",
        f"Open this for the receiver's full address, until {data['page_until']}; every look is logged:",
        str(data["page_url"]),
        "",
        "发货后请在附件中填写快递公司和运单号并发回。",
        "When it has left, fill in carrier and waybill in the attached file and send it back.",
        "同一发货单号的多封邮件为同一指令，请勿重复发货。",
        "Several mails with one document number are one instruction: ship it once.",
    ]
    return "\n".join(rows) + "\n"


def _of_kit(line: Mapping[str, Any]) -> str:
    kit = line.get("kit")
    return f"  [套装 kit {kit['sku']}]" if kit else ""


def _table(data: Mapping[str, Any]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in data["lines"]:
        kit = (line.get("kit") or {}).get("sku", "")
        writer.writerow(
            [data["outbound_no"], line["sku"], _inert(line["name"]), line["barcode"], kit, line["qty"], "", ""]
        )
    return text.getvalue()


def _inert(written: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{written}" if written[:1] in ("=", "+", "-", "@", "\t", "\r") else written


def _server(name: str, credentials: Credentials) -> Server:
    try:
        server = read_endpoint(credentials.get("endpoint", ""))
    except ValueError as error:
        raise SetupError(f"{name}: endpoint {error}") from error
    if server.scheme == "smtp+plain" and credentials.get("allow_http") != "1":
        raise SetupError(f"{name}: endpoint is plain SMTP, which needs allow_http set to 1")
    return server


def read_endpoint(written: str) -> Server:
    """The server that an endpoint names; raises ValueError saying what it has to be."""
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    extra = parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in SCHEMES or not parts.hostname or extra:
        raise ValueError("must be smtps://host:port or smtp://host:port, with nothing else in it")
    return Server(parts.hostname, port or SCHEMES[parts.scheme], parts.scheme)


def _address(name: str, credential: str, written: str) -> Address:
    try:
        address = Address(addr_spec=written.strip())
    except (ValueError, IndexError) as error:
        raise SetupError(f"{name}: {credential} must be an e-mail address") from error
    if not address.domain or not written.isascii():
        raise SetupError(f"{name}: {credential} must be an e-mail address")
    return address
