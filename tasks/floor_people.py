"""Who works in a warehouse without a system of its own: badges, and sessions on handhelds."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from models.database import Connection, in_transaction, transaction
from models.errors import SetupError
from models.floor import HANDHELD
from models.order import Cause
from models.settings import clock
from tasks.access import NOBODY, count_access, log_access, log_change
from tasks.sessions import ADDRESS_TRIES, ADDRESS_WINDOW, TooManyTries

BADGE_MARK: Final = "PB-"
BADGE_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
BADGE_CHARS: Final = 20
_NAME_CHARS: Final = 40

IDLE: Final = timedelta(hours=4)
LONGEST: Final = timedelta(hours=16)
"""A session ends when nothing was asked in it for so long, and so long after its sign-in: a shift, and a long one."""

_SEEN_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody who is signed in on a handheld, and the warehouse where."""

    id: int
    name: str
    warehouse_id: int
    warehouse_code: str
    warehouse_name: str

    def cause(self, at: datetime) -> Cause:
        """The cause of what this person does."""
        return Cause(f"picker:{self.name}@{self.warehouse_code}", at)


@dataclass(frozen=True, slots=True)
class PickerRow:
    """A picker as lists show it."""

    warehouse: str
    name: str
    active: bool
    made_at: datetime
    seen_at: datetime | None


def own_warehouse(conn: Connection, code: str) -> int:
    """The id of a warehouse that works with handhelds; raises SetupError for any other."""
    row = conn.execute("select id, wms from warehouse where code = %s", (code,)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {code}: is not in the pool")
    if row[1] != HANDHELD:
        raise SetupError(f"warehouse {code}: works with {row[1]}, not with handhelds; import it with wms {HANDHELD}")
    return int(row[0])


def make_badge(warehouse_code: str, name: str, why: Cause) -> str:
    """Give somebody a badge, the only one that counts from now on; returns what its barcode says, this once.

    Raises SetupError when the warehouse has no handhelds or the name is none.
    """
    return make_badges(warehouse_code, [name], why)[0]


def make_badges(warehouse_code: str, names: Sequence[str], why: Cause) -> list[str]:
    """As `make_badge` for several people, in their order: all of them get one, or none."""
    with transaction() as conn:
        warehouse_id = own_warehouse(conn, warehouse_code)
        return [_make_badge(conn, warehouse_id, warehouse_code, name, why) for name in names]


def _make_badge(conn: Connection, warehouse_id: int, warehouse_code: str, name: str, why: Cause) -> str:
    kept = " ".join(name.split())
    if not kept or len(kept) > _NAME_CHARS or not kept.isprintable():
        raise SetupError(f"picker {name[:_NAME_CHARS]!r}: a name has 1 to {_NAME_CHARS} characters on one line")
    badge = BADGE_MARK + "".join(secrets.choice(BADGE_LETTERS) for _ in range(BADGE_CHARS))
    (picker_id,) = conn.execute(
        """insert into picker (warehouse_id, name, badge_digest, active, made_at) values (%s, %s, %s, true, %s)
           on conflict (warehouse_id, name) do update set badge_digest = excluded.badge_digest, active = true
           returning id""",
        (warehouse_id, kept, _digest(badge), why.at),
    ).fetchone() or (0,)
    conn.execute("delete from handheld_session where picker_id = %s", (picker_id,))
    log_change(conn, "picker", f"{kept}@{warehouse_code}", None, {"badge": "made"}, why)
    return badge


def end_badge(warehouse_code: str, name: str, why: Cause) -> None:
    """Let somebody sign in no more; open sessions end. Raises SetupError when nobody there has that name."""
    with transaction() as conn:
        row = conn.execute(
            "update picker set active = false where warehouse_id = %s and name = %s returning id",
            (own_warehouse(conn, warehouse_code), name),
        ).fetchone()
        if row is None:
            raise SetupError(f"picker {name}: nobody in {warehouse_code} has that name")
        conn.execute("delete from handheld_session where picker_id = %s", (row[0],))
        log_change(conn, "picker", f"{name}@{warehouse_code}", {"active": True}, {"active": False}, why)


def list_pickers() -> list[PickerRow]:
    """Everybody who ever got a badge, by warehouse and name."""
    with transaction() as conn:
        rows = conn.execute(
            """select w.code, p.name, p.active, p.made_at, p.seen_at from picker p
               join warehouse w on w.id = p.warehouse_id order by 1, 2"""
        ).fetchall()
    return [PickerRow(*row) for row in rows]


def sign_in(badge: str, address: str) -> str | None:
    """Begin a session and return its token; None when the badge is nobody's, or ended.

    Raises TooManyTries when the address showed too many such badges.
    """
    return in_transaction(lambda conn: _sign_in(conn, badge.strip().upper(), address))


def _sign_in(conn: Connection, badge: str, address: str) -> str | None:
    at = clock().now()
    # tries from one address follow each other, so that none goes uncounted
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"handheld sign-in from {address}",))
    if address and count_access(conn, "badge_refused", at - ADDRESS_WINDOW, address=address) >= ADDRESS_TRIES:
        raise TooManyTries
    row = conn.execute(
        """select p.id, p.name, w.code from picker p join warehouse w on w.id = p.warehouse_id
           where p.badge_digest = %s and p.active and w.wms = %s""",
        (_digest(badge), HANDHELD),
    ).fetchone()
    if row is None:
        log_access(conn, NOBODY, "badge_refused", at, address=address)
        return None
    token = secrets.token_urlsafe(32)
    conn.execute("delete from handheld_session where ends_at <= %s or seen_at <= %s", (at, at - IDLE))
    conn.execute(
        "insert into handheld_session (digest, picker_id, started_at, seen_at, ends_at) values (%s, %s, %s, %s, %s)",
        (_digest(token), row[0], at, at, at + LONGEST),
    )
    conn.execute("update picker set seen_at = %s where id = %s", (at, row[0]))
    log_access(conn, f"picker:{row[1]}@{row[2]}", "signed_in", at, address=address)
    return token


def find_session(token: str, at: datetime) -> Signed | None:
    """Who is signed in under a token, None when the session has ended or never was."""
    if not token:
        return None
    with transaction() as conn:
        row = conn.execute(
            """select p.id, p.name, w.id, w.code, w.name, s.seen_at from handheld_session s
               join picker p on p.id = s.picker_id and p.active
               join warehouse w on w.id = p.warehouse_id and w.wms = %s
               where s.digest = %s and s.ends_at > %s and s.seen_at > %s""",
            (HANDHELD, _digest(token), at, at - IDLE),
        ).fetchone()
        if row is None:
            return None
        if at - row[5] >= _SEEN_EVERY:
            conn.execute("update handheld_session set seen_at = %s where digest = %s", (at, _digest(token)))
    return Signed(*row[:5])


def is_signed_in(conn: Connection, picker_id: int | None, at: datetime) -> bool:
    """Whether somebody has a session that holds."""
    row = conn.execute(
        "select 1 from handheld_session where picker_id = %s and ends_at > %s and seen_at > %s limit 1",
        (picker_id, at, at - IDLE),
    ).fetchone()
    return row is not None


def sign_out(token: str) -> None:
    """End the session of a token, if there is one."""
    with transaction() as conn:
        conn.execute("delete from handheld_session where digest = %s", (_digest(token),))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
