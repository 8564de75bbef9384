"""A supplier who is told by e-mail what to ship: one mail per outbound document, with its lines as a CSV file.

Source: RFC 5322 (Message-ID).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote

import httpx

from connectors.base import Credentials, Envelope, Message, Now, RepeatClass
from connectors.mail import NEEDS, Mailbox
from models.errors import ChannelDenied

COLUMNS: Final = "outbound_no sku name barcode kit quantity carrier waybill".split()
"""What the attached file names of each line; the supplier fills in the last two and sends it back."""

_SUBJECTS: Final = {"outbound.created": "发货指令 / Shipping instruction"}


class EmailWms:
    """One supplier, with the credentials of a `Mailbox`.

    A repeated mail has the Message-ID and the document number of the first and says that both are one instruction:
    mail systems drop the second, or whoever reads it knows it. So it is sent again where nobody knows whether it
    arrived.
    """

    repeat_class = RepeatClass.DEDUPLICATED
    needs: ClassVar[tuple[str, ...]] = NEEDS
    for_people: ClassVar[bool] = True
    reads_long: ClassVar[bool] = False
    in_house: ClassVar[bool] = False

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._now = now
        self._mailbox = Mailbox(name, credentials)

    def groups(self, messages: Sequence[Message]) -> list[Sequence[Message]]:
        """Each alone: one mail, one document."""
        return [[message] for message in messages]

    def send(self, *messages: Message) -> Mapping[str, Envelope]:
        """Hand in one mail, never more, as `Mailbox.hand_in` does; returns no report."""
        (message,) = messages
        action = f"mail {message.type}"
        self._mailbox.hand_in(self._mail(message), action)
        return {}

    def verify(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Raise ChannelDenied: who is told by e-mail signs nothing, what he reports comes as a file."""
        raise ChannelDenied(self.name, "incoming message", "its reports come by `orderpool supplier report`")

    def _mail(self, message: Message) -> EmailMessage:
        data = message.data
        no = str(data.get("outbound_no", ""))
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = f"{_SUBJECTS.get(message.type, message.type)} {no}"
        mail["From"], mail["To"] = self._mailbox.sender, self._mailbox.to
        mail["Date"] = format_datetime(self._now())
        mail["Message-ID"] = f"<{quote(message.key, safe='')}@{self._mailbox.sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_text(data), cte="base64")
        mail.add_attachment(
            _table(data).encode("utf-8-sig"), maintype="text", subtype="csv", filename=f"{quote(no, safe='')}.csv"
        )
        return mail


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
