"""Which warehouses have e-waybills, by which service, and with which accounts at carriers and platforms.

An account is named by its carrier (`yuantong`), or by carrier and channel (`yuantong@tmall`) where a platform
authorises the waybills of its orders. All its fields are sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from connectors.carriers.codes import carrier_codes
from connectors.registry import CHANNELS, WAYBILLS
from connectors.waybills import Account, WaybillService
from models.database import Connection, transaction
from models.errors import SetupError
from models.floor import HANDHELD
from models.order import Cause
from models.settings import clock
from tasks.access import log_changes
from tasks.clients import client_of
from tasks.counterparts import KUAIDI100
from tasks.credentials import Owner, keep_secrets, secrets_of

SETTING = "e_waybill"
"""The setting of a warehouse: its `service`, and the `carriers` of which it has an account."""

_HIDDEN = "****"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as people see it: what opens it is hidden."""

    name: str
    values: tuple[tuple[str, str], ...]


def counterpart_of(service: str, warehouse_code: str) -> str:
    """Who is asked for e-waybills of a warehouse: an account that is refused stops no other warehouse."""
    return f"carrier:{service}/{warehouse_code}"


def open_waybills(conn: Connection, code: str) -> WaybillService:
    """The service of a counterpart (`kuaidi100/WH-S`); raises SetupError naming what it lacks."""
    service = code.partition("/")[0]
    if service not in WAYBILLS:
        raise SetupError(f"carrier {code}: no service of e-waybills is called {service}")
    credentials = secrets_of(conn, Owner.CARRIER, service)
    made: WaybillService = WAYBILLS[service](client_of(Owner.CARRIER, code), code, credentials, clock().now)
    return made


def accounts_of(conn: Connection, code: str) -> dict[str, Account]:
    """The accounts of a counterpart (`kuaidi100/WH-S`) by their names, in clear."""
    accounts: dict[str, dict[str, str]] = {}
    for name, value in secrets_of(conn, Owner.CARRIER, code).items():
        account, _, field = name.rpartition(".")
        accounts.setdefault(account, {})[field] = value
    return dict(accounts)


def account_for(accounts: Mapping[str, Account], carrier: str, channel: str, *, masked: bool) -> Account | None:
    """The account for a parcel: the platform's, which a masked receiver cannot do without, else the carrier's own."""
    of_platform = accounts.get(f"{carrier}@{channel}")
    return of_platform if of_platform is not None or masked else accounts.get(carrier)


def set_account(
    warehouse_code: str,
    carrier: str,
    values: Mapping[str, str],
    why: Cause,
    channel: str = "",
    service: str = KUAIDI100,
) -> None:
    """Store the fields of an account; others of it stay, and an empty one is taken out.

    Raises SetupError when the warehouse is none of our own, a name is unknown, or the service is not set up.
    """
    name = _account_name(carrier, channel)
    _check_fields(service, values)
    with transaction() as conn:
        _require_own(conn, warehouse_code)
        code = f"{service}/{warehouse_code}"
        open_waybills(conn, code)
        before = accounts_of(conn, code).get(name, {})
        keep_secrets(conn, Owner.CARRIER, code, {f"{name}.{field}": value for field, value in values.items() if value})
        _forget(conn, code, [f"{name}.{field}" for field, value in values.items() if not value])
        if not accounts_of(conn, code).get(name):
            raise SetupError(f"warehouse {warehouse_code}: account {name} has no fields; give it one")
        _note_carriers(conn, warehouse_code, service)
        changed = [field for field, value in values.items() if before.get(field, "") != value]
        if changed:
            detail = {"account": name, "fields": ", ".join(sorted(changed))}
            log_changes(conn, "warehouse", [(warehouse_code, None, detail)], why)


def drop_account(warehouse_code: str, carrier: str, why: Cause, channel: str = "", service: str = KUAIDI100) -> None:
    """Take an account out; raises SetupError when there is none."""
    name = _account_name(carrier, channel)
    with transaction() as conn:
        _require_own(conn, warehouse_code)
        code = f"{service}/{warehouse_code}"
        fields = accounts_of(conn, code).get(name)
        if not fields:
            raise SetupError(f"warehouse {warehouse_code}: has no account {name}")
        _forget(conn, code, [f"{name}.{field}" for field in fields])
        _note_carriers(conn, warehouse_code, service)
        log_changes(conn, "warehouse", [(warehouse_code, {"account": name}, None)], why)


def list_accounts(warehouse_code: str, service: str = KUAIDI100) -> list[AccountRow]:
    """The accounts of a warehouse by name, with what opens them hidden."""
    secret = WAYBILLS[service].secret_fields
    with transaction() as conn:
        _require_own(conn, warehouse_code)
        accounts = accounts_of(conn, f"{service}/{warehouse_code}")
    return [
        AccountRow(
            name,
            tuple((field, _HIDDEN if field in secret else value) for field, value in sorted(accounts[name].items())),
        )
        for name in sorted(accounts)
    ]


def _account_name(carrier: str, channel: str) -> str:
    if carrier not in carrier_codes():
        raise SetupError(f"carrier {carrier}: is none we know; use Kuaidi100's code, such as yuantong")
    if channel and channel not in CHANNELS:
        raise SetupError(f"channel {channel}: is not known; there are {', '.join(sorted(CHANNELS))}")
    return f"{carrier}@{channel}" if channel else carrier


def _check_fields(service: str, values: Mapping[str, str]) -> None:
    if service not in WAYBILLS:
        raise SetupError(f"service {service}: is not known; there are {', '.join(sorted(WAYBILLS))}")
    fields = WAYBILLS[service].fields
    for field in values:
        if field not in fields:
            raise SetupError(f"account field {field}: is not known; there are {', '.join(fields)}")


def _require_own(conn: Connection, code: str) -> None:
    row = conn.execute("select wms from warehouse where code = %s for update", (code,)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {code}: is not in the pool")
    if row[0] != HANDHELD:
        # only there labels are put on boxes by our word
        raise SetupError(f"warehouse {code}: has its waybills from its own system ({row[0]})")


def _forget(conn: Connection, code: str, names: list[str]) -> None:
    conn.execute(
        "delete from credential where owner_kind = %s and owner_code = %s and name = any(%s)",
        (Owner.CARRIER.value, code, names),
    )


def _note_carriers(conn: Connection, warehouse_code: str, service: str) -> None:
    """Bring the setting of a warehouse to the accounts that it has."""
    carriers = sorted({name.partition("@")[0] for name in accounts_of(conn, f"{service}/{warehouse_code}")})
    setting: dict[str, Any] = {SETTING: {"service": service, "carriers": carriers}} if carriers else {}
    conn.execute(
        "update warehouse set settings = settings - %s || %s where code = %s", (SETTING, Jsonb(setting), warehouse_code)
    )
