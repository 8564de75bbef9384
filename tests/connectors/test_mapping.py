import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mapping import MappingError, join, parse_mapping
from connectors.paths import PersonalPaths
from connectors.registry import own_mapping
from models.errors import SetupError
from models.incoming import LineState, PayState
from tests.connectors.conftest import recorded

WOO = own_mapping("woocommerce")
TAOBAO = own_mapping("taobao")
MINIMAL = """
name: shop
version: 3
kind: goods
order: {order_no: no, created_at: at, total_fen: total, buyer_note: note}
pay_state: {from: status, table: {paid: ready, new: unpaid}}
receiver: {name: who.name, phone: who.phone}
lines: rows
line: {quantity: n, paid_fen: paid}
personal: [who.email]
"""
ORDER = {
    "no": "A1",
    "at": "2026-11-20 12:00:00",
    "total": "12.50",
    "status": "paid",
    "who": {"name": "张伟", "phone": "13800005678", "email": "z@example.com"},
    "note": "送到13900000000",
    "rows": [{"n": 2, "paid": 12.5}],
}
SHOP = parse_mapping(MINIMAL, "shop.yaml")
SECRETS = ("张伟", "13800005678", "z@example.com", "13900000000")


def changed(**more: Any) -> dict[str, Any]:
    return {**ORDER, **more}


class TestRecordedPayloads:
    """The channels' own mappings over documented payloads."""

    def test_a_taobao_trade(self) -> None:
        order = TAOBAO.read(recorded("taobao")[0])

        assert (order.external_id, order.order_no) == ("2912345678901234567", "2912345678901234567")
        assert order.paid_at == datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
        assert (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen) == (31800, 5000, 1000, 27800)
        assert [(line.sku_code, line.paid_fen, line.state) for line in order.lines] == [
            ("DJ-001-BLK-L", 21743, LineState.OPEN),
            ("WZ-009-WHT", 5057, LineState.REFUNDING),
        ]
        assert (order.receiver.masked, order.receiver.name, order.receiver.town) == (True, "张**", "五常街道")

    @pytest.mark.parametrize(
        ("changes", "amounts"),
        [
            ({"type": "cod", "pay_time": None}, (0, 27800)),
            ({"type": "cod"}, (27800, 0)),
            ({"pay_time": None}, (27800, 0)),
        ],
    )
    def test_what_a_taobao_buyer_pays_at_the_door(self, changes: dict[str, Any], amounts: tuple[int, int]) -> None:
        order = TAOBAO.read({**recorded("taobao")[0], **changes})

        assert (order.paid_fen, order.cod_fen) == amounts

    @pytest.mark.parametrize("paid_at", [None, "2026-11-20T01:02:03"])
    def test_what_a_store_s_buyer_pays_at_the_door(self, paid_at: str | None) -> None:
        payload = {**recorded("woocommerce")[0], "payment_method": "cod", "date_paid_gmt": paid_at}
        order = WOO.read(payload)

        assert (order.paid_fen, order.cod_fen) == ((order.total_fen, 0) if paid_at else (0, order.total_fen))

    def test_a_presale_promises_in_words_and_has_an_item_code_only(self) -> None:
        order = TAOBAO.read(recorded("taobao")[1])

        assert order.ship_by == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
        assert order.lines[0].sku_code == "AF-500"

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"status": "PAID_FORBID_CONSIGN"}, PayState.BLOCKED),
            ({"status": "WAIT_BUYER_PAY"}, PayState.UNPAID),
            ({"status": "TRADE_CLOSED_BY_TAOBAO"}, PayState.CANCELLED),
            ({"status": "SELLER_CONSIGNED_PART"}, PayState.READY),
            ({"status": "TRADE_FINISHED"}, PayState.FINISHED),
            ({"step_trade_status": "FRONT_PAID_FINAL_NOPAID"}, PayState.UNPAID),
            ({"step_trade_status": "FRONT_PAID_FRONT_FORFEITED"}, PayState.CANCELLED),
        ],
    )
    def test_what_a_taobao_status_means(self, changes: dict[str, str], state: PayState) -> None:
        assert TAOBAO.read({**recorded("taobao")[1], **changes}).pay_state == state

    def test_a_deposit_is_what_an_unfinished_presale_has_paid(self) -> None:
        deposit = {"step_trade_status": "FRONT_PAID_FINAL_NOPAID", "step_paid_fee": "50.00"}

        assert TAOBAO.read({**recorded("taobao")[1], **deposit}).paid_fen == 5000
        assert TAOBAO.read(recorded("taobao")[0]).paid_fen == 27800

    def test_unpaid_trades_have_no_pay_time(self) -> None:
        for empty in ("", None):
            trade = {**recorded("taobao")[0], "status": "WAIT_BUYER_PAY", "pay_time": empty}
            assert TAOBAO.read(trade).paid_at is None

    def test_a_web_shop_order(self) -> None:
        order = WOO.read(recorded("woocommerce")[0])

        assert (order.order_no, order.buyer_key, order.buyer_note) == ("723", "26", "请发顺丰")
        assert (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen) == (33800, 3000, 800, 31600)
        assert order.goods_fen - order.discount_fen + order.freight_fen == order.total_fen
        assert (order.receiver.name, order.receiver.province) == ("张伟", "浙江省")
        assert order.receiver.address == "余杭区五常街道某某路1号2幢301"

    def test_a_guest_order_falls_back_to_billing(self) -> None:
        order = WOO.read(recorded("woocommerce")[1])

        assert (order.buyer_key, order.refunded_fen) == ("", 5900)
        assert (order.receiver.name, order.receiver.phone) == ("李雷", "13900000008")
        assert (order.receiver.province, order.receiver.city) == ("上海市", "上海市")

    def test_an_own_address_takes_no_part_of_billing(self) -> None:
        payload = recorded("woocommerce")[0]
        payload["shipping"] |= {"city": "", "state": "", "address_2": ""}
        payload["billing"] |= {"city": "广州市", "state": "CN20"}

        receiver = WOO.read(payload).receiver

        assert (receiver.province, receiver.city, receiver.address) == ("", "", "余杭区五常街道某某路1号")

    @pytest.mark.parametrize(
        ("method", "state"), [("cod", PayState.READY), ("bacs", PayState.UNPAID), ("", PayState.UNPAID)]
    )
    def test_processing_without_payment_is_ready_only_on_delivery(self, method: str, state: PayState) -> None:
        order = {**recorded("woocommerce")[0], "date_paid_gmt": None, "payment_method": method}

        assert WOO.read(order).pay_state == state

    def test_latin_names_keep_their_order(self) -> None:
        payload = recorded("woocommerce")[0]
        payload["shipping"] |= {"first_name": "Wei", "last_name": "Zhang"}

        assert WOO.read(payload).receiver.name == "Wei Zhang"

    def test_an_unknown_status_is_named(self) -> None:
        with pytest.raises(MappingError, match="order 723: pay_state: status = 'partial-shipped' is not in"):
            WOO.read({**recorded("woocommerce")[0], "status": "partial-shipped"})


