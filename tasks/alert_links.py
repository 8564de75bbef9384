"""Where an alert leads: the console's page of what it is about, the run behind it, the runbook's section."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from models.alert import AlertRule
from models.errors import SetupError
from models.rules.alert_sections import SECTIONS
from models.settings import settings
from tasks.alerts import OpenAlert
from tasks.failures import runbook_section
from tasks.run_alerts import run_link


@dataclass(frozen=True, slots=True)
class About:
    """Of an alert, what says where it leads."""

    rule: AlertRule
    subject: str
    order_id: int | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class AlertLinks:
    """Addresses that an alert leads to; "" where there is no such page, or its address is not known here."""

    page: str
    run: str
    runbook: str


def links_of(alert: OpenAlert | About) -> AlertLinks:
    """The addresses for whoever is sent an alert; the page is that of `page_of`."""
    path = page_of(alert)
    return AlertLinks(
        page=f"{_base()}{path}" if path and _base() else "",
        run=run_link(alert.run_id) if alert.run_id else "",
        runbook=runbook_section(SECTIONS[alert.rule]),
    )


def page_of(alert: OpenAlert | About) -> str:
    """The path of the console's page of what an alert is about: its own page, else its order's, else its list; or "".

    The beginning of its subject says what it is about: `parcel:17`, `batch:4`, `shop:jd-1`.
    """
    kind, _, key = alert.subject.partition(":")
    if kind in _OWN_PAGE:
        return _OWN_PAGE[kind](key)
    if alert.order_id is not None:
        return f"/console/orders/{alert.order_id}"
    return _LISTS.get(kind, "")


def _sku_page(code: str) -> str:
    return f"/console/skus/one?{urlencode({'code': code})}"


_OWN_PAGE: Final[Mapping[str, Callable[[str], str]]] = {
    "batch": lambda key: f"/console/batches/{quote(key, safe='')}",
    "return": lambda key: f"/console/returns/{quote(key, safe='')}",
    "refund": lambda key: f"/console/returns/{quote(key, safe='')}",
    "shop": lambda key: f"/console/shops/{quote(key.partition(':')[0], safe='')}",
    "sku": _sku_page,
    "stock": lambda key: _sku_page(key.partition(":")[2]),
    "inbox": lambda _: "/console/queues",
    "outbox": lambda _: "/console/queues",
}
_LISTS: Final[Mapping[str, str]] = {
    "batches": "/console/waiting",
    "skus": "/console/skus",
    "returns": "/console/returns",
    "refunds": "/console/returns",
    "feed": "/console/warehouses",
    "warehouse": "/console/waiting",
    "orders": "/console/waiting",
    "documents": "/console/waiting",
}


def _base() -> str:
    try:
        return settings().callback_base()
    except SetupError:
        return ""
