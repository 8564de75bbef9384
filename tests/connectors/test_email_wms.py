"""A supplier who is told by e-mail, over real SMTP against the sandbox's mail server."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.base import Message
from connectors.wms.email import EmailWms
from models.errors import ChannelDenied, ChannelError, ChannelRejected, ChannelUnavailable, OutcomeUnknown, SetupError
from sandbox import mail
from sandbox.mail import VANISH, MailServer

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DATA: dict[str, Any] = {
    "outbound_no": "OB20261120000001",
    "version": 1,
    "channel": {"platform": "TAOBAO", "shop_code": "tmall-1", "shop_name": "示例旗舰店", "order_nos": ["1"]},
    "ship_by": "2026-11-21T20:00:00+08:00",
    "carrier": {"code": "yuantong"},
    "receiver": {
        "token": "rcv_abc", "name_masked": "张*", "phone_masked": "138****1234",
        "province": "广东省", "city": "深圳市", "district": "南山区",
    },
    "lines": [
        {"line_no": "1", "sku": "TEA", "barcode": "690", "name": "茶", "qty": 2, "unit_price": "54.00"},
        {
            "line_no": "2", "sku": "CUP", "barcode": "", "name": "=cmd()", "qty": 1, "unit_price": "9.00",
            "kit": {"sku": "GIFT", "name": "礼盒", "per_unit": 1},
        },
    ],
    "totals": {"qty": 3, "amount": "117.00", "currency": "CNY", "cod_amount": "0.00"},
    "page_url": "https://oms.example/instructions/rcv_abc/code",
    "page_until": "2026-12-04 12:00",
}  # fmt: skip
MESSAGE = Message("outbound.created", "OB20261120000001-r1", NOON, DATA)


@pytest.fixture(scope="session")
def running_mail() -> Iterator[MailServer]:
    with mail.running() as server:
        yield server


@pytest.fixture
def server(running_mail: MailServer) -> MailServer:
    running_mail.forget()
    return running_mail


def supplier(server: MailServer, scheme: str = "smtp+plain", **more: str) -> EmailWms:
    credentials = {
        "endpoint": f"{scheme}://127.0.0.1:{server.port}",
        "mail_from": "orders@seller.example",
        "mail_to": "ship@supplier.example",
        "allow_http": "1",
    }
    return EmailWms(httpx.Client(), "SUP-1", credentials | more, lambda: NOON)


def text_of(sent: EmailMessage) -> str:
    body = sent.get_body()
    assert isinstance(body, EmailMessage)
    return str(body.get_content())


def table_of(sent: EmailMessage) -> list[dict[str, str]]:
    attached = next(iter(sent.iter_attachments()))
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


# what it says


def test_a_mail_names_document_lines_carrier_and_deadline(server: MailServer) -> None:
    supplier(server).send(MESSAGE)

    (sent,) = server.mails
    assert sent["To"] == "ship@supplier.example"
    assert "OB20261120000001" in sent["Subject"]
    assert all(part in text_of(sent) for part in ("2 x TEA", "yuantong", "2026-11-21T20:00:00+08:00"))


def test_the_attached_table_has_a_row_per_line_with_room_for_the_waybill(server: MailServer) -> None:
    supplier(server).send(MESSAGE)

    rows = table_of(server.mails[0])
    assert [(row["outbound_no"], row["sku"], row["quantity"], row["kit"], row["waybill"]) for row in rows] == [
        ("OB20261120000001", "TEA", "2", "", ""),
        ("OB20261120000001", "CUP", "1", "GIFT", ""),
    ]


def test_a_title_is_no_formula_in_the_table(server: MailServer) -> None:
    supplier(server).send(MESSAGE)

    assert table_of(server.mails[0])[1]["name"] == "'=cmd()"


def test_a_mail_holds_no_price_no_order_number_and_nobody_in_clear(server: MailServer) -> None:
    supplier(server).send(MESSAGE)

    text = text_of(server.mails[0])
    assert "54.00" not in text
    assert "117.00" not in text
    assert "张*" in text
    assert DATA["page_url"] in text


def test_what_is_due_at_the_door_is_said(server: MailServer) -> None:
    totals = DATA["totals"] | {"cod_amount": "117.00"}

    supplier(server).send(Message("outbound.created", "k", NOON, DATA | {"totals": totals}))

    assert "CNY 117.00" in text_of(server.mails[0])


def test_a_repeat_has_the_same_message_id(server: MailServer) -> None:
    supplier(server).send(MESSAGE)
    supplier(server).send(MESSAGE)

    assert [sent["Message-ID"] for sent in server.mails] == ["<OB20261120000001-r1@seller.example>"] * 2


def test_every_address_of_a_supplier_gets_it(server: MailServer) -> None:
    supplier(server, mail_to="a@supplier.example, b@supplier.example").send(MESSAGE)

    assert server.mails[0]["To"] == "a@supplier.example, b@supplier.example"


# what can go wrong


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("reply", "kind"), [("451 later", ChannelUnavailable), ("550 no", ChannelRejected)])
def test_a_refusal_is_for_now_or_for_good_by_its_code(
    server: MailServer, command: str, reply: str, kind: type[ChannelError]
) -> None:
    server.answer(command, reply)

    with pytest.raises(kind, match=f"SMTP {reply[:3]}"):
        supplier(server).send(MESSAGE)

    assert server.mails == []


def test_one_refused_address_stops_the_mail_for_all(server: MailServer) -> None:
    server.answer("RCPT", "250 OK", "550 no such user")

    with pytest.raises(ChannelRejected):
        supplier(server, mail_to="a@supplier.example,b@supplier.example").send(MESSAGE)

    assert server.mails == []


def test_what_a_server_says_of_addresses_is_not_repeated(server: MailServer) -> None:
    server.answer("RCPT", "550 <ship@supplier.example> unknown")

    with pytest.raises(ChannelRejected) as raised:
        supplier(server).send(MESSAGE)

    assert "supplier.example" not in str(raised.value)


def test_a_server_that_goes_silent_before_the_mail_has_nothing(server: MailServer) -> None:
    server.answer("RCPT", VANISH)

    with pytest.raises(ChannelUnavailable):
        supplier(server).send(MESSAGE)


def test_a_server_that_goes_silent_after_the_mail_leaves_it_unknown(server: MailServer) -> None:
    server.answer("DATA", VANISH)

    with pytest.raises(OutcomeUnknown, match="no answer to the mail"):
        supplier(server).send(MESSAGE)

    assert len(server.mails) == 1


def test_a_port_nobody_listens_on_is_unavailable() -> None:
    with pytest.raises(ChannelUnavailable, match="not reached"):
        supplier(MailServer(port=9)).send(MESSAGE)


def test_an_incoming_message_is_nobodys(server: MailServer) -> None:
    with pytest.raises(ChannelDenied, match="orderpool supplier report"):
        supplier(server).verify({}, b"{}")


# passwords and TLS


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this computer trusts."""
    path = mail.new_identity(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def test_a_log_in_with_the_right_password_hands_mail_in(identity: Path) -> None:
    with mail.running(tls="starttls", identity=identity, password="secret") as server:
        supplier(server, "smtp", mail_user="user", mail_password="secret").send(MESSAGE)

        assert len(server.mails) == 1


@pytest.mark.parametrize("given", [{"mail_user": "user", "mail_password": "wrong"}, {}])
def test_a_log_in_that_fails_or_lacks_is_denied(given: dict[str, str], identity: Path) -> None:
    with (
        mail.running(tls="starttls", identity=identity, password="secret") as server,
        pytest.raises(ChannelDenied, match="SMTP 53"),
    ):
        supplier(server, "smtp", **given).send(MESSAGE)


@pytest.mark.parametrize(("scheme", "tls"), [("smtp", "starttls"), ("smtps", "start")])
def test_mail_goes_through_tls(scheme: str, tls: str, identity: Path) -> None:
    with mail.running(tls=tls, identity=identity) as server:
        supplier(server, scheme).send(MESSAGE)

        assert len(server.mails) == 1


@pytest.mark.parametrize(("scheme", "tls"), [("smtp", "starttls"), ("smtps", "start")])
def test_a_server_that_nobody_vouches_for_gets_nothing(scheme: str, tls: str, tmp_path: Path) -> None:
    with mail.running(tls=tls, identity=mail.new_identity(tmp_path)) as server:
        with pytest.raises(ChannelDenied, match="not to be trusted"):
            supplier(server, scheme).send(MESSAGE)

        assert server.mails == []


def test_a_server_without_tls_gets_nothing_unless_it_is_asked_for_plain(server: MailServer) -> None:
    with pytest.raises(ChannelDenied, match="STARTTLS"):
        supplier(server, "smtp").send(MESSAGE)

    assert server.mails == []


# credentials


@pytest.mark.parametrize(
    ("given", "obstacle"),
    [
        ({"endpoint": "https://mail.example"}, "endpoint must be smtps://"),
        ({"endpoint": "smtps://user:secret@mail.example"}, "endpoint must be smtps://"),
        ({"endpoint": "smtp://mail.example:99999"}, "endpoint must be smtps://"),
        ({"endpoint": "smtp+plain://mail.example", "allow_http": "0"}, "needs allow_http"),
        ({"mail_from": "nobody"}, "mail_from must be an e-mail address"),
        ({"mail_to": ""}, "mail_to must be an e-mail address"),
        ({"mail_to": "a@x.example,,b@x.example"}, "mail_to must be an e-mail address"),
    ],
)
def test_credentials_that_cannot_work_say_which(given: dict[str, str], obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle) as raised:
        supplier(MailServer(port=9), **given)

    assert "secret" not in str(raised.value)
