"""JD's orders in our words, and which of them are ready to ship."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.channels.jd import JdChannel
from connectors.mapping import MappingError, join, load_mapping
from connectors.registry import mapping_for
from models.incoming import PayState
from tests.connectors.conftest import ready_cases, recorded

RECORDED, READY = recorded("jd"), ready_cases("jd")
FIRST = "312345678901"
MAPPING = load_mapping(mapping_for("jd")).gated(JdChannel.ready_to_ship)


class TestMapping:
    """JD's words in ours."""

    def test_a_recorded_order(self) -> None:
        order = MAPPING.read(RECORDED[0])

        assert (order.external_id, order.order_no, order.buyer_key) == (FIRST, FIRST, "o9AbCdEf0123")
        assert order.paid_at == datetime(2026, 11, 20, 1, 1, 55, tzinfo=UTC)
        assert order.modified_at == datetime(2026, 11, 20, 1, 1, 58, tzinfo=UTC)
        assert order.ship_by == datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
        assert (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen) == (33800, 3000, 800, 31600)
        assert (order.paid_fen, order.refunded_fen, order.split_from) == (31600, 0, "")
        assert [(line.line_no, line.sku_code, line.quantity, line.paid_fen) for line in order.lines] == [
            ("100123456789", "DJ-001-BLK-L", 1, 27155),
            ("100123456790", "WZ-009-WHT", 2, 3645),
        ]

    def test_receivers_are_ciphertext_and_mask(self) -> None:
        receiver = MAPPING.read(RECORDED[0]).receiver

        assert (receiver.name, receiver.phone, receiver.address, receiver.masked) == ("", "138****5678", "", True)
        assert (receiver.name_cipher, receiver.address_cipher) == ("AcB1x7Zk9Q==", "AcB1xQq0cY7dL2==")
        assert (receiver.province, receiver.city, receiver.district, receiver.town) == (
            "浙江",
            "杭州市",
            "余杭区",
            "五常街道",
        )
        assert receiver.oaid == "1xYzAbC0123456789"

    def test_a_locked_order_names_the_one_it_was_split_from(self) -> None:
        order = MAPPING.read(RECORDED[1])

        assert (order.pay_state, order.split_from, order.seller_note) == (
            PayState.BLOCKED,
            "312345678950",
            "买家申请退款",
        )

    def test_numbers_as_numbers_and_a_gift_of_what_is_sold(self) -> None:
        order = MAPPING.read(RECORDED[2])

        assert (order.external_id, order.split_from) == ("312345679001", "312345679000")
        assert (order.pay_state, order.paid_at, order.paid_fen, order.total_fen) == (PayState.READY, None, 0, 9011)
        assert [(line.line_no, line.quantity, line.paid_fen) for line in order.lines] == [
            ("100555000111", 3, 9011),
            ("100555000111#2", 1, 0),
        ]

    def test_a_shipped_order_without_its_payable_amount_counts_what_was_paid(self) -> None:
        order = MAPPING.read(RECORDED[3])

        assert (order.pay_state, order.total_fen, order.paid_fen) == (PayState.SHIPPED, 31600, 31600)

    def test_an_order_of_jds_warehouse_is_not_ours_to_ship(self) -> None:
        order = MAPPING.read(RECORDED[4])

        assert (order.pay_state, order.not_ready) == (PayState.PLATFORM_SHIPS, "it leaves from a warehouse of JD")

    def test_amounts_fall_back_to_the_field_that_is_filled(self) -> None:
        older = {**RECORDED[0], "shouldPay": None, "actualPay": None, "orderPayment": "300.00"}
        on_delivery = {**RECORDED[0], "shouldPay": None, "actualPay": "0.00", "orderPayment": "300.00"}

        assert [MAPPING.read(payload).total_fen for payload in (older, on_delivery)] == [30000, 30000]

    @pytest.mark.parametrize("confirmed", [None, "0001-01-01 00:00:00"])
    @pytest.mark.parametrize("way", ["1-货到付款", 1])
    def test_what_is_due_at_the_door_is_not_paid(self, way: Any, confirmed: str | None) -> None:
        on_delivery = {**RECORDED[0], "payType": way, "paymentConfirmTime": confirmed}
        older = {**on_delivery, "shouldPay": None, "actualPay": "0.00", "orderPayment": "300.00"}

        assert [(order.paid_fen, order.cod_fen) for order in map(MAPPING.read, (on_delivery, older))] == [
            (0, 31600),
            (0, 30000),
        ]

    @pytest.mark.parametrize("change", [{"paymentConfirmTime": "2026-11-20 09:01:55"}, {"orderState": "FINISHED_L"}])
    def test_what_was_paid_at_the_door_is_due_no_more(self, change: dict[str, Any]) -> None:
        on_delivery = {**RECORDED[0], "payType": "1-货到付款", "paymentConfirmTime": "0001-01-01 00:00:00"}
        order = MAPPING.read({**on_delivery, **change})

        assert (order.paid_fen, order.cod_fen) == (31600, 0)

    def test_the_discount_is_the_difference_to_the_total_that_counts(self) -> None:
        order = MAPPING.read({**RECORDED[0], "shouldPay": None, "actualPay": None, "orderPayment": "300.00"})

        assert (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen) == (33800, 4600, 800, 30000)

    def test_no_line_has_an_amount_below_zero(self) -> None:
        order = MAPPING.read({**RECORDED[0], "shouldPay": "3.00", "freightPrice": "8.00"})

        assert [line.paid_fen for line in order.lines] == [0, 0]

    def test_an_unknown_state_is_named(self) -> None:
        with pytest.raises(MappingError, match=f"order {FIRST}: pay_state: orderState = 'SOON' is not in"):
            MAPPING.read({**RECORDED[0], "orderState": "SOON"})

    def test_nothing_personal_stays_in_a_cut_order_and_joining_brings_it_back(self) -> None:
        for payload in RECORDED:
            cut = MAPPING.cut(payload)
            info = payload["consigneeInfo"]
            personal = [info[key] for key in ("fullname", "mobile", "fullAddress", "oaid", "town")]
            assert not [value for value in (*personal, payload["pin"], "某某科技有限公司") if value and value in cut]
            assert join(cut, MAPPING.personal(payload)) == payload

    def test_a_fault_in_the_receiver_shows_no_personal_value(self) -> None:
        wrong = copy.deepcopy(RECORDED[0])
        wrong["consigneeInfo"]["fullname"] = ["张伟"]
        wrong["orderStartTime"] = "soon"

        with pytest.raises(MappingError) as caught:
            MAPPING.read(wrong)
        assert "张伟" not in str(caught.value)
        assert "AcB1" not in str(caught.value)


