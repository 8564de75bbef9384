"""Listings: which product of a shop sells which SKU, from a file or from what the platform offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors import base
from models.database import Connection, transaction
from models.errors import SetupError
from tasks.catalog import Imported
from tasks.cells import as_yes_no
from tasks.counterparts import open_channel
from tasks.sheets import Column, Sheet, as_code, read_sheet
from tasks.stock_messages import forget_shown, hold_answers, only_decider
from tasks.windows import find_shop

LISTINGS = (
    Column("shop", ("店铺编码", "店铺"), as_code, required=True),
    Column("item_id", ("商品ID", "平台商品ID", "宝贝ID"), as_code),
    Column("sku_ref", ("规格ID", "平台规格ID", "SKUID"), as_code),
    Column("sku", ("商家编码", "SKU编码", "货号"), as_code, required=True),
    Column("active", ("在售", "启用"), as_yes_no, default=True),
)


@dataclass(frozen=True, slots=True)
class ListingSync:
    """What was taken over from a platform. `ended` are listings it offers no more.

    `unknown` are its codes that are no SKU here, `without_code` how many listings have none: they stay as they are.
    """

    added: int
    changed: int
    same: int
    ended: int
    without_code: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listing as people see it; `to_show` is what it waits to show, None when it shows what it should."""

    shop: str
    sku: str
    item_id: str
    sku_ref: str
    active: bool
    shown: int | None
    shown_at: datetime | None
    to_show: int | None
    obstacle: str


@dataclass(frozen=True, slots=True)
class _Entry:
    shop_id: int
    item_id: str
    sku_ref: str
    sku_id: int
    active: bool = True


def import_listings(path: Path) -> Imported:
    """Add or change the listings of a file; others stay. Raises SetupError listing the bad rows."""
    sheet = read_sheet(path, LISTINGS)
    sheet.refuse_repeats("shop", "item_id", "sku_ref")
    with transaction() as conn:
        shops: dict[str, int] = dict(conn.execute("select code, id from shop").fetchall())
        skus = _sku_ids(conn, [row["sku"] for row in sheet.rows])
        _refuse_unknown(sheet, shops, skus)
        sheet.require_clean()
        entries = [
            _Entry(shops[row["shop"]], row["item_id"], row["sku_ref"], skus[row["sku"]], row["active"])
            for row in sheet.rows
        ]
        added, changed = _save(conn, entries)
    return Imported(added, changed, len(entries) - added - changed, ignored=sheet.ignored)


def sync_listings(shop_code: str) -> ListingSync:
    """Take over what the platform says the shop offers; what it offers no more ends.

    Raises SetupError when there is no such shop, or its channel cannot list products, and ChannelError types; then
    nothing is changed. The same when it offers nothing although it did: that is more likely a fault.
    """
    with transaction() as conn:
        shop = find_shop(conn, shop_code)
        channel = open_channel(conn, shop_code)
    if not channel.capabilities.lists_products:
        wish = "bring its listings in a file: `orderpool listing import FILE`"
        raise SetupError(f"shop {shop_code}: {shop.channel} has no call that lists products; {wish}")
    offered = {(found.item_id, found.sku_ref): found for page in channel.listings() for found in page}
    with transaction() as conn:
        return _take_over(conn, shop.id, shop_code, offered)


def list_listings(shop_code: str | None = None) -> list[ListingRow]:
    """Every listing (of one shop), with what it shows; raises SetupError when there is no such shop."""
    with transaction() as conn:
        if shop_code is not None:
            find_shop(conn, shop_code)
        rows = conn.execute(
            """select s.code, k.code, l.item_id, l.sku_ref, l.active, l.shown, l.shown_at,
                      case when not p.sent then p.units end, coalesce(nullif(l.obstacle, ''), o.last_error, '')
               from listing l join shop s on s.id = l.shop_id join sku k on k.id = l.sku_id
               left join stock_push p on p.listing_id = l.id
               left join lateral (
                 select last_error from outbox where not p.sent and kind = 'stock' and subject_id = l.id
                   and state in ('pending', 'refused') order by id desc limit 1) o on true
               where %(shop)s::text is null or s.code = %(shop)s order by 1, 2, 3, 4""",
            {"shop": shop_code},
        ).fetchall()
    return [ListingRow(*row) for row in rows]


