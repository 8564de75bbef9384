"""The metadata of every table; importing this module loads them all."""

from sqlmodel import SQLModel

from models import alert, batch, listing, messages, order, receiver, shipment, shop, stock, warehouse

metadata = SQLModel.metadata

__all__ = [
    "alert",
    "batch",
    "listing",
    "messages",
    "metadata",
    "order",
    "receiver",
    "shipment",
    "shop",
    "stock",
    "warehouse",
]
