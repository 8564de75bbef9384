"""What shops say of the invoice a buyer asks for, read through their mappings."""

from typing import Any

import pytest

from connectors.mapping import parse_mapping
from connectors.paths import getter
from connectors.reading_differences import differences, personal_fields, shown_value
from connectors.registry import own_mapping
from models.errors import SetupError
from models.incoming import IncomingInvoice, InvoiceKind
from tests.connectors.conftest import recorded

WOO, JD = own_mapping("woocommerce"), own_mapping("jd")
TITLE, TAX_NO = "某某科技有限公司", "91330100MA2XXXXXXX"


def store(**meta: str) -> dict[str, Any]:
    """A web shop's order whose meta_data holds these keys, behind one of a plugin's."""
    rows = [{"id": 1, "key": "_plugin", "value": {"a": 1}}]
    rows += [{"id": place, "key": key, "value": value} for place, (key, value) in enumerate(meta.items(), 2)]
    return {**recorded("woocommerce")[0], "meta_data": rows}


def test_a_store_keeps_it_in_its_meta() -> None:
    assert WOO.read(recorded("woocommerce")[0]).invoice == IncomingInvoice(InvoiceKind.COMPANY, TITLE, TAX_NO)
    assert WOO.read(recorded("woocommerce")[1]).invoice is None
    assert WOO.read(store()).invoice is None


@pytest.mark.parametrize(
    ("said", "kind"), [("企业", InvoiceKind.COMPANY), ("个人", InvoiceKind.PERSONAL), ("电子", InvoiceKind.PERSONAL)]
)
def test_a_store_s_plugin_may_say_who_it_is_for(said: str, kind: InvoiceKind) -> None:
    assert WOO.read(store(_invoice_title="张伟", _invoice_kind=said)).invoice == IncomingInvoice(kind, "张伟", "")


def test_jd_says_it_beside_the_words() -> None:
    wanted, unwanted = recorded("jd")[:2]
    assert JD.read(wanted).invoice == IncomingInvoice(InvoiceKind.COMPANY, TITLE, TAX_NO)
    assert JD.read(unwanted).invoice is None
    assert JD.read({**wanted, "invoiceInfo": "不需要开具发票"}).invoice is None


def test_columns_of_a_file_may_hold_it() -> None:
    mapping = parse_mapping(
        """
        name: export
        version: 1
        file: {}
        order: {order_no: 编号, created_at: 时间, total_fen: 金额}
        pay_state: {rules: [{when: {金额: {zero: true}}, is: unpaid}], otherwise: ready}
        invoice:
          title: 发票抬头
          tax_no: 税号
          kind: {from: 类型, table: {企业: company, 个人: personal, 不开发票: ""}}
        line: {quantity: 数量, paid_fen: 金额}
        """,
        "export.yaml",
    )
    row = {"数量": "1", "金额": "5"}
    cells = {
        "编号": "A1",
        "时间": "2026-11-20",
        "金额": "5",
        "发票抬头": TITLE,
        "税号": "",
        "类型": "企业",
        "$lines": [row],
    }

    assert mapping.read(cells).invoice == IncomingInvoice(InvoiceKind.COMPANY, TITLE, "")
    assert mapping.read({**cells, "发票抬头": "", "类型": "不开发票"}).invoice is None
    assert mapping.personal(cells) == {"发票抬头": TITLE}


def test_a_difference_never_shows_title_or_number() -> None:
    was, now = WOO.read(store(_invoice_title="张伟")), WOO.read(store(_invoice_title=TITLE, _invoice_tax_no=TAX_NO))
    hidden = personal_fields(WOO)

    found = {
        one.field: (shown_value(one.field, one.old, hidden), shown_value(one.field, one.new, hidden))
        for one in differences(was, now)
    }

    assert set(found) == {"invoice.kind", "invoice.title", "invoice.tax_no"}
    assert (found["invoice.title"], found["invoice.tax_no"]) == (("<str of 2>", "<str of 8>"), ("-", "<str of 18>"))


def test_a_path_may_choose_an_element_by_one_of_its_keys() -> None:
    rows = {"meta": [{"key": "a.b", "value": 1}, {"key": "c", "value": ""}, {"key": "c", "value": 3}, {"value": 4}]}

    assert getter("meta[key=c].value")(rows) == 3
    assert getter("meta[key=a\\.b].value")(rows) == 1
    assert getter("meta[key=d].value")(rows) is None


@pytest.mark.parametrize("path", ["meta[key=c]", "meta[]", "[key=c].value"])
def test_a_path_that_chooses_nothing_to_read_is_refused(path: str) -> None:
    text = f"""
name: shop
version: 1
order: {{order_no: no, created_at: at, total_fen: total, buyer_note: "{path}"}}
pay_state: {{from: status, table: {{paid: ready}}}}
lines: rows
line: {{quantity: n, paid_fen: paid}}
"""
    with pytest.raises(SetupError, match="buyer_note"):
        parse_mapping(text, "shop.yaml")
