"""How often the buyers' page may be tried: counted in the pool, so that every web process counts the same.

Sources: the limits in docs/progress-page.md for what they name; the others follow the same measure. There is
no captcha (it would be a third party's), so a browser is counted beside the address, and the failures that would have
asked for one end the tries instead. Addresses, phones and order numbers are kept as keyed digests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network

from models.database import Connection
from models.progress import Attempt
from models.sealing import keyed_digest

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

_V4_NETWORK, _V6_NETWORK = 24, 48
"""Prefixes of what one customer of a provider may move about in."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries of one kind within a span, by whatever `scope` names."""

    what: Attempt
    scope: str
    most: int
    span: timedelta


CODE_LIMITS = (
    Limit(Attempt.CODE_WANTED, "phone", 1, MINUTE),
    Limit(Attempt.CODE_WANTED, "phone", 5, HOUR),
    Limit(Attempt.CODE_WANTED, "phone", 10, DAY),
    Limit(Attempt.CODE_WANTED, "browser", 10, HOUR),
    Limit(Attempt.CODE_WANTED, "address", 20, HOUR),
    Limit(Attempt.CODE_WANTED, "network", 60, HOUR),
)
"""Of codes that are asked for, whether or not one is sent."""

GUESS_LIMITS = (
    Limit(Attempt.CODE_WRONG, "browser", 20, HOUR),
    Limit(Attempt.CODE_WRONG, "address", 30, HOUR),
    Limit(Attempt.CODE_WRONG, "network", 90, HOUR),
)
"""Of wrong codes; beside them each code has its own tries."""

NUMBER_LIMITS = (
    Limit(Attempt.NUMBER_WRONG, "order_no", 5, HOUR),
    Limit(Attempt.NUMBER_WRONG, "browser", 5, HOUR),
    Limit(Attempt.NUMBER_WRONG, "address", 10, HOUR),
    Limit(Attempt.NUMBER_WRONG, "network", 30, HOUR),
)
"""Of order numbers with the wrong end of a phone, and of numbers that nobody has."""

LINK_LIMITS = (Limit(Attempt.LINK_WRONG, "address", 20, HOUR), Limit(Attempt.LINK_WRONG, "network", 60, HOUR))
"""Of links that are none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who tries: an address (of IPv6 its network), and the digest of the browser's cookie."""

    address: str
    browser: bytes

    def scopes(self) -> dict[str, str]:
        """What limits go by, with its value."""
        return {"address": self.address, "network": network_of(self.address), "browser": self.browser.hex()}


class TooOften(Exception):
    """A limit is reached; `wait` is how long until one more is allowed."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"again in {wait.total_seconds():.0f} s")
        self.wait = wait


def network_of(address: str) -> str:
    """The network of an address, or of a network of one customer; "" where there is none."""
    try:
        found: IPv4Network | IPv6Network = ip_network(address)
    except ValueError:
        return ""
    return str(found.supernet(new_prefix=_V4_NETWORK if found.version == 4 else _V6_NETWORK))


def require_room(
    conn: Connection, limits: Sequence[Limit], caller: Caller, at: datetime, **more: str
) -> dict[str, bytes]:
    """Lock what the limits go by, and raise TooOften when one of them is reached; returns the key of each scope.

    The locks end with the transaction: of two tries at once the second counts the first.
    """
    named = {**caller.scopes(), **more}
    keys = {limit.scope: keyed_digest(f"progress {limit.scope}", named[limit.scope]) for limit in limits}
    locks = sorted(int.from_bytes(key[:8], "big", signed=True) for key in keys.values())
    conn.execute("select pg_advisory_xact_lock(k) from unnest(%s::bigint[]) k", (locks,))
    row = conn.execute(
        """select max(t.at + w.span) from unnest(%s::text[], %s::bytea[], %s::int[], %s::interval[])
             w(what, key, most, span)
           cross join lateral (
             select a.at from progress_attempt a where a.what = w.what and a.key_hash = w.key and a.at > %s - w.span
             order by a.at desc offset w.most - 1 limit 1) t""",
        (
            [limit.what.value for limit in limits],
            [keys[limit.scope] for limit in limits],
            [limit.most for limit in limits],
            [limit.span for limit in limits],
            at,
        ),
    ).fetchone()
    if row is not None and row[0] is not None:
        raise TooOften(row[0] - at)
    return keys


def count_attempt(conn: Connection, what: Attempt, keys: dict[str, bytes], at: datetime) -> None:
    """Note one try under each of its keys."""
    conn.execute(
        "insert into progress_attempt (what, key_hash, at) select %s, k, %s from unnest(%s::bytea[]) k",
        (what.value, at, list(keys.values())),
    )