class TestFaults:
    """What an order that cannot be read says."""

    def test_every_bad_field_is_reported_at_once(self) -> None:
        bad = changed(total="1.005", at="soon", rows=[{"n": 0, "paid": "x"}, {"n": 1, "paid": "1.00"}])

        with pytest.raises(MappingError) as caught:
            SHOP.read(bad)

        assert [fault.field for fault in caught.value.faults] == [
            "created_at",
            "total_fen",
            "lines[1].quantity",
            "lines[1].paid_fen",
        ]
        assert caught.value.faults[1].shown == "'1.005'"

    def test_personal_values_show_type_and_length_only(self) -> None:
        bad = changed(
            who={"name": ["张伟"], "phone": {"x": "13800005678"}, "email": "z@example.com"}, note=["送到13900000000"]
        )

        with pytest.raises(MappingError) as caught:
            SHOP.read(bad)

        text = str(caught.value)
        assert "<list of 1>" in text
        assert not any(secret in text for secret in SECRETS)

    @pytest.mark.parametrize(
        "payload",
        [[], None, "x", {}, changed(who=["13800005678"]), changed(rows=["13800005678"]), changed(rows={"a": 1})],
    )
    def test_another_shape_is_an_order_fault(self, payload: Any) -> None:
        with pytest.raises(MappingError) as caught:
            SHOP.read(payload)
        assert not any(secret in str(caught.value) for secret in SECRETS)

    def test_read_all_keeps_positions(self) -> None:
        orders, errors = SHOP.read_all([changed(), changed(total=""), changed(no="A3")])

        assert [(position, order.order_no) for position, order in orders] == [(0, "A1"), (2, "A3")]
        assert [(position, error.order) for position, error in errors] == [(1, "A1")]

    def test_an_overlong_number_is_refused(self) -> None:
        with pytest.raises(MappingError, match="200 characters"):
            SHOP.read(changed(no="9" * 200))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from([*ORDER, "name", "phone", "n", "paid"]), inner, max_size=5)
            ),
            max_leaves=12,
        )
    )
    @settings(max_examples=150, deadline=None)
    def test_any_payload_is_read_or_refused(self, payload: Any) -> None:
        for mapping in (SHOP, WOO, TAOBAO):
            mixed = {**ORDER, **payload} if isinstance(payload, dict) else payload
            read, refused = mapping.read_all([mixed])
            assert len(read) + len(refused) == 1
            assert all(error.faults for _, error in refused)


