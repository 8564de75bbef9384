"""The web console: where people look orders up, decide about them and set things up."""

from fastapi import APIRouter

from web.console import (
    alerts,
    areas,
    batches,
    blacklist,
    decide,
    order,
    orders,
    people,
    promo,
    quality,
    queues,
    returns,
    rules,
    runbook,
    shops,
    signing,
    skus,
    waiting,
    warehouses,
    waves,
)

ROUTERS: list[APIRouter] = [
    signing.router,
    orders.router,
    decide.router,
    order.router,
    batches.router,
    waiting.router,
    returns.router,
    runbook.router,
    quality.router,
    queues.router,
    alerts.router,
    people.router,
    shops.router,
    warehouses.router,
    waves.router,
    areas.router,
    skus.router,
    rules.router,
    promo.router,
    blacklist.router,
]
"""The routers of all pages; each page module adds its own."""
