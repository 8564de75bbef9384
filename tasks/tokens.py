"""Tokens with which we act for a shop: exchanged for a seller's consent, refreshed before they end, kept sealed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from connectors import registry
from connectors.base import Authoriser, Channel, Credentials, Tokens
from models.database import Connection, session_lock, transaction
from models.errors import ChannelDenied, ChannelUnavailable, PipelineError, SetupError
from models.settings import clock
from tasks.clients import client_of
from tasks.credentials import Owner, keep_secrets, secrets_of

REFRESH_TOKEN = "refresh_token"
"""The credential that holds it, on every channel."""

AHEAD = timedelta(hours=24)
"""A token is refreshed within the last day of its life, and at most once a day: platforms count refreshes."""

SOONEST = timedelta(hours=1)
TRUSTED = timedelta(minutes=5)
"""A token that is refused so soon after it was given is not refreshed again: its age is not what is wrong."""

WAIT_FOR_OTHERS_S = 90

_LOCKS = 7_003


@dataclass(frozen=True, slots=True)
class TokenStanding:
    """A shop's access token: until when it and its refresh token hold (None: unknown, or for ever), since when."""

    shop_code: str
    present: bool
    ends_at: datetime | None
    refreshable: bool
    refresh_ends_at: datetime | None
    given_at: datetime | None

    @property
    def refresh_at(self) -> datetime | None:
        """When it will be refreshed, None when it cannot be or need not be."""
        if not self.refreshable or self.ends_at is None:
            return None
        life = self.ends_at - self.given_at if self.given_at else AHEAD * 4
        at = self.ends_at - min(max(life / 4, SOONEST), AHEAD)
        return max(at, self.given_at + min(AHEAD, life / 2)) if self.given_at else at

    @property
    def ends_for_good_at(self) -> datetime | None:
        """When only a new consent of the seller helps; None: not foreseeable."""
        return self.refresh_ends_at if self.refreshable else self.ends_at


def standings(conn: Connection, shop_code: str | None = None) -> list[TokenStanding]:
    """How the tokens of the active shops (or of one shop) stand, by code; shops without tokens are left out."""
    tokens = {name: kind.token for name, kind in registry.CHANNELS.items() if kind.authoriser is not None}
    rows = conn.execute(
        """select s.code, a.id is not null, a.expires_at, r.id is not null, r.expires_at,
                  (s.settings->>'token_given_at')::timestamptz
           from shop s join unnest(%(channels)s::text[], %(tokens)s::text[]) as k(channel, token)
             on k.channel = s.channel
           left join credential a on a.owner_kind = 'shop' and a.owner_code = s.code and a.name = k.token
           left join credential r on r.owner_kind = 'shop' and r.owner_code = s.code and r.name = %(refresh)s
           where case when %(code)s::text is null then s.active else s.code = %(code)s end
           order by s.code""",
        {"channels": list(tokens), "tokens": list(tokens.values()), "refresh": REFRESH_TOKEN, "code": shop_code},
    ).fetchall()
    return [TokenStanding(*row) for row in rows]


def renew_token(shop_code: str, refused_token: str) -> Credentials:
    """The shop's credentials with another access token than the one that was refused.

    Whoever comes first refreshes it, the others get what that one got. Raises ChannelDenied when only a new consent
    of the seller helps.
    """
    with alone_with(shop_code) as conn:
        kind, known = _known(conn, shop_code)
        if known.get(kind.token) != refused_token and known.get(kind.token):
            return known
        (standing,) = standings(conn, shop_code)
        if standing.given_at and clock().now() - standing.given_at < TRUSTED:
            obstacle = f"the token of {standing.given_at:%m-%d %H:%M} UTC is refused though it is new"
            raise ChannelDenied(shop_code, "call", f"{obstacle}; {_wish(shop_code)}")
        return _refresh(conn, shop_code, kind, known)


def refresh_shop(shop_code: str) -> None:
    """Refresh a shop's token now, unless it is not due any more; raises ChannelError types and SetupError."""
    with alone_with(shop_code) as conn:
        (standing,) = standings(conn, shop_code)
        # another worker may have done it while we waited
        if standing.refresh_at is not None and standing.refresh_at <= clock().now():
            kind, known = _known(conn, shop_code)
            _refresh(conn, shop_code, kind, known)


