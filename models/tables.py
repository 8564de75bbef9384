"""The metadata of every table; importing this module loads them all."""

from sqlmodel import SQLModel

from models import (
    alert,
    batch,
    console,
    hold,
    listing,
    merge,
    messages,
    order,
    quality,
    receiver,
    review,
    shipment,
    shop,
    stock,
    warehouse,
)

metadata = SQLModel.metadata

__all__ = [
    "alert",
    "batch",
    "console",
    "hold",
    "listing",
    "merge",
    "messages",
    "metadata",
    "order",
    "quality",
    "receiver",
    "review",
    "shipment",
    "shop",
    "stock",
    "warehouse",
]
