from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.base import RepeatClass
from connectors.carriers import kuaidi100_label_order
from connectors.carriers.kuaidi100_waybills import Kuaidi100Waybills
from connectors.waybills import Contact, WaybillWish
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)
from models.masking import hide_known
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

ACCOUNT = {"partner_id": "K21000119", "partner_key": "s3cr3t-of-the-branch", "net": "", "cargo": "日用品"}
WISH = WaybillWish(
    "OB20261122000017-1-0a1b2c3d",
    "yuantong",
    ACCOUNT,
    Contact("华东仓", "0571-88880000", "浙江省杭州市余杭区仓前街道1号"),
    Contact("欧阳修远", "13900000042", "浙江省杭州市西湖区梧桐里弄42号"),
)
PRIVATE = ("欧阳修远", "13900000042", "梧桐里弄", "s3cr3t-of-the-branch")


def credentials(sandbox: Sandbox, **changes: str) -> Mapping[str, str]:
    return {**sandbox.carrier(), **changes}


@pytest.fixture
def service(sandbox: Sandbox, client: httpx.Client) -> Kuaidi100Waybills:
    return Kuaidi100Waybills(client, "kuaidi100/WH-S", credentials(sandbox), lambda: NOON)


def labels(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["labels"]
    return found


def test_a_waybill_is_made_with_what_is_wished(sandbox: Sandbox, service: Kuaidi100Waybills) -> None:
    made = service.make(replace(WISH, cod_fen=12050))

    (row,) = labels(sandbox)
    assert (row["number"], row["company"], row["order_id"]) == (made.number, "yuantong", WISH.order_key)
    assert row["to"] == {"name": "欧阳修远", "mobile": "13900000042", "printAddr": "浙江省杭州市西湖区梧桐里弄42号"}
    assert row["collection"] == "120.50"
    assert made.task_id
    assert made.service_no == f"KD{made.number}"


def test_no_answer_is_unknown_and_a_repeat_is_the_same_waybill(
    sandbox: Sandbox, service: Kuaidi100Waybills, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kuaidi100_label_order, "TIMEOUT_S", 0.3)
    fault = {"target": "carrier:kuaidi100", "kind": "timeout_after", "times": 1, "match": "/label/order order"}
    sandbox.do("POST", "/faults", fault)

    with pytest.raises(OutcomeUnknown):
        service.make(WISH)
    made = service.make(WISH)

    assert [row["number"] for row in labels(sandbox)] == [made.number]


def test_after_48_hours_a_repeat_is_for_a_person_to_decide() -> None:
    after = Kuaidi100Waybills.repeat_class_after

    assert after(timedelta(hours=47, minutes=59)) is RepeatClass.DEDUPLICATED is Kuaidi100Waybills.repeat_class
    assert after(timedelta(hours=48)) is RepeatClass.MANUAL


def test_a_waybill_is_cancelled_and_again_is_success(sandbox: Sandbox, service: Kuaidi100Waybills) -> None:
    made = service.make(WISH)

    service.cancel(ACCOUNT, "yuantong", made)
    service.cancel(ACCOUNT, "yuantong", made)

    assert [row["cancelled"] for row in labels(sandbox)] == [2]
    with pytest.raises(ChannelRejected, match="单号不存在"):
        service.cancel(ACCOUNT, "yuantong", replace(made, number="YT1111111111111"))


def test_the_older_address_of_cancels_may_be_named(sandbox: Sandbox, client: httpx.Client) -> None:
    given = credentials(sandbox, cancel_url=f"{sandbox.url}/eorderapi.do")
    service = Kuaidi100Waybills(client, "kuaidi100/WH-S", given, lambda: NOON)
    sandbox.do("POST", "/faults", {"target": "carrier:kuaidi100", "kind": "http_503", "match": "/label/order cancel"})

    service.cancel(ACCOUNT, "yuantong", service.make(WISH))

    assert [row["cancelled"] for row in labels(sandbox)] == [1]


def test_a_label_is_fetched_and_printed_again(service: Kuaidi100Waybills) -> None:
    made = service.make(WISH)

    label = service.fetch_label(made.label_url)

    assert label.media_type == "image/png"
    assert made.number.encode() in label.content
    assert service.fetch_label(service.print_again(ACCOUNT, made.task_id)) == label


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/label.png",
        "https://kuaidi100.com.example.com/label.png",
        "https://evilkuaidi100.com/label.png",
        "http://api.kuaidi100.com/label.png",
        "file:///etc/passwd",
        "https://kuaidi100.com@example.com/x",
        "https://[::1",
    ],
)
def test_labels_come_from_the_services_own_hosts_only(service: Kuaidi100Waybills, url: str) -> None:
    with pytest.raises(ChannelRejected, match="fetch label"):
        service.fetch_label(url)


