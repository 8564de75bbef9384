from dataclasses import replace

import httpx
import pytest

from connectors.base import Subscription
from connectors.carriers import kuaidi100
from connectors.carriers.kuaidi100 import Kuaidi100
from models.errors import ChannelDenied, ChannelRejected, OutcomeUnknown, RateLimited
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

PARCEL = Subscription(
    "yuantong", "YT9693083639795", "", "浙江省杭州市", "广东省深圳市", "http://127.0.0.1:9/cb", "s4lt"
)


@pytest.fixture
def carrier(sandbox: Sandbox, client: httpx.Client) -> Kuaidi100:
    return Kuaidi100(client, "kuaidi100", sandbox.carrier(), lambda: NOON)


def test_a_parcel_subscribed_twice_is_followed(sandbox: Sandbox, carrier: Kuaidi100) -> None:
    carrier.subscribe(PARCEL)
    carrier.subscribe(PARCEL)

    rows = sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["subscriptions"]
    assert [row["number"] for row in rows] == [PARCEL.waybill]


def test_no_answer_after_sending_is_unknown_and_a_retry_is_success(
    sandbox: Sandbox, carrier: Kuaidi100, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kuaidi100, "TIMEOUT_S", 0.3)
    sandbox.do("POST", "/faults", {"target": "carrier:kuaidi100", "kind": "timeout_after", "times": 1})

    with pytest.raises(OutcomeUnknown):
        carrier.subscribe(PARCEL)
    carrier.subscribe(PARCEL)


def test_a_number_without_scans_has_no_stage_yet(carrier: Kuaidi100) -> None:
    assert carrier.query("yuantong", "YT0000000000001", "").stage is None


def test_a_parcel_on_its_way_has_stage_and_scans(sandbox: Sandbox, carrier: Kuaidi100) -> None:
    carrier.subscribe(PARCEL)
    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "out_for_delivery"})

    trace = carrier.query(PARCEL.carrier, PARCEL.waybill, "")

    assert trace.stage == "out_for_delivery"
    assert trace.scans[0].stage == "out_for_delivery"


def test_asking_again_at_once_must_wait_half_an_hour(sandbox: Sandbox, carrier: Kuaidi100) -> None:
    carrier.subscribe(PARCEL)
    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "collected"})
    carrier.query(PARCEL.carrier, PARCEL.waybill, "")

    with pytest.raises(RateLimited) as caught:
        carrier.query(PARCEL.carrier, PARCEL.waybill, "")
    assert caught.value.retry_after_s == 1800


def test_a_wrong_key_is_denied(sandbox: Sandbox, client: httpx.Client) -> None:
    wrong = Kuaidi100(client, "kuaidi100", {**sandbox.carrier(), "key": "wrong"}, lambda: NOON)

    with pytest.raises(ChannelDenied):
        wrong.subscribe(PARCEL)
    with pytest.raises(ChannelDenied):
        wrong.query(PARCEL.carrier, PARCEL.waybill, "")


def test_an_unknown_carrier_is_refused_for_good(carrier: Kuaidi100) -> None:
    with pytest.raises(ChannelRejected):
        carrier.subscribe(replace(PARCEL, carrier="nobody"))
