"""Everything that sets up a pool: shops and the tracking service here, what comes in files through its readers."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from connectors import registry
from connectors.base import Health, Push
from models.database import Connection, transaction
from models.errors import PipelineError, SetupError
from models.settings import clock
from tasks.areas import import_areas
from tasks.catalog import Imported, import_skus, import_warehouses
from tasks.counterparts import ALIYUN, KUAIDI100, open_channel, read_mapping
from tasks.credentials import Owner, keep_secrets, secrets_of
from tasks.stock_files import StockImport, import_stock
from tasks.tokens import TokenStanding, shop_kind, standings

__all__ = [
    "FILE",
    "AddedShop",
    "Imported",
    "ShopRow",
    "StockImport",
    "add_carrier",
    "add_shop",
    "channels",
    "check_shop",
    "import_areas",
    "import_skus",
    "import_stock",
    "import_warehouses",
    "list_shops",
    "missing_carrier_credentials",
    "missing_credentials",
    "needed_credentials",
    "needs_consent",
    "token_standing",
]

FILE = "file"
"""The channel of shops whose orders come from files."""

USUAL_POLL_MINUTES = 15
POLL_MINUTES = range(1, 24 * 60 + 1)

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_CARRIER_NEEDS: Mapping[str, tuple[str, ...]] = {KUAIDI100: ("key", "customer"), ALIYUN: ("appcode",)}
_CARRIER_ENDPOINTS: Mapping[str, str] = {
    KUAIDI100: "https://poll.kuaidi100.com",
    ALIYUN: "https://wuliu.market.alicloudapi.com",
}


@dataclass(frozen=True, slots=True)
class AddedShop:
    """What `add_shop` did; `made` are credentials of our own choosing, to be shown once."""

    code: str
    is_new: bool
    made: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShopRow:
    """A shop as lists show it: no secret, only which credentials it has."""

    code: str
    channel: str
    name: str
    active: bool
    poll_minutes: int
    lock_unpaid: bool
    own_mapping: str
    credentials: tuple[str, ...]
    watermark: datetime | None


def channels() -> tuple[str, ...]:
    """Every channel a shop can be on."""
    return tuple(sorted(registry.CHANNELS))


def needed_credentials(channel: str) -> tuple[str, ...]:
    """The credentials without which a shop is not added.

    A token that the seller's consent gives is none: `orderpool shop authorize` gets it afterwards.
    """
    if channel not in registry.CHANNELS:
        return ()
    kind = registry.CHANNELS[channel]
    return tuple(name for name in kind.needs if kind.authoriser is None or name != kind.token)


def missing_credentials(code: str, channel: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """What a shop of this channel still lacks to be added, counting what the pool has of it."""
    with transaction() as conn:
        there = secrets_of(conn, Owner.SHOP, code)
    return tuple(name for name in needed_credentials(channel) if not given.get(name) and name not in there)


def needs_consent(code: str) -> bool:
    """Whether a shop waits for its seller's consent: its channel has one, and there is no token."""
    with transaction() as conn:
        return any(not standing.present for standing in standings(conn, code))


