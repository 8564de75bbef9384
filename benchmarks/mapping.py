"""How many orders a second the mappings read on one core, next to hand-written code for the same fields.

Run it with `python -m benchmarks.mapping`. The floor does the same work without a mapping: parsed JSON to the
same dataclasses, with its own conversions and no checks.
"""

import gc
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import process_time
from typing import Any, Final

from connectors.mapping import load_mapping
from connectors.registry import mapping_for
from models.incoming import IncomingLine, IncomingOrder, IncomingReceiver, LineState, OrderKind, PayState

ORDERS: Final = 30_000
ROUNDS: Final = 5
WANTED_PER_S: Final = 20_000
CHINA: Final = timezone(timedelta(hours=8))
RECORDED: Final = Path(__file__).parents[1] / "tests" / "data" / "orders"


def payloads(channel: str) -> list[dict[str, Any]]:
    """Parsed payloads of a channel with 1.67 lines on average: two orders of two lines to one of one."""
    first, second = json.loads((RECORDED / f"{channel}.json").read_text("utf-8"))
    texts = [json.dumps(order) for order in (first, second, first)]
    return [json.loads(texts[position % 3]) for position in range(ORDERS)]


def by_hand(trade: dict[str, Any]) -> IncomingOrder:
    """A Taobao trade read without a mapping."""
    refunds = {"NO_REFUND": LineState.OPEN, "WAIT_SELLER_AGREE": LineState.REFUNDING, "SUCCESS": LineState.CLOSED}
    states = {"WAIT_SELLER_SEND_GOODS": PayState.READY, "WAIT_BUYER_PAY": PayState.UNPAID}
    lines = tuple(
        IncomingLine(
            line["oid_str"],
            line.get("outer_sku_id") or line.get("outer_iid") or "",
            line["title"],
            line["num"],
            _fen(line["price"]),
            _fen(line["divide_order_fee"]),
            refunds[line["refund_status"]],
        )
        for line in trade["orders"]["order"]
    )
    receiver = IncomingReceiver(
        trade["receiver_name"],
        trade["receiver_mobile"],
        trade["receiver_state"],
        trade["receiver_city"],
        trade["receiver_district"],
        trade.get("receiver_town") or "",
        trade["receiver_address"],
        trade["oaid"],
        "*" in trade["receiver_name"],
    )
    total, goods, freight = _fen(trade["payment"]), _fen(trade["total_fee"]), _fen(trade["post_fee"])
    return IncomingOrder(
        trade["tid_str"],
        trade["tid_str"],
        OrderKind.GOODS,
        states[trade["status"]],
        trade["status"],
        trade["buyer_open_uid"],
        _utc(trade["created"]),
        _utc(trade["pay_time"]) if trade.get("pay_time") else None,
        _utc(trade["modified"]),
        None,
        goods,
        goods + freight - total,
        freight,
        total,
        total,
        0,
        trade.get("buyer_message") or "",
        trade.get("seller_memo") or "",
        receiver,
        lines,
    )


def _fen(yuan: str) -> int:
    return int(yuan.replace(".", ""))


def _utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=CHINA).astimezone(UTC)


def per_second(read: Callable[[dict[str, Any]], object], rows: list[dict[str, Any]]) -> float:
    """Orders a second of processor time, the best of a few rounds; nothing that was read is kept."""
    best = 0.0
    for _ in range(ROUNDS):
        gc.collect()
        start = process_time()
        for row in rows:
            read(row)
        best = max(best, len(rows) / (process_time() - start))
    return best


def main() -> None:
    """Print orders a second of each mapping, of cutting, and the ratio to the floor."""
    floor = per_second(by_hand, payloads("taobao"))
    print(f"taobao by hand: {floor:,.0f} orders/s (the floor)")
    for channel in ("taobao", "woocommerce"):
        mapping, rows = load_mapping(mapping_for(channel)), payloads(channel)
        speed = per_second(mapping.read, rows)
        lines = sum(len(mapping.read(row).lines) for row in rows) / len(rows)
        ratio = f", {speed / floor:.2f} of the floor" if channel == "taobao" else ""
        print(f"{channel}: {speed:,.0f} orders/s with {lines:.2f} lines each{ratio}; wanted {WANTED_PER_S:,}")
        print(f"{channel}: {per_second(mapping.cut, rows):,.0f} payloads/s cut")


if __name__ == "__main__":
    main()
