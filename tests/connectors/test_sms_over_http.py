from typing import Any

import httpx
import pytest

from connectors.messages import sms
from connectors.messages.sms import AliyunSms, authorization, canonical_query
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, RateLimited, SetupError
from sandbox.server import Sandbox
from sandbox.sms import sign
from tests.connectors.conftest import NOON

PHONE = "13800001234"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EXAMPLE = {
    "host": "ecs.cn-shanghai.aliyuncs.com",
    "x-acs-action": "RunInstances",
    "x-acs-content-sha256": EMPTY,
    "x-acs-date": "2023-10-26T10:22:32Z",
    "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
    "x-acs-version": "2014-05-26",
}
PARAMETERS = {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
SIGNATURE = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
"""The example of the vendor's description of signature V3."""


def service(sandbox: Sandbox, client: httpx.Client, **changes: str) -> AliyunSms:
    return AliyunSms(client, "sms aliyun", {**sandbox.sms(), **changes}, lambda: NOON)


def sent(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.do("GET", "/books")["sms"]["aliyun"]
    return found


def test_the_signature_is_that_of_the_vendors_example() -> None:
    query = canonical_query(PARAMETERS)
    ours = authorization("YourAccessKeyId", "YourAccessKeySecret", "POST", "/", query, EXAMPLE)

    assert ours.endswith(f"SignedHeaders={';'.join(sorted(EXAMPLE))},Signature={SIGNATURE}")


def test_the_sandbox_reckons_the_vendors_example_too() -> None:
    assert sign("YourAccessKeySecret", "POST", "/", PARAMETERS, sorted(EXAMPLE), EXAMPLE) == SIGNATURE


def test_a_code_reaches_its_phone(sandbox: Sandbox, client: httpx.Client) -> None:
    service(sandbox, client).send_code(PHONE, "048392", "op7")

    assert [(row["phone"], row["code"], row["out_id"]) for row in sent(sandbox)] == [(PHONE, "048392", "op7")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"access_key_secret": "another"}, "SignatureDoesNotMatch"),
        ({"access_key_id": "another"}, "InvalidAccessKeyId.NotFound"),
        ({"sign_name": "某某 & Co.*"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"template_code": "SMS_1"}, "isv.SMS_TEMPLATE_ILLEGAL"),
    ],
)
def test_what_a_person_must_mend_is_denied(
    sandbox: Sandbox, client: httpx.Client, changes: dict[str, str], code: str
) -> None:
    with pytest.raises(ChannelDenied, match=code):
        service(sandbox, client, **changes).send_code(PHONE, "048392", "op7")


def test_a_phone_that_had_its_messages_is_refused_without_naming_it(sandbox: Sandbox, client: httpx.Client) -> None:
    service(sandbox, client).send_code(PHONE, "048392", "op7")

    with pytest.raises(ChannelRejected, match="BUSINESS_LIMIT_CONTROL"):
        service(sandbox, client).send_code(PHONE, "048393", "op8")
    with pytest.raises(ChannelRejected) as refused:
        service(sandbox, client).send_code("10000000000", "048393", "op8")
    assert "10000000000" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "error", "arrived"),
    [
        ("timeout_after", OutcomeUnknown, 1),
        ("html", OutcomeUnknown, 0),
        ("http_503", ChannelUnavailable, 0),
        ("rate_limit", RateLimited, 0),
    ],
)
def test_what_went_wrong_says_whether_it_may_have_left(
    sandbox: Sandbox,
    client: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    error: type[Exception],
    arrived: int,
) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_S", 0.3)
    sandbox.do("POST", "/faults", {"target": "sms:aliyun", "kind": kind, "times": 1})

    with pytest.raises(error):
        service(sandbox, client).send_code(PHONE, "048392", "op7")
    assert len(sent(sandbox)) == arrived


def test_a_service_that_is_not_reached_was_sent_nothing(sandbox: Sandbox, client: httpx.Client) -> None:
    with pytest.raises(ChannelUnavailable):
        service(sandbox, client, endpoint="http://127.0.0.1:9/").send_code(PHONE, "048392", "op7")


@pytest.mark.parametrize("changes", [{"sign_name": ""}, {"endpoint": "dysmsapi.aliyuncs.com"}])
def test_what_is_missing_is_named(sandbox: Sandbox, client: httpx.Client, changes: dict[str, str]) -> None:
    with pytest.raises(SetupError, match=next(iter(changes))):
        service(sandbox, client, **changes)
