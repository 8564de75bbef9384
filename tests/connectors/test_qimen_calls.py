"""Signed calls: how they are signed, and which of those that come in are taken."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.converters import CHINA
from connectors.wms.qimen import QimenWms
from connectors.wms.qimen_protocol import is_signed, sign
from models.errors import ChannelDenied
from tests.connectors.conftest import DATA, NOON

SECRET = "qimen0secret0000000000000000abcd"
KNOWN = {"endpoint": "https://qimen.example/service", "app_key": "23268761", "secret": SECRET, "customer_id": "c1"}

VECTORS = [v for v in json.loads((DATA / "vectors_logistics.json").read_text("utf-8")) if v["system"] == "qimen"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_known_signatures(vector: dict[str, Any]) -> None:
    query, body = vector["request"]["query_params"], (vector["request"].get("body") or "").encode()

    assert sign(query, body, vector["secret"]) == vector["expected_sign"]
    assert is_signed({**query, "sign": vector["expected_sign"]}, body, vector["secret"])
    assert not is_signed({**query, "sign": vector["expected_sign"]}, body + b" ", vector["secret"])


def test_blank_parameters_are_not_signed() -> None:
    query = {"method": "m", "session": " ", "partner_id": "", "sign_method": "md5"}

    assert sign(query, b"", SECRET) == sign({"method": "m", "sign_method": "md5"}, b"", SECRET)


def test_a_trailing_secret_signs_differently_and_verifies_only_so() -> None:
    query = {"method": "m", "sign_method": "md5"}
    trailing = sign(query, b"<a/>", SECRET, "trailing")

    assert trailing != sign(query, b"<a/>", SECRET)
    assert is_signed({**query, "sign": trailing}, b"<a/>", SECRET, "trailing")
    assert not is_signed({**query, "sign": trailing}, b"<a/>", SECRET)


def test_a_signature_by_an_unknown_method_is_none() -> None:
    assert not is_signed({"sign_method": "sha3", "sign": "0"}, b"", SECRET)


def wms(**more: str) -> QimenWms:
    return QimenWms(httpx.Client(), "WH-E", {**KNOWN, **more}, lambda: NOON)


def call(body: str | bytes, method: str = "deliveryorder.confirm", **changes: str) -> tuple[dict[str, str], bytes]:
    """A signed call of the warehouse."""
    raw = body.encode() if isinstance(body, str) else body
    query = {
        "method": method,
        "app_key": "21363512",
        "timestamp": f"{NOON.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
        "sign_method": "md5",
        "customerId": "c1",
        **changes,
    }
    return {**query, "sign": sign(query, raw, SECRET)}, raw


@pytest.mark.parametrize("method", ["deliveryorder.confirm", "taobao.qimen.deliveryorder.confirm"])
def test_a_signed_call_says_its_method(method: str) -> None:
    assert wms().verified(*call("<request/>", method)).method == "deliveryorder.confirm"


@pytest.mark.parametrize("stamp", ["2026-11-20 11:50:00", "2026-11-20 12:10:00"])
def test_ten_minutes_away_is_still_accepted(stamp: str) -> None:
    wms().verified(*call("<request/>", timestamp=stamp))


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-11-20 11:49:59"},
        {"timestamp": "2026-11-20 12:10:01"},
        {"timestamp": "soon"},
        {"timestamp": ""},
        {"customerId": "c2"},
        {"sign_method": "sha3"},
    ],
)
def test_a_call_that_does_not_fit_is_denied(change: dict[str, str]) -> None:
    query = {"method": "m", "timestamp": "2026-11-20 12:00:00", "sign_method": "md5", "customerId": "c1", **change}
    signed = {**query, "sign": sign({**query, "sign_method": "md5"}, b"", SECRET)}

    with pytest.raises(ChannelDenied):
        wms().verified(signed, b"")


@pytest.mark.parametrize("change", [{"sign": "0" * 32}, {"sign": ""}, {"method": "other"}])
def test_a_wrong_signature_is_denied(change: dict[str, str]) -> None:
    query, body = call("<request/>")

    with pytest.raises(ChannelDenied):
        wms().verified({**query, **change}, body)


def test_the_window_can_be_set() -> None:
    query, body = call("<request/>", timestamp="2026-11-20 11:30:00")

    assert wms(options="window_s=3600").verified(query, body)


@given(st.dictionaries(st.text(), st.text()), st.binary(max_size=100))
def test_any_call_is_understood_or_denied(query: dict[str, str], body: bytes) -> None:
    with pytest.raises(ChannelDenied):
        wms().verified(query, body)
