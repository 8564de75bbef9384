"""The listings that sell our SKUs on channels that can be told of stock, with what each was told last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import StockMode
from models.database import Connection
from models.errors import SetupError
from models.rules.stock_formula import Formula
from models.rules.stock_shown import Offer
from tasks.shop_settings import capabilities_of


@dataclass(frozen=True, slots=True)
class Decided:
    """What a listing was last to be told. `message` is the state of its outbox message while it waits, "" without."""

    units: int
    version: int
    formula: int
    sent: bool
    message: str
    message_at: datetime | None


@dataclass(frozen=True, slots=True)
class SellingListing:
    """An active listing; `parts` are the units of each SKU that one unit of it takes."""

    id: int
    shop: str
    channel: str
    sku: str
    item_id: str
    sku_ref: str
    parts: Mapping[int, int]
    shown: int | None
    shown_at: datetime | None
    decided: Decided | None


def selling_listings(conn: Connection, sku_ids: Sequence[int] | None = None) -> list[SellingListing]:
    """Every listing that can be told of stock, or those that sell one of these SKUs, alone or in a kit."""
    rows = conn.execute(
        """select l.id, s.code, s.channel, k.code, l.item_id, l.sku_ref,
                  coalesce(c.ids, array[l.sku_id]), coalesce(c.units, array[1]), l.shown, l.shown_at,
                  p.units, p.version, p.formula, p.sent, o.state, o.created_at
           from listing l join shop s on s.id = l.shop_id join sku k on k.id = l.sku_id
           left join (
             select kit_id, array_agg(component_id) as ids, array_agg(quantity) as units
             from kit_component group by 1) c on c.kit_id = l.sku_id
           left join stock_push p on p.listing_id = l.id
           left join lateral (
             select state, created_at from outbox
             where not p.sent and kind = 'stock' and subject_id = l.id and state in ('pending', 'refused')
             order by id desc limit 1) o on true
           where l.active and s.id = any(%(shops)s)
             and (%(skus)s::int[] is null or coalesce(c.ids, array[l.sku_id]) && %(skus)s::int[])
           order by s.code, l.item_id, l.sku_ref""",
        {"shops": told_shops(conn), "skus": None if sku_ids is None else list(sku_ids)},
    ).fetchall()
    return [_listing(row) for row in rows]


def _listing(row: tuple[Any, ...]) -> SellingListing:
    listing_id, shop, channel, sku, item_id, sku_ref, ids, numbers, shown, shown_at, units, version, *more = row
    formula, sent, message, message_at = more
    decided = None if units is None else Decided(units, version, formula, sent, message or "", message_at)
    parts = dict(zip(ids, numbers, strict=True))
    return SellingListing(listing_id, shop, channel, sku, item_id, sku_ref, parts, shown, shown_at, decided)


def told_shops(conn: Connection) -> list[int]:
    """The ids of active shops whose listings can be told an absolute number."""
    rows = conn.execute("select id, code, channel, settings->'capabilities' from shop where active order by id")
    return [row[0] for row in rows.fetchall() if _takes_stock(row[1], row[2], row[3] or {})]


def _takes_stock(code: str, channel: str, own: Mapping[str, object]) -> bool:
    try:
        return StockMode.ABSOLUTE in capabilities_of(code, channel, own).stock_modes
    except (SetupError, KeyError):
        # telling it will say what is wrong with this shop; the other shops go on
        return True


def offers_of(listings: Iterable[SellingListing], formula: Formula) -> list[Offer]:
    """The listings with the rule that speaks of each."""
    return [
        Offer(listing.id, listing.shop, formula.rule_for(listing.shop, listing.channel, listing.sku), listing.parts)
        for listing in listings
    ]
