"""Codes by which a buyer shows that a phone is theirs: asked for, and typed in again.

Asking looks at no order: it writes the same rows for every phone, and the message leaves later, from another process
and only to phones that have orders (`tasks.progress_sms`). So nobody learns from the answer, or from the time that it
takes, whether a phone bought something here. Source of the figures: docs/progress-page.md.
"""

import hmac
import json
import re
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from models.database import Connection, transaction
from models.progress import Attempt, CodeState, Entrance
from models.sealing import keyed_digest, phone_digits, phone_hash, seal
from models.settings import clock
from tasks.progress_limits import CODE_LIMITS, GUESS_LIMITS, Caller, count_attempt, require_room
from tasks.progress_orders import orders_of_phone
from tasks.progress_sessions import note_lookup, open_session

DIGITS = 6
LASTS = timedelta(minutes=5)
TRIES = 5
AGAIN_AFTER = timedelta(seconds=60)

_PURPOSE = "orders"
_MOBILE = re.compile(r"1[3-9]\d{9}")


class Verdict(StrEnum):
    """What a typed code is."""

    RIGHT = "right"
    WRONG = "wrong"
    OVER = "over"  # its time is over, it was used, or there is none
    SPENT = "spent"  # it was tried too often


def mobile(written: str) -> str:
    """The eleven digits of a mobile of the mainland; "" when it is none, and no code can be sent to it."""
    digits = phone_digits(written)
    return digits if _MOBILE.fullmatch(digits) else ""


def ask_code(conn: Connection, phone: str, caller: Caller, at: datetime) -> None:
    """Have a code sent to a mobile, if it has orders. A former code of this browser holds no longer.

    Raises TooOften.
    """
    found = _hash(phone)
    keys = require_room(conn, CODE_LIMITS, caller, at, phone=found.hex())
    count_attempt(conn, Attempt.CODE_WANTED, keys, at)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    conn.execute(
        """with former as (
             update progress_code set ends_at = least(ends_at, %(at)s)
             where browser_hash = %(browser)s and ends_at > %(at)s)
           insert into progress_code (browser_hash, phone_hash, code_hash, sealed_enc, state, tries, made_at, ends_at,
                                      next_at, last_error)
           values (%(browser)s, %(phone)s, %(code)s, %(sealed)s, %(state)s, 0, %(at)s, %(ends)s, %(at)s, '')""",
        {
            "browser": caller.browser,
            "phone": found,
            "code": _code_hash(code, found, caller.browser),
            "sealed": seal(json.dumps({"phone": phone, "code": code})),
            "state": CodeState.WAITING.value,
            "at": at,
            "ends": at + LASTS,
        },
    )


def has_codes() -> bool:
    """Whether a code is to be sent now."""
    with transaction() as conn:
        row = conn.execute(
            "select exists (select from progress_code where state = 'waiting' and next_at <= %s)", (clock().now(),)
        ).fetchone()
    return bool(row and row[0])


def try_code(conn: Connection, typed: str, caller: Caller, at: datetime) -> tuple[Verdict, str]:
    """What the code that was typed in this browser is; with the token of a session when it is right.

    A code is right once. Raises TooOften.
    """
    keys = require_room(conn, GUESS_LIMITS, caller, at)
    row = conn.execute(
        """select id, phone_hash, code_hash, tries, ends_at > %s and used_at is null and code_hash is not null
           from progress_code where browser_hash = %s order by id desc limit 1 for update""",
        (at, caller.browser),
    ).fetchone()
    if row is None or not row[4]:
        count_attempt(conn, Attempt.CODE_WRONG, keys, at)
        return Verdict.OVER, ""
    code_id, found, wanted, tries, _ = row
    if tries >= TRIES:
        count_attempt(conn, Attempt.CODE_WRONG, keys, at)
        return Verdict.SPENT, ""
    if not hmac.compare_digest(wanted, _code_hash(typed, found, caller.browser)):
        conn.execute("update progress_code set tries = tries + 1 where id = %s", (code_id,))
        count_attempt(conn, Attempt.CODE_WRONG, keys, at)
        return (Verdict.WRONG if tries + 1 < TRIES else Verdict.SPENT), ""
    conn.execute(
        "update progress_code set used_at = %s, code_hash = null, sealed_enc = null where id = %s", (at, code_id)
    )
    note_lookup(conn, Entrance.PHONE, bool(orders_of_phone(conn, found, at)), at)
    return Verdict.RIGHT, open_session(conn, Entrance.PHONE, at, phone=found)


def _hash(phone: str) -> bytes:
    found = phone_hash(phone)
    if found is None:
        raise ValueError("a code was asked for what is no phone")
    return found


def _code_hash(code: str, phone: bytes, browser: bytes) -> bytes:
    return keyed_digest("progress code", f"{_PURPOSE}:{phone.hex()}:{browser.hex()}:{code}")
