"""The people of the console: added, given a role, a password, locked out and let in again."""

import re
from dataclasses import dataclass
from datetime import datetime

from models.console import Role
from models.database import Connection, in_transaction, transaction
from models.errors import SetupError
from models.order import Cause
from tasks.access import log_change
from tasks.passwords import check_password, hash_password
from tasks.sessions import check_known, end_sessions, open_session, plain_name

_NAME = re.compile(r"\w[\w.@-]{0,39}")


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as lists show it. `waits_until`: no password is tried before."""

    name: str
    role: Role
    active: bool
    waits_until: datetime | None
    made_at: datetime
    last_seen_at: datetime | None


def list_people(at: datetime) -> list[PersonRow]:
    """Everybody who was ever added, by name; those who wait at this moment with their time."""
    with transaction() as conn:
        rows = conn.execute(
            """select u.name, u.role, u.active, case when u.locked_until > %s then u.locked_until end, u.made_at,
                      (select max(s.seen_at) from console_session s where s.user_id = u.id)
               from console_user u order by u.name""",
            (at,),
        ).fetchall()
    return [PersonRow(name, Role(role), *rest) for name, role, *rest in rows]


def is_anybody_there() -> bool:
    """Whether somebody may sign in at all."""
    with transaction() as conn:
        return conn.execute("select 1 from console_user where active limit 1").fetchone() is not None


def as_role(written: str) -> Role:
    """The role of that name; raises SetupError naming those there are."""
    try:
        return Role(written.strip().lower())
    except ValueError as error:
        raise SetupError(f"role {written!r}: is not known; there are {', '.join(Role)}") from error


def add_person(name: str, role: Role, password: str, why: Cause) -> str:
    """Add somebody who may sign in; returns the name as it is kept. Raises SetupError when the name is taken."""
    kept = plain_name(name)
    if not _NAME.fullmatch(kept):
        raise SetupError(f"person {name!r}: a name has up to 40 letters, digits, dots, dashes and @, no spaces")
    check_password(kept, password)
    stored = hash_password(password)
    with transaction() as conn:
        row = conn.execute(
            """insert into console_user (name, password_hash, role, active, failures, made_at, password_at)
               values (%s, %s, %s, true, 0, %s, %s) on conflict (name) do nothing returning id""",
            (kept, stored, role.value, why.at, why.at),
        ).fetchone()
        if row is None:
            raise SetupError(f"person {kept}: is there already; change the role or the password instead")
        log_change(conn, "person", kept, None, {"role": role.value, "active": True}, why)
    return kept


def set_role(name: str, role: Role, why: Cause) -> None:
    """Give a person another role; the person's sessions end. Raises SetupError when no admin would be left."""
    with transaction() as conn:
        _keep_an_admin(conn, name, stays=role is Role.ADMIN)
        user_id, before, _ = _find(conn, name)
        conn.execute("update console_user set role = %s where id = %s", (role.value, user_id))
        if log_change(conn, "person", plain_name(name), {"role": before}, {"role": role.value}, why):
            end_sessions(conn, user_id)


def set_active(name: str, active: bool, why: Cause) -> None:
    """Let a person sign in or no more; sessions end. Raises SetupError when no admin would be left."""
    with transaction() as conn:
        _keep_an_admin(conn, name, stays=active)
        user_id, _, before = _find(conn, name)
        conn.execute("update console_user set active = %s where id = %s", (active, user_id))
        if log_change(conn, "person", plain_name(name), {"active": before}, {"active": active}, why):
            end_sessions(conn, user_id)


def set_password(name: str, password: str, why: Cause) -> None:
    """Give a person another password; the person's sessions end, and waiting for wrong ones too."""
    kept = plain_name(name)
    check_password(kept, password)
    stored = hash_password(password)
    with transaction() as conn:
        user_id, _, _ = _find(conn, name)
        _save_password(conn, user_id, stored, why)


def change_own_password(name: str, old: str, new: str, why: Cause, address: str = "") -> str:
    """Change the password of somebody who knows the present one; returns the token of a new session.

    Every session before ends. A wrong present one counts as it does at the sign-in. Raises SetupError when it is wrong,
    when the name waits after wrong ones, or when the new one is too easy.
    """
    check_password(name, new)
    if old == new:
        raise SetupError("the new password is the present one")
    token = in_transaction(lambda conn: _change_own(conn, name, old, new, address, why))
    if token is None:
        raise SetupError("the present password is not right, or the name waits after too many wrong ones")
    return token


def _change_own(conn: Connection, name: str, old: str, new: str, address: str, why: Cause) -> str | None:
    user_id = check_known(conn, name, old, address, why.at)
    if user_id is None:
        return None
    _save_password(conn, user_id, hash_password(new), why)
    return open_session(conn, user_id, why.at)


def unlock(name: str, why: Cause) -> None:
    """Let a person who waits after wrong passwords try again at once."""
    with transaction() as conn:
        user_id, _, _ = _find(conn, name)
        row = conn.execute("select failures from console_user where id = %s", (user_id,)).fetchone()
        conn.execute("update console_user set failures = 0, locked_until = null where id = %s", (user_id,))
        log_change(
            conn, "person", plain_name(name), {"wrong_passwords": row[0] if row else 0}, {"wrong_passwords": 0}, why
        )


def _save_password(conn: Connection, user_id: int, stored: str, why: Cause) -> None:
    row = conn.execute(
        """update console_user set password_hash = %s, password_at = %s, failures = 0, locked_until = null
           where id = %s returning name""",
        (stored, why.at, user_id),
    ).fetchone()
    end_sessions(conn, user_id)
    log_change(conn, "person", row[0] if row else "", None, {"password": "changed"}, why)


def _find(conn: Connection, name: str) -> tuple[int, str, bool]:
    row = conn.execute(
        "select id, role, active from console_user where name = %s for update", (plain_name(name),)
    ).fetchone()
    if row is None:
        raise SetupError(f"person {name}: is not known; `orderpool user list` shows who is")
    return row[0], row[1], row[2]


def _keep_an_admin(conn: Connection, name: str, *, stays: bool) -> None:
    """Refuse what leaves no active admin; admins are locked, so that two do not remove each other at once."""
    rows = conn.execute(
        "select name from console_user where role = 'admin' and active order by id for update"
    ).fetchall()
    if not stays and [row[0] for row in rows] == [plain_name(name)]:
        raise SetupError(f"person {plain_name(name)}: is the only admin; make somebody else admin first")
