"""Connecting an installation to a sandbox: shops, carrier and warehouses set up as a person sets up real ones."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.registry import CHANNELS
from tasks.areas import import_areas
from tasks.catalog import import_skus, import_warehouses
from tasks.progress_sms import set_sms
from tasks.setup import add_carrier, add_shop
from tasks.stock_files import import_stock

SITES: Mapping[str, Mapping[str, str]] = {
    "WH-E": {"name": "华东仓", "division": "浙江省杭州市余杭区", "address": "仓前街道1号", "carrier": "yuantong"},
    "WH-S": {"name": "华南仓", "division": "广东省广州市白云区", "address": "太和镇2号", "carrier": "zhongtong"},
    "WH-N": {"name": "华北仓", "division": "河北省廊坊市安次区", "address": "码头镇3号", "carrier": "yunda"},
}
"""Three warehouses: East, South and North China."""

AREAS: Mapping[str, Sequence[str]] = {
    "WH-E": ("上海市", "江苏省", "浙江省", "安徽省", "江西省", "湖北省", "福建省"),
    "WH-S": ("广东省", "广西壮族自治区", "海南省", "湖南省", "贵州省", "云南省", "四川省", "重庆市"),
    "WH-N": (
        "北京市",
        "天津市",
        "河北省",
        "山西省",
        "内蒙古自治区",
        "辽宁省",
        "吉林省",
        "黑龙江省",
        "山东省",
        "河南省",
    ),
}
"""The provinces each of them serves; the rest of the country goes by distance."""


UNHURRIED: Mapping[str, Any] = {"capabilities": {"calls_per_s": 1000}}
"""Nobody has to be spared: the simulated platforms are on this machine."""

OPTIONAL_CREDENTIALS = ("refresh_token", "consent_url", "token_url", "webhook_secret")

CARRIER_CREDENTIALS = ("endpoint", "label_endpoint", "key", "customer", "secret", "appcode")

QIMEN_CREDENTIALS = ("app_key", "customer_id", "sign_method", "wrap")


def connect_shops(world: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> list[str]:
    """Add every shop (with these settings), the carriers and the SMS service of a sandbox's world; returns the shops'
    codes.
    """
    own = {**UNHURRIED, **(settings or {})}
    for shop in world["shops"]:
        channel = CHANNELS[shop["platform"]]
        wanted = dict.fromkeys(("endpoint", *channel.needs, *OPTIONAL_CREDENTIALS))
        given = {key: shop[key] for key in wanted if shop.get(key)}
        add_shop(shop["code"], shop["platform"], shop.get("seller_nick", ""), given, settings=own)
    for carrier in world["carriers"]:
        given = {key: carrier[key] for key in CARRIER_CREDENTIALS if carrier.get(key)}
        add_carrier(carrier["code"], given)
    set_sms({name: value for name, value in world["sms"][0].items() if name not in ("code", "platform")})
    return [shop["code"] for shop in world["shops"]]


def connect_warehouses(world: Mapping[str, Any], folder: Path, *, batches: bool = False) -> dict[str, str]:
    """Import the three warehouses, reached through the sandbox's WMS, and their service areas.

    With `batches` those that speak webhooks take several instructions in one call. Returns the token with which each
    may fetch documents, where it was made now.
    """
    systems = {warehouse["code"]: warehouse for warehouse in world["warehouses"]}
    rows = [
        {
            "code": code,
            **site,
            "sender_name": site["name"],
            "sender_phone": "0571-88880000",
            "wms": systems[code]["platform"],
            **{name: systems[code].get(name, "") for name in QIMEN_CREDENTIALS},
            "endpoint": systems[code]["endpoint"],
            "secret": systems[code]["secret"],
            "inbound_secret": systems[code].get("callback_secret", ""),
            "batches": "yes" if batches else "no",
        }
        for code, site in SITES.items()
    ]
    made = import_warehouses(write_csv(folder / "warehouses.csv", rows)).secrets
    areas = [{"warehouse": code, "division": place} for code, places in AREAS.items() for place in places]
    import_areas(write_csv(folder / "areas.csv", areas))
    return {code: secrets["pull_token"] for code, secrets in made.items() if "pull_token" in secrets}


def fill_stock(folder: Path, skus: Mapping[str, str], units: Mapping[tuple[str, str], int]) -> None:
    """Import SKUs (code to name) and what each warehouse has of them."""
    import_skus(write_csv(folder / "skus.csv", [{"code": code, "name": name} for code, name in skus.items()]))
    import_stock(
        write_csv(
            folder / "stock.csv",
            [{"warehouse": place, "sku": sku, "on_hand": number} for (place, sku), number in units.items()],
        )
    )


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write rows of the same keys as a CSV with a header."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