def _refresh(conn: Connection, shop_code: str, kind: type[Channel], known: Credentials) -> Credentials:
    if not known.get(REFRESH_TOKEN):
        raise ChannelDenied(shop_code, "refresh the token", f"there is no refresh token; {_wish(shop_code)}")
    try:
        tokens = authoriser_of(shop_code, kind, known).refresh(known[REFRESH_TOKEN])
    except ChannelDenied as error:
        raise ChannelDenied(shop_code, error.action, f"{error.obstacle}; {_wish(shop_code)}") from error
    with conn.transaction():
        keep_tokens(conn, shop_code, kind, tokens)
    return secrets_of(conn, Owner.SHOP, shop_code)


def keep_tokens(conn: Connection, shop_code: str, kind: type[Channel], tokens: Tokens) -> None:
    """Store tokens with the time they were given and until when they hold; a missing refresh token leaves the former.

    Raises SetupError when they are those of another shop than the one that was authorised before.
    """
    settings = conn.execute("select settings from shop where code = %s for update", (shop_code,)).fetchone()
    owner = str((settings[0] if settings else {}).get("owner") or "")
    if owner and tokens.owner and owner != tokens.owner:
        raise SetupError(
            f"shop {shop_code}: the consent is that of the platform's shop {tokens.owner}, but {shop_code} is {owner}; "
            "sign in as that shop, or give the other one a code of its own"
        )
    values, ends = {kind.token: tokens.access_token}, {kind.token: tokens.expires_at}
    if tokens.refresh_token:
        values[REFRESH_TOKEN], ends[REFRESH_TOKEN] = tokens.refresh_token, tokens.refresh_expires_at
    keep_secrets(conn, Owner.SHOP, shop_code, values, ends)
    noted = {"token_given_at": clock().now().isoformat()} | ({"owner": tokens.owner} if tokens.owner else {})
    conn.execute("update shop set settings = settings || %s where code = %s", (Jsonb(noted), shop_code))


def authoriser_of(shop_code: str, kind: type[Channel], known: Credentials) -> Authoriser:
    """What asks for a seller's consent and refreshes; raises SetupError when the channel has none or lacks a key."""
    if kind.authoriser is None:
        raise SetupError(f"shop {shop_code}: needs no authorisation; its keys are credentials (`orderpool shop add`)")
    for name in kind.needs:
        if name != kind.token and not known.get(name):
            raise SetupError(f"shop {shop_code}: lacks the credential {name}; give it with `orderpool shop add`")
    return kind.authoriser(client_of(Owner.SHOP, shop_code), shop_code, known, clock().now)


def shop_kind(conn: Connection, shop_code: str) -> type[Channel]:
    """The connector class of a shop; raises SetupError when there is no such shop or connector."""
    row = conn.execute("select channel from shop where code = %s", (shop_code,)).fetchone()
    if row is None:
        raise SetupError(f"shop {shop_code}: is not in the pool; `orderpool shop list` shows those that are")
    if row[0] not in registry.CHANNELS:
        raise SetupError(f"shop {shop_code}: no connector is called {row[0]}")
    return registry.CHANNELS[row[0]]


def _known(conn: Connection, shop_code: str) -> tuple[type[Channel], dict[str, str]]:
    return shop_kind(conn, shop_code), secrets_of(conn, Owner.SHOP, shop_code)


@contextmanager
def alone_with(shop_code: str) -> Iterator[Connection]:
    """The only one to change a shop's tokens, with a connection; the lock ends with the process."""
    with session_lock("%s, hashtext(%s)", (_LOCKS, shop_code), WAIT_FOR_OTHERS_S) as conn:
        if conn is None:
            still = f"another run is still at it after {WAIT_FOR_OTHERS_S} s"
            raise ChannelUnavailable(shop_code, "refresh the token", still)
        yield conn


def _wish(shop_code: str) -> str:
    return f"a new consent is needed: `orderpool shop authorize {shop_code}`"


def due(conn: Connection, now: datetime) -> list[str]:
    """The shops whose token is to be refreshed now; not those whose refresh token has ended, which are an alert."""
    return [
        standing.shop_code
        for standing in standings(conn)
        if standing.refresh_at is not None
        and standing.refresh_at <= now
        and (standing.refresh_ends_at is None or standing.refresh_ends_at > now)
    ]


def refresh_due(now: datetime) -> tuple[list[str], dict[str, PipelineError]]:
    """Refresh every token that ends soon: the shops refreshed, and what stood in the way of others."""
    with transaction() as conn:
        shops = due(conn, now)
    obstacles: dict[str, PipelineError] = {}
    for code in shops:
        try:
            refresh_shop(code)
        except PipelineError as error:
            obstacles[code] = error
        except Exception as error:  # noqa: BLE001  one shop's strange answer must not stop the others
            obstacles[code] = PipelineError(f"{code}: refresh the token: {type(error).__name__}")
    return [code for code in shops if code not in obstacles], obstacles
