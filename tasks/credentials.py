"""Secrets of shops, warehouses and carriers: sealed in the pool, opened only for a call or a check."""

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from models.database import Connection
from models.errors import SetupError
from models.sealing import seal, unseal


class Owner(StrEnum):
    """Whose a secret is."""

    SHOP = "shop"
    WAREHOUSE = "warehouse"
    CARRIER = "carrier"
    RECIPIENT = "recipient"
    SMS = "sms"


def secrets_of(conn: Connection, owner: Owner, code: str) -> dict[str, str]:
    """Every secret of one owner, by name, in clear."""
    rows = conn.execute(
        "select name, value_enc from credential where owner_kind = %s and owner_code = %s", (owner.value, code)
    ).fetchall()
    return {name: unseal(value) for name, value in rows}


def secret_of(conn: Connection, owner: Owner, code: str, name: str) -> str:
    """One secret in clear; raises SetupError naming the owner and the secret when it is missing."""
    row = conn.execute(
        "select value_enc from credential where owner_kind = %s and owner_code = %s and name = %s",
        (owner.value, code, name),
    ).fetchone()
    if row is None:
        raise SetupError(f"{owner} {code}: has no credential {name}")
    return unseal(row[0])


def keep_secrets(
    conn: Connection,
    owner: Owner,
    code: str,
    values: Mapping[str, str],
    expires: Mapping[str, datetime | None] | None = None,
) -> None:
    """Store secrets of an owner with the time at which they end by themselves, if any.

    Those of the same name are replaced, others stay.
    """
    ends = expires or {}
    with conn.cursor() as cur:
        cur.executemany(
            """insert into credential (owner_kind, owner_code, name, value_enc, expires_at) values (%s, %s, %s, %s, %s)
               on conflict (owner_kind, owner_code, name)
               do update set value_enc = excluded.value_enc, expires_at = excluded.expires_at""",
            [(owner.value, code, name, seal(value), ends.get(name)) for name, value in sorted(values.items())],
        )


def warehouse_of(conn: Connection, pull_token: str) -> tuple[int, str] | None:
    """The id and code of the warehouse that reads with this token, None when it is nobody's."""
    rows = conn.execute(
        """select w.id, w.code, c.value_enc from credential c join warehouse w on w.code = c.owner_code
           where c.owner_kind = 'warehouse' and c.name = 'pull_token' order by w.id"""
    ).fetchall()
    found = None
    for warehouse_id, code, value in rows:
        # every token is compared, so the time taken tells nothing of which one was close
        if hmac.compare_digest(unseal(value).encode(), pull_token.encode()):
            found = (warehouse_id, code)
    return found


def new_webhook_secret() -> str:
    """A random Standard Webhooks secret: `whsec_` and 32 bytes in padded base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_token() -> str:
    """A random bearer token of 256 bits."""
    return secrets.token_urlsafe(32)