def payload_with(change: dict[str, Any]) -> dict[str, Any]:
    return {**copy.deepcopy(RECORDED[0]), **change}


def payload_without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in RECORDED[0].items() if key not in keys}


class TestReadyToShip:
    """The predicate, field by field."""

    @pytest.mark.parametrize("case", READY, ids=[case["name"] for case in READY])
    def test_what_an_order_counts_as(self, case: dict[str, Any]) -> None:
        assert MAPPING.read(payload_with(case["change"])).pay_state == PayState(case["is"])

    @pytest.mark.parametrize(
        ("absent", "state"),
        [
            ("storeOrder", PayState.READY),
            ("idSopShipmenttype", PayState.READY),
            ("returnOrder", PayState.READY),
            ("paymentConfirmTime", PayState.READY),  # the state says that it is paid
            ("payType", PayState.READY),
            ("orderType", PayState.BLOCKED),
        ],
    )
    def test_what_an_order_without_a_field_counts_as(self, absent: str, state: PayState) -> None:
        assert MAPPING.read(payload_without(absent)).pay_state is state

    @pytest.mark.parametrize(
        "payload",
        [{}, {"orderType": ["22"]}, {"storeOrder": {"a": 1}, "payType": 1.5}, dict.fromkeys(RECORDED[0], True)],
    )
    def test_it_bears_any_payload(self, payload: dict[str, Any]) -> None:
        found = JdChannel.ready_to_ship(payload)

        assert found is None or (found.state is not PayState.READY and found.reason)
