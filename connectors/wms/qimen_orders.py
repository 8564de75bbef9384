"""What a Qimen warehouse is sent, from our messages: an order to deliver, a cancel, a question about stock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from connectors.carriers.codes import carrier_name
from connectors.converters import CHINA, yuan_to_fen
from connectors.transport import china_time
from connectors.wms.qimen_terms import Terms
from connectors.wms.qimen_xml import Content, write_xml

ORDER_TYPES: Final[Mapping[str, str]] = MappingProxyType({"SALE": "JYCK", "EXCHANGE": "HHCK", "RESHIP": "BFCK"})
STOCK_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"GOOD": "ZP", "DEFECT": "CC", "MACHINE_DAMAGE": "JS", "BOX_DAMAGE": "XS", "IN_TRANSIT": "ZT"}
)
GOOD: Final = "ZP"

_OTHER_ORDER = "QTCK"
_COD = "COD"
_NAME, _ADDRESS, _SHOP = 50, 200, 200  # characters that these fields may have

Fields = list[tuple[str, Content]]


def create_body(data: Mapping[str, Any], created_at: datetime, sent_at: datetime, terms: Terms) -> bytes:
    """The order to deliver of an `outbound.created`: its receiver is masked, as in the message."""
    orders = data["channel"]["order_nos"]
    lines = [_line(line, orders, data["owner_code"] or terms.owner_code) for line in data["lines"]]
    order = _order(data, created_at, sent_at, terms)
    return write_xml("request", [("deliveryOrder", order), ("orderLines", [("orderLine", line) for line in lines])])


def cancel_body(data: Mapping[str, Any], terms: Terms) -> bytes:
    """The cancel of an `outbound.cancel_requested`."""
    wish: Fields = [
        ("warehouseCode", terms.options.warehouse or data["warehouse_code"]),
        ("ownerCode", data.get("owner_code") or terms.owner_code),
        ("orderCode", data["outbound_no"]),
        ("orderType", ORDER_TYPES.get(data.get("order_type", "SALE"), _OTHER_ORDER)),
        ("cancelReason", data.get("reason_code", "")),
    ]
    return write_xml("request", wish)


def query_body(skus: Sequence[str], warehouse_code: str, terms: Terms) -> bytes:
    """The question how much of these SKUs lies there in good condition."""
    criteria: list[tuple[str, Content]] = [
        (
            "criteria",
            [
                ("warehouseCode", terms.options.warehouse or warehouse_code),
                ("ownerCode", terms.owner_code),
                ("itemCode", sku),
                ("inventoryType", GOOD),
            ],
        )
        for sku in skus
    ]
    return write_xml("request", [("criteriaList", criteria)])


def _order(data: Mapping[str, Any], created_at: datetime, sent_at: datetime, terms: Terms) -> Fields:
    channel, carrier = data["channel"], data["carrier"]
    # an order that names no time was placed before its document was written
    placed = channel.get("ordered_at")
    return [
        ("deliveryOrderCode", data["outbound_no"]),
        ("orderType", ORDER_TYPES.get(data["order_type"], _OTHER_ORDER)),
        ("preDeliveryOrderCode", data.get("replaces", "")),
        ("warehouseCode", terms.options.warehouse or data["warehouse_code"]),
        ("orderFlag", "^".join([*data["flags"], *([_COD] if _is_cod(data) else [])])),
        ("sourcePlatformCode", terms.options.platform_code(channel["platform"].lower())),
        ("createTime", china_time(created_at)),
        ("placeOrderTime", _local(placed) if placed else china_time(created_at)),
        ("payTime", _local(channel.get("paid_at"))),
        ("operateTime", china_time(sent_at)),
        ("shopNick", (channel["shop_name"] or channel["shop_code"])[:_SHOP]),
        *_amounts(data["totals"]),
        ("logisticsCode", terms.options.logistics_code(carrier["code"])),
        ("logisticsName", carrier_name(carrier["code"])),
        ("expressCode", carrier.get("tracking_no") or ""),
        ("deliveryRequirements", _requirements(data["ship_by"])),
        ("senderInfo", _sender(data["sender"])),
        ("receiverInfo", _receiver(data["receiver"])),
        ("isUrgency", "N" if data["priority"] == "NORMAL" else "Y"),
        ("invoiceFlag", "N"),
        ("buyerMessage", data["buyer_note"]),
        ("sellerMessage", data["seller_note"]),
    ]


def _is_cod(data: Mapping[str, Any]) -> bool:
    return yuan_to_fen(data["totals"]["cod_amount"]) > 0 and _COD not in data["flags"]


def _amounts(totals: Mapping[str, Any]) -> Fields:
    """What the goods cost, what is due at the door, and what was paid: these two add up to the first.

    An order in several documents is collected whole with the first, so there only what is due can be said.
    """
    amount, due = yuan_to_fen(totals["amount"]), yuan_to_fen(totals["cod_amount"])
    if due > amount:
        return [("arAmount", totals["cod_amount"])]
    paid = amount - due
    return [
        ("totalAmount", totals["amount"]),
        ("arAmount", totals["cod_amount"]),
        ("gotAmount", f"{paid // 100}.{paid % 100:02d}"),
    ]


def _requirements(ship_by: str | None) -> Fields:
    day, _, time = _local(ship_by).partition(" ")
    return [("scheduleDay", day), ("scheduleEndTime", time)]


def _sender(sender: Mapping[str, Any]) -> Fields:
    return [
        ("name", sender["name"][:_NAME]),
        ("mobile", sender["phone"][:_NAME]),
        ("province", sender.get("province", "")),
        ("city", sender.get("city", "")),
        ("area", sender.get("district", "")),
        ("detailAddress", sender["address"][:_ADDRESS]),
    ]


def _receiver(receiver: Mapping[str, Any]) -> Fields:
    return [
        ("oaid", receiver["oaid"]),
        ("name", receiver["name_masked"][:_NAME]),
        ("mobile", receiver["phone_masked"][:_NAME]),
        ("province", receiver["province"]),
        ("city", receiver["city"]),
        ("area", receiver["district"]),
        ("town", receiver["town"]),
        ("detailAddress", receiver["address"][:_ADDRESS]),
    ]


def _line(line: Mapping[str, Any], order_nos: Sequence[str], owner_code: str) -> Fields:
    return [
        ("orderLineNo", line["line_no"]),
        ("sourceOrderCode", line.get("order_no") or order_nos[0]),
        ("subSourceOrderCode", line["platform_line_no"]),
        ("ownerCode", owner_code),
        ("itemCode", line["sku"]),
        ("itemId", line.get("wms_sku") or ""),
        ("inventoryType", STOCK_TYPES.get(line["stock_type"], line["stock_type"])),
        ("itemName", line["name"]),
        ("planQty", str(line["qty"])),
        ("actualPrice", line["unit_price"]),
        ("batchCode", line.get("batch") or ""),
    ]


def _local(written: str | None) -> str:
    """A time with its zone as China writes it."""
    return f"{datetime.fromisoformat(written).astimezone(CHINA):%Y-%m-%d %H:%M:%S}" if written else ""