def add_shop(
    code: str,
    channel: str,
    name: str = "",
    credentials: Mapping[str, str] | None = None,
    *,
    poll_minutes: int | None = None,
    lock_unpaid: bool | None = None,
    mapping: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AddedShop:
    """Add a shop, or bring the one of this code to what is given here.

    What is not given stays as it is, or begins as the name of the code, 15 minutes and unpaid orders not locked.
    Raises SetupError when the channel is unknown, differs from what the shop has, or a credential is missing.
    """
    _check_shop_wish(code, channel, poll_minutes)
    given = {key: value for key, value in (credentials or {}).items() if value}
    missing = missing_credentials(code, channel, given)
    if missing:
        raise SetupError(f"shop {code}: {channel} needs the credentials {', '.join(missing)}")
    own = {**(settings or {}), **_own_mapping(mapping)}
    with transaction() as conn:
        is_new = _save_shop(conn, (code, channel, name, lock_unpaid, poll_minutes), own)
        there = secrets_of(conn, Owner.SHOP, code)
        made = _webhook_secret(channel, {**there, **given})
        usual = registry.CHANNELS[channel].usual_endpoint
        keep_secrets(conn, Owner.SHOP, code, {**_endpoint(usual, there), **given, **made})
    return AddedShop(code, is_new, made)


def _check_shop_wish(code: str, channel: str, poll_minutes: int | None) -> None:
    if not _CODE.fullmatch(code):
        raise SetupError(f"shop {code!r}: a code has up to 32 letters, digits and dashes, a letter or digit first")
    if channel not in channels():
        raise SetupError(f"shop {code}: there is no channel {channel}; there are {', '.join(channels())}")
    if poll_minutes is not None and poll_minutes not in POLL_MINUTES:
        raise SetupError(f"shop {code}: poll-minutes must be from 1 to {POLL_MINUTES[-1]}, not {poll_minutes}")


def _own_mapping(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    read_mapping(path)
    # the text itself is kept: another machine has no such file
    return {"mapping": {"source": path.name, "body": path.read_text("utf-8-sig")}}


def _save_shop(conn: Connection, row: tuple[str, str, str, bool | None, int | None], own: dict[str, Any]) -> bool:
    code, channel, name, lock_unpaid, poll_minutes = row
    found = conn.execute("select channel from shop where code = %s for update", (code,)).fetchone()
    if found is not None and found[0] != channel:
        raise SetupError(f"shop {code}: is on {found[0]}; a shop on {channel} needs a code of its own")
    conn.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           values (%(code)s, %(channel)s, coalesce(nullif(%(name)s, ''), %(code)s), true,
                   coalesce(%(lock_unpaid)s, false), coalesce(%(poll_minutes)s, %(usual)s), %(settings)s, %(now)s)
           on conflict (code) do update set name = coalesce(nullif(%(name)s, ''), shop.name), active = true,
             lock_unpaid = coalesce(%(lock_unpaid)s, shop.lock_unpaid),
             poll_minutes = coalesce(%(poll_minutes)s, shop.poll_minutes),
             settings = shop.settings || excluded.settings""",
        {
            "code": code,
            "channel": channel,
            "name": name,
            "lock_unpaid": lock_unpaid,
            "poll_minutes": poll_minutes,
            "usual": USUAL_POLL_MINUTES,
            "settings": Jsonb(own),
            "now": clock().now(),
        },
    )
    return found is None


def _webhook_secret(channel: str, known: Mapping[str, str]) -> dict[str, str]:
    kind = registry.CHANNELS[channel]
    # a marketplace signs its notices with the application's secret, an own store with one of our choosing
    wanted = kind.capabilities.push is Push.HTTP and kind.authoriser is None and "webhook_secret" not in known
    return {"webhook_secret": secrets.token_urlsafe(32)} if wanted else {}


def _endpoint(usual: str, there: Mapping[str, str]) -> dict[str, str]:
    return {"endpoint": usual} if usual and "endpoint" not in there else {}


def list_shops() -> list[ShopRow]:
    """Every shop, by code."""
    with transaction() as conn:
        rows = conn.execute(
            """select s.code, s.channel, s.name, s.active, s.poll_minutes, s.lock_unpaid,
                      coalesce(s.settings #>> '{mapping,source}', ''),
                      array(select c.name from credential c where c.owner_kind = 'shop' and c.owner_code = s.code
                            order by c.name),
                      s.watermark
               from shop s order by s.code"""
        ).fetchall()
    return [
        ShopRow(code, channel, name, active, minutes, lock_unpaid, mapping, tuple(names), watermark)
        for code, channel, name, active, minutes, lock_unpaid, mapping, names, watermark in rows
    ]


def check_shop(code: str) -> Health:
    """Make one signed read of a shop and say what a person has to mend; a shop of files has nothing to ask."""
    with transaction() as conn:
        kind = shop_kind(conn, code)
        if not kind.capabilities.pulls:
            return Health(True, detail="its orders come from files; there is nothing to ask")
        there = secrets_of(conn, Owner.SHOP, code)
        missing = tuple(name for name in kind.needs if name not in there)
        if kind.authoriser is not None and missing == (kind.token,):
            obstacle = f"shop {code}: waits for the seller's consent; `orderpool shop authorize {code}` asks for it"
            return Health(False, missing, obstacle)
        try:
            channel = open_channel(conn, code)
        except SetupError as error:
            return Health(False, missing, str(error))
    try:
        return channel.check()
    except PipelineError as error:
        return Health(False, (), str(error))


def token_standing(code: str) -> TokenStanding | None:
    """How a shop's token stands; None when its channel has none that ends."""
    with transaction() as conn:
        return next(iter(standings(conn, code)), None)


def missing_carrier_credentials(name: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """What a tracking service still lacks, counting what the pool has of it; nothing of one that is not known."""
    with transaction() as conn:
        there = secrets_of(conn, Owner.CARRIER, name)
    return tuple(key for key in _CARRIER_NEEDS.get(name, ()) if not given.get(key) and key not in there)


def add_carrier(name: str, credentials: Mapping[str, str]) -> None:
    """Store the credentials of a tracking service; raises SetupError naming what it lacks."""
    if name not in _CARRIER_NEEDS:
        raise SetupError(f"carrier {name}: is not known; there are {', '.join(sorted(_CARRIER_NEEDS))}")
    given = {key: value for key, value in credentials.items() if value}
    missing = missing_carrier_credentials(name, given)
    if missing:
        raise SetupError(f"carrier {name}: needs the credentials {', '.join(missing)}")
    with transaction() as conn:
        there = secrets_of(conn, Owner.CARRIER, name)
        keep_secrets(conn, Owner.CARRIER, name, {**_endpoint(_CARRIER_ENDPOINTS[name], there), **given})
