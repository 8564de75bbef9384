"""What Qimen warehouses report, as envelopes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Envelope
from connectors.wms.qimen_incoming import MAX_ID_CHARS, envelopes
from connectors.wms.qimen_terms import read_options
from tests.connectors.conftest import NOON
from tests.connectors.test_qimen_xml import LAUGHS

CONFIRM = """<?xml version="1.0" encoding="utf-8"?>
<request>
  <deliveryOrder><deliveryOrderCode>OB1</deliveryOrderCode><deliveryOrderId>W1</deliveryOrderId>
    <warehouseCode>WH-HZ-01</warehouseCode><orderType>JYCK</orderType><status>DELIVERED</status>
    <outBizCode>W1-1</outBizCode><confirmType>0</confirmType>
    <orderConfirmTime>2026-11-20 11:05:10</orderConfirmTime></deliveryOrder>
  <packages>
    <package><logisticsCode>YTO</logisticsCode><logisticsName>圆通速递</logisticsName>
      <expressCode>YT9693083639795</expressCode><packageCode>P1</packageCode><length>30</length>
      <weight>0.86</weight><volume>0.006</volume>
      <items><item><itemCode>TEA</itemCode><itemId>W88001</itemId><quantity>2.0</quantity></item></items></package>
  </packages>
  <orderLines>
    <orderLine><orderLineNo>1</orderLineNo><itemCode>TEA</itemCode><planQty>2</planQty><actualQty>2</actualQty>
      <batchs><batch><batchCode>B1</batchCode><actualQty>2</actualQty></batch></batchs></orderLine>
  </orderLines>
