"""The metadata of every table; importing this module loads them all."""

from sqlmodel import SQLModel

from models import (
    alert,
    backfill,
    backup,
    batch,
    console,
    floor,
    hold,
    intercept,
    listing,
    merge,
    messages,
    order,
    promo,
    quality,
    receiver,
    remainder,
    returns,
    review,
    shipment,
    shop,
    stock,
    warehouse,
    waybill,
)

metadata = SQLModel.metadata

__all__ = [
    "alert",
    "backfill",
    "backup",
    "batch",
    "console",
    "floor",
    "hold",
    "intercept",
    "listing",
    "merge",
    "messages",
    "metadata",
    "order",
    "promo",
    "quality",
    "receiver",
    "remainder",
    "returns",
    "review",
    "shipment",
    "shop",
    "stock",
    "warehouse",
    "waybill",
]
