"""The metadata of every table; importing this module loads them all."""

from sqlmodel import SQLModel

from models import alert, batch, messages, order, receiver, shipment, shop, stock

metadata = SQLModel.metadata

__all__ = ["alert", "batch", "messages", "metadata", "order", "receiver", "shipment", "shop", "stock"]
