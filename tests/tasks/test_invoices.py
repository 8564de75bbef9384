"""Invoice wishes in the pool: sealed, kept, and news of them reviewed like a remark."""

from typing import Any

import pytest

from models.database import transaction
from models.incoming import IncomingInvoice, InvoiceKind
from tasks.receivers import load_personal
from tests.fakes import FakePool, payload
from tests.tasks.replaying import read_with, replay

COMPANY = IncomingInvoice(InvoiceKind.COMPANY, "梧桐里茶业有限公司", "91330106MA2CFRX43E")


def wanting(no: int, minute: int = 0, **meta: str) -> dict[str, Any]:
    """A web shop's order with these invoice keys."""
    rows = [{"id": place, "key": f"_invoice_{key}", "value": value} for place, (key, value) in enumerate(meta.items())]
    return payload(no, minute, meta_data=rows)


def invoices(pool: FakePool) -> dict[str, IncomingInvoice | None]:
    numbers = dict(pool.rows("select id, order_no from orders"))
    with transaction() as conn:
        return {numbers[i]: personal.invoice for i, personal in load_personal(conn, list(numbers)).items()}


@pytest.fixture
def tea(pool: FakePool) -> FakePool:
    """Ten units of TEA, and an order for a company that nobody has reviewed yet."""
    pool.stock(TEA=10)
    pool.take([wanting(1, title=COMPANY.title, tax_no=COMPANY.tax_no)])
    return pool


def test_an_invoice_is_kept_sealed(tea: FakePool) -> None:
    assert invoices(tea) == {"1": COMPANY}
    ((sealed, body),) = tea.rows("select r.invoice_enc, w.body from receiver r join raw_order w using (order_id)")
    assert COMPANY.tax_no.encode() not in bytes(sealed)
    assert COMPANY.tax_no not in body


def test_an_order_that_asks_for_none_has_none(pool: FakePool) -> None:
    pool.take([payload(1)])

    assert pool.rows("select invoice_enc from receiver") == [(None,)]


def test_a_later_version_without_it_leaves_it(tea: FakePool) -> None:
    tea.take([wanting(1, 1)], run="run-2")

    assert invoices(tea) == {"1": COMPANY}


def test_another_invoice_is_news_of_what_the_order_asks_for(tea: FakePool) -> None:
    tea.take([wanting(1, 1, title="张伟")], run="run-2")

    assert invoices(tea) == {"1": IncomingInvoice(InvoiceKind.PERSONAL, "张伟", "")}
    ((fields,),) = tea.rows("select detail->'fields' from event where what = 'amended'")
    assert list(fields) == ["remark"]


def test_a_replay_reads_it_from_what_is_stored(pool: FakePool) -> None:
    read_with(pool, ("_invoice_tax_no", "_tax_no_of_yore"))
    pool.take([wanting(1, title=COMPANY.title, tax_no=COMPANY.tax_no)])
    assert invoices(pool) == {"1": IncomingInvoice(InvoiceKind.COMPANY, COMPANY.title, "")}

    read_with(pool)
    replay()

    assert invoices(pool) == {"1": COMPANY}


def test_a_replay_takes_away_what_was_misread(pool: FakePool) -> None:
    read_with(pool, ("_invoice_title", "_gift_of"))
    pool.take([payload(1, meta_data=[{"id": 1, "key": "_gift_of", "value": "张伟"}])])

    read_with(pool)
    replay()

    assert invoices(pool) == {"1": None}