</request>"""


def read(body: str, method: str = "deliveryorder.confirm", options: str = "") -> dict[str, Envelope]:
    return envelopes(method, body.encode(), NOON, read_options(options).carrier_of)


def only(body: str, method: str = "deliveryorder.confirm", options: str = "") -> Envelope:
    (envelope,) = read(body, method, options).values()
    return envelope


def confirm(packages: str = "", lines: str = "", **order: str) -> dict[str, Any]:
    """The data of a confirmation that says this."""
    said = {"deliveryOrderCode": "OB1", "status": "DELIVERED", "outBizCode": "W1-1", "confirmType": "0", **order}
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
    body = f"<request><deliveryOrder>{fields}</deliveryOrder><packages>{packages}</packages>"
    data: dict[str, Any] = only(f"{body}<orderLines>{lines}</orderLines></request>")["data"]
    return data


def box(number: str, *items: tuple[str, str], code: str = "YTO", name: str = "") -> str:
    held = "".join(f"<item><itemCode>{sku}</itemCode><quantity>{units}</quantity></item>" for sku, units in items)
    carrier = f"<logisticsCode>{code}</logisticsCode><logisticsName>{name}</logisticsName>"
    return f"<package>{carrier}<expressCode>{number}</expressCode><items>{held}</items></package>"


def line(no: str, sku: str, actual: str) -> str:
    left = f"<itemCode>{sku}</itemCode><actualQty>{actual}</actualQty>"
    return f"<orderLine><orderLineNo>{no}</orderLineNo>{left}</orderLine>"


def test_a_confirmation_is_a_shipment() -> None:
    assert read(CONFIRM) == {
        "deliveryorder.confirm:OB1:W1-1": {
            "type": "outbound.shipped",
            "timestamp": "2026-11-20T11:05:10+08:00",
            "data": {
                "event_id": "deliveryorder.confirm:OB1:W1-1",
                "outbound_no": "OB1",
                "wms_no": "W1",
                "final": True,
                "packages": [
                    {
                        "package_no": "P1",
                        "carrier_code": "yuantong",
                        "tracking_no": "YT9693083639795",
                        "weight_kg": "0.86",
                        "length_cm": "30",
                        "volume": "0.006",
                        "lines": [{"sku": "TEA", "qty": 2}],
                    }
                ],
                "occurred_at": "2026-11-20T11:05:10+08:00",
            },
        }
    }


def test_without_a_name_a_report_is_known_by_its_text() -> None:
    nameless = CONFIRM.replace("<outBizCode>W1-1</outBizCode>", "")
    (first,), (again,), (other,) = read(nameless), read(nameless), read(nameless.replace("OB1", "OB2"))

    assert first == again != other
    assert len(first) <= MAX_ID_CHARS


def test_an_endless_name_is_cut_to_a_digest() -> None:
    (name,) = read(CONFIRM.replace("W1-1", "x" * 500))

    assert len(name) <= MAX_ID_CHARS


@pytest.mark.parametrize(
    ("confirm_type", "status", "final"),
    [("0", "DELIVERED", True), ("1", "PARTDELIVERED", False), ("1", "DELIVERED", False), ("0", "PARTDELIVERED", True),
     ("", "DELIVERED", None), ("", "PARTDELIVERED", False)],
)  # fmt: skip
def test_whether_more_follows(confirm_type: str, status: str, final: bool | None) -> None:
    assert confirm(box("YT1", ("TEA", "1")), confirmType=confirm_type, status=status)["final"] is final


@pytest.mark.parametrize(
    ("code", "name", "options", "carrier"),
    [
        ("SF", "", "", "shunfeng"),
        ("sf", "", "", "shunfeng"),
        ("DBWL", "", "", "debangwuliu"),
        ("OTHER", "极兔速递", "", "jtexpress"),
        ("OTHER", "", "", ""),
        ("OTHER", "某快递", "", ""),
        ("JTSD", "", "carrier.jtexpress=JTSD", "jtexpress"),
        ("yunda", "", "", "yunda"),
        ("GTO", "国通快递", "", "GTO"),
    ],
)
def test_the_carrier_that_the_warehouse_names_is_taken(code: str, name: str, options: str, carrier: str) -> None:
    body = f"<request><deliveryOrder/><packages>{box('1', code=code, name=name)}</packages></request>"

    assert only(body, options=options)["data"]["packages"][0]["carrier_code"] == carrier


def test_several_boxes() -> None:
    packages = confirm(box("YT1", ("TEA", "1"), ("CUP", "1")) + box("YT2", ("TEA", "1"), code="SF"))["packages"]

    assert [(one["tracking_no"], one["carrier_code"]) for one in packages] == [("YT1", "yuantong"), ("YT2", "shunfeng")]
    assert [one["lines"] for one in packages] == [
        [{"sku": "TEA", "qty": 1}, {"sku": "CUP", "qty": 1}],
        [{"sku": "TEA", "qty": 1}],
    ]


def test_a_box_without_a_number_travels_with_the_one_that_has_it() -> None:
    packages = confirm(box("YT1", ("TEA", "1")) + box("", ("CUP", "1")))["packages"]

    assert [one["tracking_no"] for one in packages] == ["YT1", "YT1"]


def test_boxes_that_do_not_say_what_they_hold_hold_what_left_of_the_lines() -> None:
    packages = confirm(box("YT1") + box("YT2"), line("1", "TEA", "2") + line("2", "CUP", "0"))["packages"]

    assert [one["lines"] for one in packages] == [[{"line_no": "1", "sku": "TEA", "qty": 2}], []]


def test_a_sku_on_two_lines_leaves_by_the_line_that_left() -> None:
    lines = line("1", "TEA", "0") + line("2", "TEA", "2") + line("3", "TEA", "1")

    packages = confirm(box("YT1", ("TEA", "1")) + box("YT2", ("TEA", "2")), lines)["packages"]

    assert [one["lines"] for one in packages] == [
        [{"line_no": "2", "sku": "TEA", "qty": 1}],
        [{"line_no": "2", "sku": "TEA", "qty": 1}, {"line_no": "3", "sku": "TEA", "qty": 1}],
    ]


def test_where_boxes_and_lines_do_not_agree_the_sku_is_all_that_is_said() -> None:
    packages = confirm(box("YT1", ("TEA", "1")), line("1", "TEA", "2") + line("2", "TEA", "2"))["packages"]

    assert packages[0]["lines"] == [{"sku": "TEA", "qty": 1}]


def test_units_that_are_no_number_are_left_to_whoever_judges() -> None:
    assert confirm(box("YT1", ("TEA", "many")))["packages"][0]["lines"] == [{"sku": "TEA", "qty": "many"}]


def test_a_final_confirmation_of_nothing_closes_the_document() -> None:
    data = confirm(lines=line("1", "TEA", "0.0"))

    assert (data["final"], data["packages"], data["reason_code"]) == (True, [], "NOTHING_SHIPPED")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("NEW", "accepted"),
        ("ACCEPT", "accepted"),
        ("REJECT", "rejected"),
        ("CANCELED", "cancelled"),
        ("CLOSED", "cancelled"),
        ("CANCELEDFAIL", "cancel_failed"),
        ("EXCEPTION", "exception"),
    ],
)
def test_a_confirmation_may_say_something_else(status: str, kind: str) -> None:
    envelope = only(CONFIRM.replace("DELIVERED", status))

    assert envelope["type"] == f"outbound.{kind}"
    assert envelope["data"]["reason_code"] == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("ACCEPT", "outbound.accepted"),
        ("PRINT", "outbound.picking"),
        ("PICK", "outbound.picking"),
        ("CHECK", "outbound.picked"),
        ("PACKAGE", "outbound.packed"),
        ("DELIVERED", "outbound.packed"),
        ("CANCELED", "outbound.cancelled"),
        ("CANCELEDFAIL", "outbound.cancel_failed"),
        ("SIGN", "qimen.process.SIGN"),
    ],
)
def test_progress(status: str, kind: str) -> None:
    process = f"<processStatus>{status}</processStatus><operateTime>2026-11-20 11:00:00</operateTime>"
    body = f"<request><order><orderCode>OB1</orderCode></order><process>{process}</process></request>"

    envelope = only(body, "orderprocess.report")

    assert (envelope["type"], envelope["data"]["outbound_no"]) == (kind, "OB1")
    assert envelope["timestamp"] == "2026-11-20T11:00:00+08:00"


def test_units_that_lack() -> None:
    items = "<item><itemCode>TEA</itemCode><planQty>2</planQty><lackQty>1</lackQty><reason>实物报缺</reason></item>"
    names = "<deliveryOrderCode>OB1</deliveryOrderCode><outBizCode>L1</outBizCode>"
    body = f"<request>{names}<items>{items}</items></request>"

    ((name, envelope),) = read(body, "itemlack.report").items()

    assert (name, envelope["type"]) == ("itemlack.report:OB1:L1", "outbound.short_picked")
    assert envelope["data"]["lines"] == [{"sku": "TEA", "planned_qty": 2, "short_qty": 1, "reason": "PHYSICAL_SHORT"}]


def inventory(page: str) -> str:
    items = (
        "<item><itemCode>TEA</itemCode><inventoryType>ZP</inventoryType><quantity>-2</quantity><totalQty>8</totalQty>"
        "</item><item><itemCode>CUP</itemCode><inventoryType>CC</inventoryType><quantity>1</quantity></item>"
    )
    return (
        f"<request><totalPage>2</totalPage><currentPage>{page}</currentPage><checkOrderCode>CK9</checkOrderCode>"
        "<checkTime>2026-11-20 11:00:00</checkTime><outBizCode>B7</outBizCode><adjustType>CHECK</adjustType>"
        f"<items>{items}</items></request>"
    )


def test_a_count_tells_differences() -> None:
    ((name, envelope),) = read(inventory("2"), "inventory.report").items()

    assert (name, envelope["type"]) == ("inventory.report:2:B7", "inventory.changed")
    assert envelope["data"]["items"] == [
        {"sku": "TEA", "stock_type": "GOOD", "delta": "-2", "reason": "CHECK", "ref_no": "CK9"},
        {"sku": "CUP", "stock_type": "DEFECT", "delta": "1", "reason": "CHECK", "ref_no": "CK9"},
    ]


def test_the_pages_of_a_count_are_reports_of_their_own() -> None:
    assert read(inventory("1"), "inventory.report").keys() != read(inventory("2"), "inventory.report").keys()


def change(biz: str, sku: str, units: int) -> str:
    return (
        f"<item><orderCode>IN1</orderCode><orderType>CGRK</orderType><outBizCode>{biz}</outBizCode>"
        f"<itemCode>{sku}</itemCode><quantity>{units}</quantity><changeTime>2026-11-20 11:00:00</changeTime></item>"
    )


def test_changes_of_stock_are_known_by_their_own_names() -> None:
    body = f"<request><items>{change('S1', 'TEA', 5)}{change('S2', 'CUP', 1)}{change('S1', 'CUP', 2)}</items></request>"

    found = read(body, "stockchange.report")

    assert list(found) == ["stockchange.report:S1", "stockchange.report:S2"]
    assert [(item["sku"], item["delta"]) for item in found["stockchange.report:S1"]["data"]["items"]] == [
        ("TEA", "5"),
        ("CUP", "2"),
    ]
    assert {(item["reason"], item["ref_no"]) for one in found.values() for item in one["data"]["items"]} == {
        ("CGRK", "IN1")
    }


def test_a_time_that_cannot_be_read_is_when_the_call_was_sent() -> None:
    assert only(CONFIRM.replace("2026-11-20 11:05:10", "yesterday"))["timestamp"] == "2026-11-20T12:00:00+08:00"


def test_a_call_that_is_not_used_is_kept_whole() -> None:
    body = "<request><entryOrder/></request>"

    ((name, envelope),) = read(body, "entryorder.confirm").items()

    assert name.startswith("entryorder.confirm:")
    assert (envelope["type"], envelope["data"]["body"]) == ("qimen.entryorder.confirm", body)


def test_a_body_that_cannot_be_read_is_kept_for_a_person() -> None:
    envelope = only(LAUGHS.decode())

    assert (envelope["type"], envelope["data"]["why"]) == ("qimen.unreadable", "it declares a document type")


names = st.sampled_from(
    ["request", "deliveryOrder", "packages", "package", "items", "item", "orderLines", "orderLine", "itemCode",
     "quantity", "actualQty", "expressCode", "outBizCode", "status", "process", "processStatus", "order"]
)  # fmt: skip
trees = st.recursive(
    st.sampled_from(["", "1", "TEA", "-3", "DELIVERED", "2026-11-20 11:00:00", "&lt;"]),
    lambda inner: st.lists(st.tuples(names, inner), max_size=4).map(
        lambda parts: "".join(f"<{name}>{part}</{name}>" for name, part in parts)
    ),
)
methods = st.sampled_from(
    ["deliveryorder.confirm", "orderprocess.report", "itemlack.report", "inventory.report", "stockchange.report", ""]
)


@given(trees, methods)
def test_whatever_comes_becomes_named_envelopes(body: str, method: str) -> None:
    for name, envelope in read(f"<request>{body}</request>", method).items():
        assert 0 < len(name) <= MAX_ID_CHARS
        assert name.isprintable()
        assert envelope.keys() == {"type", "timestamp", "data"}


@given(st.binary(max_size=200), methods)
def test_whatever_bytes_come_are_kept(body: bytes, method: str) -> None:
    envelopes(method, body, NOON, read_options("").carrier_of)