def answering(content: bytes, url: str = "https://label.kuaidi100.com/a.png", **given: str) -> Callable[[], object]:
    """What fetching a label from a server that answers so does."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, content=content)))
    named = {"key": "k", "secret": "s", **given}
    return lambda: Kuaidi100Waybills(client, "kuaidi100/WH-S", named, lambda: NOON).fetch_label(url)


def test_a_label_is_an_image_of_bounded_size() -> None:
    with pytest.raises(ChannelRejected, match="neither PNG nor JPEG"):
        answering(b"<html>")()
    with pytest.raises(ChannelRejected, match="longer than"):
        answering(b"\x89PNG\r\n\x1a\n" + bytes(3_000_000))()


def test_another_host_of_labels_may_be_named() -> None:
    jpeg, place = b"\xff\xd8\xff\xe0", "https://oss.example.com/a.jpg"
    with pytest.raises(ChannelRejected):
        answering(jpeg, place)()

    answering(jpeg, place, label_hosts="cdn.example.com, oss.example.com")()


def test_a_wrong_secret_and_an_empty_account_are_denied(sandbox: Sandbox, client: httpx.Client) -> None:
    wrong = Kuaidi100Waybills(client, "kuaidi100/WH-S", credentials(sandbox, secret="wrong"), lambda: NOON)
    with pytest.raises(ChannelDenied):
        wrong.make(WISH)

    sandbox.do("POST", "/carriers/kuaidi100/waybills", {"balance": 0})
    right = Kuaidi100Waybills(client, "kuaidi100/WH-S", credentials(sandbox), lambda: NOON)
    with pytest.raises(ChannelDenied, match="余额不足"):
        right.make(WISH)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, ChannelRejected),
        (10025, ChannelRejected),
        (500, OutcomeUnknown),
        (502, ChannelUnavailable),
        (504, RateLimited),
        (601, ChannelDenied),
    ],
)
def test_refusals_are_sorted_and_say_nothing_of_the_receiver(
    sandbox: Sandbox, service: Kuaidi100Waybills, code: int, kind: type[ChannelError]
) -> None:
    said = "收件人欧阳修远(13900000042)的地址西湖区梧桐里弄42号超区，密码s3cr3t-of-the-branch"
    sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": said, "code": code})

    with pytest.raises(kind) as caught:
        service.make(WISH)

    assert type(caught.value) is kind
    assert "超区" in str(caught.value)
    assert not [text for text in PRIVATE if text in str(caught.value)]


def answers(status: int, text: str) -> Kuaidi100Waybills:
    """The service that answers everything so."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status, text=text)))
    return Kuaidi100Waybills(client, "kuaidi100/WH-S", {"key": "k", "secret": "s"}, lambda: NOON)


@pytest.mark.parametrize(
    "text", ['{"message":"what?"}', '{"message":"余额不足"}', '{"code":"500","message":"余额不足"}']
)
def test_an_answer_that_leaves_it_open_is_unknown_only_where_something_changes(text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        answers(200, text).make(WISH)
    with pytest.raises(ChannelUnavailable):
        answers(200, text).print_again(ACCOUNT, "T1")


def test_a_page_of_a_proxy_says_nothing_of_the_receiver(sandbox: Sandbox, client: httpx.Client) -> None:
    page = httpx.MockTransport(lambda request: httpx.Response(413, text="too large: 梧桐里弄42号"))
    service = Kuaidi100Waybills(httpx.Client(transport=page), "k", credentials(sandbox), lambda: NOON)

    with pytest.raises(ChannelRejected) as caught:
        service.make(WISH)

    assert "梧桐" not in str(caught.value)


def test_nothing_private_shows_in_what_is_printed_of_a_wish() -> None:
    assert not [text for text in PRIVATE if text in repr(WISH)]


def test_it_needs_key_and_secret(client: httpx.Client) -> None:
    with pytest.raises(SetupError, match="lacks the credential secret"):
        Kuaidi100Waybills(client, "kuaidi100/WH-S", {"key": "k"}, lambda: NOON)


@pytest.mark.parametrize(
    ("said", "private", "shown"),
    [
        ("地址西湖区梧桐里弄无法识别", ["西湖区梧桐里弄42号"], "地址****无法识别"),
        ("张伟拒收", ["张伟"], "****拒收"),
        ("张先生", ["张"], "张先生"),
        ("ok", [], "ok"),
    ],
)
def test_private_texts_are_hidden_whole_and_in_part(said: str, private: list[str], shown: str) -> None:
    assert hide_known(said, private) == shown
