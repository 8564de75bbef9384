"""What a check of a mapping shows: where each field comes from, what it becomes, and every fault, nothing personal."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import FeedError, SetupError
from tasks.mapping_trial import Cell, Trial, TrialCount, json_payloads, load_mapping, plan, try_file
from tests.fakes import payload
from tests.tasks.replaying import woo_file

DATA = Path(__file__).parents[1] / "data" / "orders"
TAOBAO = Path(__file__).parents[2] / "connectors" / "mappings" / "taobao.yaml"
WOO = TAOBAO.with_name("woocommerce.yaml")

EXPORT = """name: export
version: 1
file: {}
order: {order_no: 订单号, created_at: 下单时间, total_fen: 金额}
pay_state: {from: 状态, table: {已付款: ready}}
receiver: {name: 收货人, phone: 手机, province: 省}
line: {sku_code: 编码, quantity: 数量, unit_price_fen: 金额, paid_fen: {share_of: goods}}
"""
HEADER = "订单号,下单时间,金额,状态,收货人,手机,省,编码,数量\n"


def sample(folder: Path, *payloads: object) -> Path:
    path = folder / "sample.json"
    path.write_text(json.dumps(list(payloads), ensure_ascii=False), "utf-8")
    return path


def cells(trial: Trial) -> dict[str, Cell]:
    return {cell.field: cell for cell in trial.cells if cell.line in (0, 1)}


def test_each_field_shows_the_path_its_value_came_from(tmp_path: Path) -> None:
    (trial,) = try_file(load_mapping(WOO), sample(tmp_path, payload(7, units={"TEA": 2})))

    shown = cells(trial)
    assert shown["order.total_fen"] == Cell("order.total_fen", 0, ("total",), "40.00 yuan")
    assert shown["order.created_at"] == Cell("order.created_at", 0, ("date_created_gmt",), "2026-11-20 09:00:07")
    assert shown["line.quantity"] == Cell("line.quantity", 1, ("line_items[].quantity",), "2")
    assert shown["line.unit_price_fen"] == Cell("line.unit_price_fen", 1, (), "20.00 yuan")


def test_of_alternatives_the_one_that_counted_is_shown(tmp_path: Path) -> None:
    first = payload(1)
    second = payload(2, shipping={**first["shipping"], "phone": ""}, billing={"phone": "13912345678"})

    paths = [
        cells(trial)["receiver.phone"].paths for trial in try_file(load_mapping(WOO), sample(tmp_path, first, second))
    ]

    assert paths == [("shipping.phone",), ("billing.phone",)]


def test_joined_parts_are_all_shown(tmp_path: Path) -> None:
    (trial,) = try_file(load_mapping(WOO), sample(tmp_path, payload(1)))

    assert cells(trial)["receiver.name"].paths == ("shipping.last_name", "shipping.first_name")


def test_personal_values_are_masked_or_only_measured(tmp_path: Path) -> None:
    (trial,) = try_file(load_mapping(WOO), sample(tmp_path, payload(7, customer_note="门卫李四 13800001111")))

    shown = cells(trial)
    assert (shown["receiver.name"].value, shown["receiver.phone"].value) == ("欧***", "139****0007")
    assert shown["receiver.address"].value == "<str of 9>"
    assert shown["order.buyer_note"].value == "<str of 16>"
    assert not any(word in repr(trial) for word in ("修远", "梧桐", "李四", "13900000007"))


def test_of_a_region_only_names_of_divisions_are_shown(tmp_path: Path) -> None:
    first = payload(1)
    odd = payload(2, shipping={**first["shipping"], "city": "李雷家"})

    good, bad = try_file(load_mapping(WOO), sample(tmp_path, first, odd))

    assert (cells(good)["receiver.province"].value, cells(good)["receiver.city"].value) == ("浙江省", "杭州市")
    assert cells(bad)["receiver.city"].value == "<str of 3>"


def test_a_field_read_from_a_personal_place_by_mistake_is_not_shown(tmp_path: Path) -> None:
    wrong = woo_file(tmp_path, ("platform_status: status", "platform_status: shipping.address_1"))

    (trial,) = try_file(load_mapping(wrong), sample(tmp_path, payload(7)))

    assert cells(trial)["order.platform_status"].value == "<str of 9>"


def test_every_fault_of_every_payload_is_told_and_counted_by_field(tmp_path: Path) -> None:
    lines = payload(3)["line_items"]
    broken = [
        payload(1, status="teleported", total="many"),
        payload(2, line_items=[{**lines[0], "quantity": 0}, {**lines[0], "quantity": "x"}]),
        payload(3),
    ]
    count = TrialCount()
    trials = list(try_file(load_mapping(WOO), sample(tmp_path, *broken)))
    for trial in trials:
        count.add(trial)

    assert (count.readable, count.unreadable) == (1, 2)
    assert dict(count.faults) == {"total_fen": 1, "pay_state": 1, "line.quantity": 1}
    assert trials[0].faults[0].startswith("total_fen: total = 'many'")
    assert [trial.order_no for trial in trials] == ["1", "2", "3"]


def test_a_payload_that_is_no_object_is_a_fault(tmp_path: Path) -> None:
    (trial,) = try_file(load_mapping(WOO), sample(tmp_path, 7))

    assert trial.faults == ("order: the payload is a int",)


@pytest.mark.parametrize(
    ("changes", "ready"),
    [
        ({}, "yes"),
        ({"status": "pending"}, "no, it is unpaid"),
        ({"date_paid_gmt": None, "payment_method": "bacs"}, "no, it is unpaid: "),
    ],
)
def test_the_channel_says_what_is_ready_to_ship(tmp_path: Path, changes: dict[str, Any], ready: str) -> None:
    (trial,) = try_file(load_mapping(WOO, "woocommerce"), sample(tmp_path, payload(1, **changes)))

    assert trial.ready.startswith(ready)


def test_without_a_channel_only_the_status_is_known(tmp_path: Path) -> None:
    (trial,) = try_file(load_mapping(WOO), sample(tmp_path, payload(1)))

    assert trial.ready == "yes, by its status"


@pytest.mark.parametrize("written", ['{"id": 1}', '[{"id": 1}]', '\ufeff{"id": 1}\n', '{"id": 1}\n\n{"id": 2}\n'])
def test_a_sample_is_an_object_a_list_or_an_object_per_line(tmp_path: Path, written: str) -> None:
    path = tmp_path / "sample.json"
    path.write_text(written, "utf-8")

    assert json_payloads(path)[0] == {"id": 1}


@pytest.mark.parametrize(
    ("written", "obstacle"),
    [
        ("[]", "holds no payload"),
        ("", "holds no payload"),
        ('{"id": ', "line 1"),
        ('{\n "id": 1,\n}', "line 3"),
        ('{"id": 1}\n{"id": 张伟}', "line 2"),
    ],
)
def test_a_sample_that_is_no_json_says_where(tmp_path: Path, written: str, obstacle: str) -> None:
    path = tmp_path / "sample.json"
    path.write_text(written, "utf-8")

    with pytest.raises(SetupError, match=f"sample .*sample.json: .*{obstacle}") as caught:
        json_payloads(path)
    assert "张伟" not in str(caught.value)


def test_a_sample_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"sample .*none.json: cannot be read: No such file"):
        json_payloads(tmp_path / "none.json")


def test_a_file_mapping_is_tried_on_a_csv(tmp_path: Path) -> None:
    (mapping_path := tmp_path / "export.yaml").write_text(EXPORT, "utf-8")
    rows = "1,2026-11-20 09:00,30,已付款,张伟,13800005678,浙江省,TEA,1\n2,2026-11-20 09:00,x,已付款,,,,TEA,1\n3,short\n"
    (path := tmp_path / "export.csv").write_text(HEADER + rows, "utf-8")

    good, bad, short = try_file(load_mapping(mapping_path, "file"), path)

    assert cells(good)["order.total_fen"] == Cell("order.total_fen", 0, ("金额",), "30.00 yuan")
    assert cells(good)["line.paid_fen"].value == "30.00 yuan"
    assert good.ready == "yes"
    assert bad.faults[0].startswith("total_fen: 金额 = 'x'")
    assert short.faults == ("row: line 4 of this order: has 2 cells where the header has 9",)


def test_a_csv_that_lacks_a_column_is_a_clear_error(tmp_path: Path) -> None:
    (mapping_path := tmp_path / "export.yaml").write_text(EXPORT, "utf-8")
    (path := tmp_path / "export.csv").write_text("订单号\n1\n", "utf-8")

    with pytest.raises(FeedError, match="lacks the column"):
        list(try_file(load_mapping(mapping_path), path))


@pytest.mark.parametrize(
    ("channel", "obstacle"),
    [("amazon", "there is no channel amazon; there are "), ("file", "cannot read file: it has no file section")],
)
def test_a_mapping_that_does_not_fit_the_channel_is_a_clear_error(channel: str, obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        load_mapping(WOO, channel)


def test_the_plan_names_paths_and_what_stays_at_its_default() -> None:
    found = {field.name: field for field in plan(load_mapping(WOO))}

    assert found["order.order_no"].paths == ("number", "id")
    assert found["line.sku_code"].paths == ("line_items[].sku",)
    assert found["order.paid_fen"].otherwise == "0 when unpaid, else order.total_fen - order.cod_fen"
    assert (found["receiver.oaid"].otherwise, found["line.state"].otherwise) == ("-", "open")


def test_every_recorded_payload_of_a_channel_shows_every_field() -> None:
    trials = list(try_file(load_mapping(TAOBAO, "taobao"), DATA / "taobao.json"))

    assert trials
    for trial in trials:
        assert not trial.faults
        assert cells(trial)["order.order_no"].paths == ("tid_str",) or cells(trial)["order.order_no"].paths == ("tid",)
