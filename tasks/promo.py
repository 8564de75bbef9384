"""Promo mode: which promo is in force, beginning one and ending it. What it changes is asked for where it counts.

In force is what the row and the clock say, so that a promo ends at its hour without anybody's doing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from psycopg.types.json import Jsonb

from models.database import Connection, transaction
from models.errors import SetupError
from models.masking import brief
from models.order import Cause
from models.rules.promo import Pausable, PromoSettings, parse_profiles, stored_settings
from models.settings import SHANGHAI, clock, settings
from tasks.access import log_change

SHIPPED_FILE = Path(__file__).resolve().parent.parent / "models" / "rules" / "promo.yaml"

LONGEST = timedelta(days=31)
"""No promo is in force for longer: a later end is a slip of the hand."""

BY_ITSELF = "clock"
"""Who ended a promo whose time was over."""

_ROW = "select id, profile, settings, reason, began_at, began_by, until from promo where ended_at is null"


@dataclass(frozen=True, slots=True)
class PromoInForce:
    """A promo that counts now: what it changes, why, since when, by whose wish, and until when."""

    id: int
    profile: str
    settings: PromoSettings
    reason: str
    began_at: datetime
    began_by: str
    until: datetime

    @property
    def by(self) -> str:
        """The name of who began it."""
        return self.began_by.removeprefix("person:")

    def __str__(self) -> str:
        until, said = f"{self.until.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", f": {self.reason}" if self.reason else ""
        return f"promo {self.profile} until {until} in China, by {self.by}{said}"


def promo_in_force(conn: Connection, now: datetime) -> PromoInForce | None:
    """The promo that counts at this moment."""
    row = conn.execute(f"{_ROW} and began_at <= %s and until > %s".encode(), (now, now)).fetchone()
    return _in_force(row) if row else None


def current_promo() -> PromoInForce | None:
    """The promo that counts now, asked for by itself."""
    with transaction() as conn:
        return promo_in_force(conn, clock().now())


def batch_limit(conn: Connection, now: datetime) -> int:
    """How many orders a batch has at most."""
    promo = promo_in_force(conn, now)
    return promo.settings.batch_size if promo else settings().batch_size


def paused(flow: Pausable) -> str:
    """Why scheduled runs of a flow do nothing now; "" when they do their work."""
    promo = current_promo()
    return f"{flow} is paused by {promo}" if promo and flow in promo.settings.pause else ""


def promo_on(
    profile: str, until: datetime, reason: str, why: Cause, profiles: dict[str, PromoSettings] | None = None
) -> PromoInForce:
    """Put a profile in force until a time; another promo that is in force ends with it.

    The same once more changes nothing. `profiles` are looked through instead of those that come with us. Raises
    SetupError for a profile that there is not, and for an end that has passed or is more than LONGEST away.
    """
    known = shipped_profiles() if profiles is None else profiles
    if profile not in known:
        raise SetupError(f"promo {profile}: there is no such profile; there are {', '.join(known)}")
    _require_end(profile, until, why.at)
    said = brief(reason)
    with transaction() as conn:
        before = _take_open(conn, why)
        if before and (before.profile, before.settings, before.until) == (profile, known[profile], until):
            return before
        if before:
            _end(conn, before, why.at, why.actor)
        row = conn.execute(
            """insert into promo (profile, settings, reason, began_at, began_by, until) values (%s, %s, %s, %s, %s, %s)
               returning id, profile, settings, reason, began_at, began_by, until""",
            (profile, Jsonb(known[profile].to_json()), said, why.at, why.actor, until),
        ).fetchall()[0]
        log_change(conn, "promo", profile, _values(before), _values(_in_force(row)), why)
    return _in_force(row)


def promo_off(why: Cause) -> PromoInForce | None:
    """End the promo that is in force; returns which, None when there was none."""
    with transaction() as conn:
        before = _take_open(conn, why)
        if before:
            _end(conn, before, why.at, why.actor)
            log_change(conn, "promo", before.profile, _values(before), None, why)
    return before


def _require_end(profile: str, until: datetime, now: datetime) -> None:
    said = f"{until.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    if until <= now:
        raise SetupError(f"promo {profile}: cannot last until {said} in China; that has passed")
    if until > now + LONGEST:
        raise SetupError(f"promo {profile}: cannot last until {said} in China; {LONGEST.days} days are the longest")


def _take_open(conn: Connection, why: Cause) -> PromoInForce | None:
    """The promo in force, kept from others until the transaction ends; one whose time is over is put away."""
    conn.execute("lock table promo in exclusive mode")
    row = conn.execute(_ROW.encode()).fetchone()
    found = _in_force(row) if row else None
    if found and found.until <= why.at:
        _end(conn, found, found.until, BY_ITSELF)
        return None
    return found


def _end(conn: Connection, promo: PromoInForce, at: datetime, by: str) -> None:
    conn.execute("update promo set ended_at = %s, ended_by = %s where id = %s", (at, by, promo.id))


def _in_force(row: tuple[Any, ...]) -> PromoInForce:
    return PromoInForce(row[0], row[1], stored_settings(row[2], f"{row[1]} ({row[0]})"), *row[3:])


def _values(promo: PromoInForce | None) -> dict[str, Any] | None:
    if promo is None:
        return None
    return {"profile": promo.profile, "until": promo.until, "reason": promo.reason, **promo.settings.to_json()}


@lru_cache(maxsize=1)
def shipped_profiles() -> dict[str, PromoSettings]:
    """The profiles that come with OrderPool, by name."""
    return read_profiles(SHIPPED_FILE)


def read_profiles(path: Path) -> dict[str, PromoSettings]:
    """The profiles of a YAML file by name; raises SetupError with every fault."""
    try:
        body = yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"promo profiles {path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that there is not
        raise SetupError(f"promo profiles {path}: is no YAML: {' '.join(str(error).split())}") from error
    return parse_profiles(body, str(path))
