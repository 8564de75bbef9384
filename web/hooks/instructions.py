"""The page of an outbound document, for suppliers who are told by e-mail: its link is the only key to it.

What GET shows holds nobody in clear, because mail systems open links by themselves. The receiver comes with a click,
and each look is an event of the orders. Source of the headers: privacy rules for pages that are opened by a token.
"""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from models.database import Connection, transaction
from models.order import Cause
from models.rules.purposes import Purpose
from models.settings import clock
from models.shipment import GIVEN_BACK
from tasks.instruction_links import is_ours, page_ends
from tasks.render import render_outbound
from web.hooks.documents import require_reveal, revealed
from web.requests import Code

router = APIRouter()

MOST_LOOKS = 20
"""How often the receiver of one document is shown: enough to print again, not to hand the link around."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}


@dataclass(frozen=True, slots=True)
class _Document:
    id: int
    no: str
    warehouse_code: str
    looks: int


@router.get("/instructions/{receiver_token}/{code}")
def show(receiver_token: Code, code: Code) -> HTMLResponse:
    """What to ship, with the receiver masked."""
    try:
        with transaction() as conn:
            document = _document(conn, receiver_token, code)
            data = _data(conn, document)
    except HTTPException as error:
        return _refused(error)
    return _page(_instruction(data) + _masked(data["receiver"]))


@router.post("/instructions/{receiver_token}/{code}")
def show_receiver(receiver_token: Code, code: Code) -> HTMLResponse:
    """The same with the receiver in clear."""
    try:
        with transaction() as conn:
            document = _document(conn, receiver_token, code)
            if document.looks >= MOST_LOOKS:
                raise HTTPException(429, f"the receiver was shown {MOST_LOOKS} times already; ask the seller")
            require_reveal(document.warehouse_code)
            receiver = revealed(conn, document.id, document.no, f"supplier:{document.warehouse_code}")
            data = _data(conn, document)
    except HTTPException as error:
        return _refused(error)
    return _page(_instruction(data) + _clear(receiver))


def _data(conn: Connection, document: _Document) -> dict[str, Any]:
    why = Cause(f"supplier:{document.warehouse_code}", clock().now())
    return render_outbound(conn, [document.id], Purpose.INSTRUCTION, why)[document.id]


def _document(conn: Connection, receiver_token: str, code: str) -> _Document:
    if not is_ours(receiver_token, code):
        raise HTTPException(404, "not found")
    # looks at one document follow each other, so that none is left uncounted
    row = conn.execute(
        """select d.id, d.no, w.code, d.state, d.created_at, d.shipped_at from outbound_document d
           join warehouse w on w.id = d.warehouse_id where d.receiver_token = %s for update of d""",
        (receiver_token,),
    ).fetchone()
    if row is None:
        raise HTTPException(404, "not found")
    document_id, no, warehouse_code, state, created_at, shipped_at = row
    if state in GIVEN_BACK:
        raise HTTPException(409, "the document was cancelled: do not ship it")
    _require_open(created_at, shipped_at)
    looks = conn.execute(
        """select count(*) from event where what = 'receiver_revealed' and detail->>'document' = %s
             and order_id = (select min(order_id) from allocation where document_id = %s)""",
        (no, document_id),
    ).fetchone()
    return _Document(document_id, no, warehouse_code, looks[0] if looks else 0)


def _require_open(created_at: datetime, shipped_at: datetime | None) -> None:
    if clock().now() >= page_ends(created_at, shipped_at):
        raise HTTPException(410, "the link is over; ask the seller")


def _refused(error: HTTPException) -> HTMLResponse:
    return _page(f"<p>{escape(str(error.detail))}</p>", error.status_code, error.headers or {})


def _page(body: str, status: int = 200, headers: Any = None) -> HTMLResponse:
    text = (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>发货指令</title><style>body{font:16px/1.6 sans-serif;max-width:46rem;margin:1rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left}"
        f"button{{font-size:1rem;padding:.4rem 1rem}}</style>{body}</html>"
    )
    return HTMLResponse(text, status, {**HEADERS, **(headers or {})})


def _instruction(data: dict[str, Any]) -> str:
    facts = {
        "发货单号 Document": data["outbound_no"],
        "店铺 Shop": data["channel"]["shop_name"] or data["channel"]["shop_code"],
        "订单 Orders": ", ".join(data["channel"]["order_nos"]),
        "最晚发货 Ship by": data["ship_by"] or "-",
        "快递 Carrier": data["carrier"]["code"],
        "代收货款 Collect at the door": f"CNY {data['totals']['cod_amount']}",
    }
    lines = "".join(
        f"<tr><td>{escape(line['sku'])}<td>{escape(line['name'])}<td>{escape(line['barcode'])}"
        f"<td>{escape((line.get('kit') or {}).get('sku', ''))}<td>{line['qty']}"
        for line in data["lines"]
    )
    head = "<tr><th>SKU<th>品名 Name<th>条码 Barcode<th>套装 Kit<th>数量 Units"
    return f"<h1>发货指令</h1>{_table(facts)}<h2>商品 Lines</h2><table>{head}{lines}</table>"


def _masked(receiver: dict[str, Any]) -> str:
    facts = {
        "地区 Region": "".join(receiver[part] for part in ("province", "city", "district", "town")),
        "姓名 Name": receiver["name_masked"],
        "电话 Phone": receiver["phone_masked"],
    }
    button = "<button>显示完整收货人信息 Show the full address</button> 每次查看均有记录 Every look is logged"
    return f'<h2>收货人 Receiver</h2>{_table(facts)}<form method="post"><p>{button}</form>'


def _clear(receiver: dict[str, str]) -> str:
    place = "".join(receiver[part] for part in ("province", "city", "district", "town", "address"))
    facts = {
        "姓名 Name": receiver["name"],
        "电话 Phone": receiver["phone"],
        "地址 Address": place,
        "平台收货人标识 OAID": receiver["oaid"],
        "买家留言 Buyer's note": receiver["buyer_note"],
        "卖家备注 Seller's note": receiver["seller_note"],
    }
    return f"<h2>收货人 Receiver</h2>{_table({name: value for name, value in facts.items() if value})}"


def _table(facts: dict[str, str]) -> str:
    return "<table>" + "".join(f"<tr><th>{name}<td>{escape(value)}" for name, value in facts.items()) + "</table>"
