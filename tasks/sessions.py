"""Sessions of the console: begun with a password, ended by time, by sign-out and by what changes a person."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.database import Connection, in_transaction, transaction
from models.settings import clock
from tasks.access import NOBODY, count_access, log_access
from tasks.passwords import hash_password, is_outdated, matches

IDLE = timedelta(hours=12)
"""A session ends when nothing was asked in it for so long."""

LONGEST = timedelta(days=7)
"""A session ends so long after its sign-in whatever happens in it."""

TRIES = 5
"""After so many wrong passwords in a row a name waits."""

FIRST_WAIT = timedelta(minutes=15)
LONGEST_WAIT = timedelta(hours=4)

ADDRESS_TRIES = 30
ADDRESS_WINDOW = timedelta(minutes=10)
"""An address that failed ADDRESS_TRIES times in the window is not listened to, whatever the names."""

_SEEN_EVERY = timedelta(minutes=5)  # a row is written that often, not with every page


class TooManyTries(Exception):
    """The address failed to sign in too often; it waits `ADDRESS_WINDOW` at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session that holds, and whose it is."""

    user_id: int
    name: str
    role: str
    csrf: str


@dataclass(frozen=True, slots=True)
class _User:
    id: int
    name: str
    password_hash: str
    failures: int
    waits: bool


def plain_name(written: str) -> str:
    """A person's name as it is kept: capitals make no difference, nor do spaces round it."""
    return written.strip().casefold()


def sign_in(name: str, password: str, address: str, old_token: str = "") -> str | None:
    """Begin a session and return its token; None when name or password is wrong, or the name waits.

    Which of these it was shows neither in the answer nor in the time it takes. The session of `old_token` ends.
    Raises TooManyTries when the address failed too often.
    """
    return in_transaction(lambda conn: _sign_in(conn, plain_name(name), password, address, old_token))


def _sign_in(conn: Connection, name: str, password: str, address: str, old_token: str) -> str | None:
    at = clock().now()
    # tries of one name follow each other, and those from one address, so that none goes uncounted; the name may be
    # nobody's
    for one in (f"console sign-in {name}", f"console sign-in from {address}"):
        conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (one,))
    if address and count_access(conn, "sign_in_failed", at - ADDRESS_WINDOW, address=address) >= ADDRESS_TRIES:
        raise TooManyTries
    user = _checked(conn, name, password, address, at)
    if user is None:
        return None
    stored = hash_password(password) if is_outdated(user.password_hash) else user.password_hash
    conn.execute(
        "update console_user set failures = 0, locked_until = null, password_hash = %s where id = %s",
        (stored, user.id),
    )
    log_access(conn, f"person:{user.name}", "signed_in", at, address=address)
    _end(conn, old_token)
    return open_session(conn, user.id, at)


def _checked(conn: Connection, name: str, password: str, address: str, at: datetime) -> _User | None:
    """The person whose password this is; None, and noted as a failure, for anybody else and for a name that waits."""
    user = _user(conn, name, at)
    right = matches(user.password_hash if user else None, password)
    if user is None or user.waits or not right:
        _note_failure(conn, user, address, at)
        return None
    return user


def check_known(conn: Connection, name: str, password: str, address: str, at: datetime) -> int | None:
    """The id of a person who is signed in and knows the password; None, and counted, when it is wrong or waits."""
    user = _checked(conn, name, password, address, at)
    return user.id if user else None


def _user(conn: Connection, name: str, at: datetime) -> _User | None:
    row = conn.execute(
        """select id, name, password_hash, failures, coalesce(locked_until > %s, false) from console_user
           where name = %s and active for update""",
        (at, name),
    ).fetchone()
    return _User(*row) if row else None


def _note_failure(conn: Connection, user: _User | None, address: str, at: datetime) -> None:
    log_access(conn, f"person:{user.name}" if user else NOBODY, "sign_in_failed", at, address=address)
    if user is None or user.waits:
        return
    failures = user.failures + 1
    until = at + wait_after(failures) if failures >= TRIES else None
    conn.execute("update console_user set failures = %s, locked_until = %s where id = %s", (failures, until, user.id))


def wait_after(failures: int) -> timedelta:
    """How long a name waits after so many wrong passwords in a row: 15 minutes after 5, then twice as long each."""
    doublings = min(failures - TRIES, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def open_session(conn: Connection, user_id: int, at: datetime) -> str:
    """A new session of a person; returns its token, of which the pool keeps only the digest."""
    token = secrets.token_urlsafe(32)
    conn.execute("delete from console_session where ends_at <= %s or seen_at <= %s", (at, at - IDLE))
    conn.execute(
        """insert into console_session (digest, user_id, csrf, started_at, seen_at, ends_at)
           values (%s, %s, %s, %s, %s, %s)""",
        (_digest(token), user_id, secrets.token_urlsafe(32), at, at, at + LONGEST),
    )
    return token


def find_session(token: str, at: datetime) -> Found | None:
    """The session of a token with its person, None when it has ended or never was."""
    if not token:
        return None
    with transaction() as conn:
        row = conn.execute(
            """select u.id, u.name, u.role, s.csrf, s.seen_at from console_session s
               join console_user u on u.id = s.user_id and u.active
               where s.digest = %s and s.ends_at > %s and s.seen_at > %s""",
            (_digest(token), at, at - IDLE),
        ).fetchone()
        if row is None:
            return None
        if at - row[4] >= _SEEN_EVERY:
            conn.execute("update console_session set seen_at = %s where digest = %s", (at, _digest(token)))
    return Found(*row[:4])


def sign_out(token: str, address: str) -> None:
    """End the session of a token, if there is one."""
    at = clock().now()
    found = find_session(token, at)
    with transaction() as conn:
        _end(conn, token)
        if found is not None:
            log_access(conn, f"person:{found.name}", "signed_out", at, address=address)


def end_sessions(conn: Connection, user_id: int, *, but: str = "") -> None:
    """End every session of a person, except the one of the token `but`."""
    conn.execute("delete from console_session where user_id = %s and digest <> %s", (user_id, _digest(but)))


def _end(conn: Connection, token: str) -> None:
    conn.execute("delete from console_session where digest = %s", (_digest(token),))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