def _sku_ids(conn: Connection, codes: Sequence[str]) -> dict[str, int]:
    rows = conn.execute("select code, id from sku where code = any(%s)", (sorted(set(codes)),)).fetchall()
    return dict(rows)


def _refuse_unknown(sheet: Sheet, shops: Mapping[str, int], skus: Mapping[str, int]) -> None:
    for row in sheet.rows:
        if row["shop"] and row["shop"] not in shops:
            sheet.refuse(row, "shop", "there is no such shop; `orderpool shop list` shows those there are")
        if row["sku"] and row["sku"] not in skus:
            sheet.refuse(row, "sku", "there is no such SKU; import SKUs first")
        if not row["item_id"] and not row["sku_ref"]:
            sheet.refuse(row, "item_id", "is empty, and so is sku_ref; by which does the platform know this listing?")


def _take_over(
    conn: Connection, shop_id: int, shop_code: str, offered: Mapping[tuple[str, str], base.Listing]
) -> ListingSync:
    skus = _sku_ids(conn, [found.sku_code for found in offered.values()])
    entries = [
        _Entry(shop_id, item_id, sku_ref, skus[found.sku_code])
        for (item_id, sku_ref), found in offered.items()
        if found.sku_code in skus
    ]
    only_decider(conn)
    hold_answers(conn, [shop_id])
    gone = conn.execute(
        """select l.id from listing l left join unnest(%s::text[], %s::text[]) as n(item_id, sku_ref)
             on n.item_id = l.item_id and n.sku_ref = l.sku_ref
           where l.shop_id = %s and l.active and n.item_id is null order by l.id for update of l""",
        ([key[0] for key in offered], [key[1] for key in offered], shop_id),
    ).fetchall()
    if gone and not offered:
        raise SetupError(f"shop {shop_code}: its platform says that it offers nothing; its {len(gone)} listings stay")
    ended = [row[0] for row in gone]
    conn.execute("update listing set active = false where id = any(%s)", (ended,))
    forget_shown(conn, ended)
    added, changed = _save(conn, entries)
    codes = [found.sku_code for found in offered.values()]
    return ListingSync(
        added,
        changed,
        len(entries) - added - changed,
        len(ended),
        sum(code == "" for code in codes),
        tuple(sorted({code for code in codes if code and code not in skus})),
    )


def _save(conn: Connection, entries: Sequence[_Entry]) -> tuple[int, int]:
    """Write listings; how many are new, and how many sell another SKU, began or ended. Those forget what they show."""
    only_decider(conn)
    hold_answers(conn, sorted({entry.shop_id for entry in entries}))
    given = {
        "shops": [entry.shop_id for entry in entries],
        "items": [entry.item_id for entry in entries],
        "refs": [entry.sku_ref for entry in entries],
        "skus": [entry.sku_id for entry in entries],
        "actives": [entry.active for entry in entries],
    }
    rows = conn.execute(
        """with n as (
             select * from unnest(%(shops)s::int[], %(items)s::text[], %(refs)s::text[], %(skus)s::int[],
               %(actives)s::boolean[]) as n(shop_id, item_id, sku_ref, sku_id, active)),
           changed as (
             update listing l set sku_id = n.sku_id, active = n.active from n
             where (l.shop_id, l.item_id, l.sku_ref) = (n.shop_id, n.item_id, n.sku_ref)
               and (l.sku_id, l.active) is distinct from (n.sku_id, n.active) returning l.id),
           added as (
             insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown_version, shown_formula, obstacle)
             select shop_id, sku_id, item_id, sku_ref, active, 0, 0, '' from n
             on conflict (shop_id, item_id, sku_ref) do nothing returning id)
           select id, false from changed union all select id, true from added""",
        given,
    ).fetchall()
    changed = [row[0] for row in rows if not row[1]]
    forget_shown(conn, changed)
    return len(rows) - len(changed), len(changed)