class TestPersonal:
    """Cutting personal values out, and back in."""

    @pytest.mark.parametrize("name", ["taobao", "woocommerce"])
    def test_nothing_personal_stays_in_a_cut_payload(self, name: str) -> None:
        mapping = own_mapping(name)
        for payload in recorded(name):
            receiver, cut = mapping.read(payload).receiver, mapping.cut(payload)
            for value in (receiver.name, receiver.phone, receiver.oaid):
                assert not value or json.dumps(value, ensure_ascii=False) not in cut
            for value in ("zhang@example.com", "203.0.113.9", "请发顺丰", "某某科技有限公司", "某某路"):
                assert value not in cut

    @pytest.mark.parametrize("name", ["taobao", "woocommerce"])
    def test_a_joined_payload_is_the_first_one(self, name: str) -> None:
        mapping = own_mapping(name)
        for payload in recorded(name):
            before = json.dumps(payload)
            assert join(mapping.cut(payload), mapping.personal(payload)) == payload
            assert json.dumps(payload) == before

    @given(
        st.dictionaries(
            st.sampled_from(["a", "b", "c.d", "e\\", "$receiver", "[]"]) | st.text(max_size=3),
            st.recursive(
                st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x"]), inner, max_size=3)
                ),
                max_leaves=10,
            ),
        )
    )
    @settings(max_examples=150, deadline=None)
    def test_cut_and_join_are_inverse(self, payload: dict[str, Any]) -> None:
        personal = PersonalPaths(["a.b", "a", "b[].a", "b[].x[]", "c\\.d", "e\\\\.a", "x"])

        assert join(personal.cut(payload), personal.values(payload)) == payload

    def test_a_missing_list_entry_changes_nothing(self) -> None:
        assert json.loads(SHOP.cut({"who": {"email": ""}, "no": "A1"})) == {"who": {"email": ""}, "no": "A1"}


class TestSetup:
    """What a mapping file is refused for."""

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("version: 3", "version: three", "shop.yaml: version: 'three' is not a whole number"),
            ("version: 3\n", "", "the file: lacks version"),
            ("kind: goods", "kind: bads", "kind: 'bads' is not one of goods, header"),
            ("kind: goods", "kind: header", "kind header has no lines"),
            ("kind: goods", "kind: goods\nextra: 1", "does not know extra"),
            ("order_no: no,", "", "order: lacks order_no"),
            ("order_no: no", "order_no: no, order_number: no", "order: does not know order_number"),
            (
                "total_fen: total",
                "total_fen: {from: total, as: dollars}",
                "order.total_fen.as: 'dollars' is not one of",
            ),
            ("total_fen: total", "total_fen: {from: total, const: 1}", "order.total_fen: has from and const"),
            (
                "total_fen: total",
                "total_fen: {const: 1.005}",
                "order.total_fen.const: '1.005' has more than 2 decimals",
            ),
            (
                "total_fen: total",
                'total_fen: {from: total, default: ""}',
                "order.total_fen.default: '' is not a number",
            ),
            ("total_fen: total", "total_fen: a..b", "path 'a..b' has an empty step"),
            ("total_fen: total", "total_fen: {}", "order.total_fen: needs one of"),
            ("paid: ready", "paid: done", "pay_state.table.paid: 'done' is not one of"),
            ("{from: status, table: {paid: ready, new: unpaid}}", "status", "pay_state: needs a table"),
            (
                "{from: status, table: {paid: ready, new: unpaid}}",
                "{rules: [{when: {a: {soon: 1}}, is: ready}], otherwise: ready}",
                "pay_state.rules[0].when.a: does not know soon",
            ),
            ("lines: rows\n", "", "lacks lines"),
            ("personal: [who.email]", "personal: [who..email]", "personal[0]: path"),
            ("name: shop", "name: shop\nname: shop", "key 'name' appears twice"),
            ("name: shop", "name: &a shop\ntime_zone: *a", "aliases are not allowed"),
            ("name: shop", "name: shop\ntime_zone: Mars/Base", "time_zone: no time zone is called 'Mars/Base'"),
            ("name: shop", "name: !!python/object:os.system shop", "name"),
            ("name: shop", "name: [" * 500, "the file: "),
        ],
    )
    def test_a_fault_names_file_key_and_obstacle(self, old: str, new: str, said: str) -> None:
        assert old in MINIMAL
        text = MINIMAL.replace(old, new, 1)
        if "!!python" in new:
            assert parse_mapping(text, "shop.yaml").name == "shop"
            return

        with pytest.raises(SetupError) as caught:
            parse_mapping(text, "shop.yaml")
        assert "mapping shop.yaml" in str(caught.value)
        assert said in str(caught.value)

    def test_the_digest_changes_with_the_text(self) -> None:
        assert SHOP.digest != parse_mapping(MINIMAL + "\n", "shop.yaml").digest
        assert (SHOP.name, SHOP.version, len(SHOP.digest)) == ("shop", 3, 64)

    @given(st.text(max_size=60))
    @settings(max_examples=150, deadline=None)
    def test_any_text_is_a_mapping_or_a_setup_error(self, text: str) -> None:
        with pytest.raises(SetupError):
            parse_mapping(text, "x")


def test_a_mapping_without_personal_places_keeps_the_payload_whole() -> None:
    assert json.loads(PersonalPaths([]).cut(ORDER)) == ORDER
