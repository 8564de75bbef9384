"""Shops as people change them: what they are called, whether they are read, and what is set for them."""

from dataclasses import dataclass

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from tasks.access import log_change
from tasks.setup import ShopRow, list_shops
from tasks.shop_settings import SettingRow, settings_of

MOST_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class ShopPage:
    """A shop with all its settings."""

    row: ShopRow
    settings: list[SettingRow]


def find_shop_page(code: str) -> ShopPage:
    """A shop with what is set for it; raises SetupError when there is none of this code."""
    settings = settings_of(code)
    (row,) = [shop for shop in list_shops() if shop.code == code]
    return ShopPage(row, settings)


def change_shop(code: str, name: str, *, active: bool, lock_unpaid: bool, why: Cause) -> None:
    """Change what a shop is called, whether its orders are read, and whether unpaid orders keep stock.

    A shop that is switched off takes no notices and is not read by its schedule; what it has on the way goes on.
    Raises SetupError when the shop or the name will not do.
    """
    if not name.isprintable() or not 1 <= len(name) <= MOST_NAME_CHARS:
        raise SetupError(f"shop {code}: a name has from 1 to {MOST_NAME_CHARS} characters, no line breaks")
    with transaction() as conn:
        row = conn.execute(
            "select name, active, lock_unpaid from shop where code = %s for no key update", (code,)
        ).fetchone()
        if row is None:
            raise SetupError(f"shop {code}: is not in the pool; `orderpool shop list` shows those that are")
        conn.execute(
            "update shop set name = %s, active = %s, lock_unpaid = %s where code = %s",
            (name, active, lock_unpaid, code),
        )
        before = dict(zip(("name", "active", "lock_unpaid"), row, strict=True))
        after = {"name": name, "active": active, "lock_unpaid": lock_unpaid}
        log_change(conn, "shop", code, before, after, why)
