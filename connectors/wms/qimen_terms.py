"""What is particular to one Qimen warehouse: its credentials, and what the protocol leaves to each system."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.base import Credentials
from connectors.carriers.codes import carrier_codes
from connectors.wms.qimen_protocol import SIGN_METHODS, WRAPS
from models.errors import SetupError

OTHER: Final = "OTHER"

# Pinduoduo's and Douyin's are unconfirmed: an option `platform.douyin=...` sets another
PLATFORMS: Final[Mapping[str, str]] = MappingProxyType(
    {"taobao": "TB", "tmall": "TM", "jd": "JD", "pinduoduo": "PDD", "douyin": "DY"}
)
_TABLES: Final[Mapping[str, str]] = MappingProxyType({"carrier": "carriers", "platform": "platforms"})
_RANGES: Final[Mapping[str, tuple[type[int] | type[float], float, float]]] = MappingProxyType(
    {"window_s": (int, 60, 86_400), "timeout_s": (float, 0.1, 120), "query_batch": (int, 1, 1000)}
)
_OPTION = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+)?)=([^\s;=]{1,64})")
_VERSION = re.compile(r"\d{1,2}\.\d{1,2}")


@dataclass(frozen=True, slots=True)
class Options:
    """What differs between systems and is not confirmed by the protocol's papers.

    `cancel_is_final`: success of a cancel means cancelled, not just heard. `exists` are codes by which the system
    refuses an order that it has. `warehouse` is its own code of the warehouse. `carriers` and `platforms` map our
    codes to its.
    """

    window_s: int = 600
    timeout_s: float = 30.0
    query_batch: int = 100
    cancel_is_final: bool = True
    exists: frozenset[str] = frozenset()
    warehouse: str = ""
    carriers: Mapping[str, str] = field(default_factory=dict)
    platforms: Mapping[str, str] = field(default_factory=dict)

    def logistics_code(self, carrier: str) -> str:
        """The protocol's code of our carrier, OTHER where it has none."""
        known = carrier_codes().get(carrier)
        return self.carriers.get(carrier) or (known.qimen if known else "") or OTHER

    def platform_code(self, channel: str) -> str:
        """The protocol's code of our channel, OTHER where it has none."""
        return self.platforms.get(channel) or PLATFORMS.get(channel) or OTHER

    def carrier_of(self, code: str, name: str) -> str:
        """Our code of the carrier that a warehouse names by code and Chinese name; its own where we know none.

        "" for OTHER without a name we know: that is what it was asked for.
        """
        own = {theirs.upper(): ours for ours, theirs in self.carriers.items()}
        table = {known.qimen: ours for ours, known in carrier_codes().items() if known.qimen}
        names = {known.name: ours for ours, known in carrier_codes().items()}
        found = own.get(code.upper()) or table.get(code.upper()) or names.get(name)
        if found or code.upper() == OTHER:
            return found or ""
        return code.lower() if code.lower() in carrier_codes() else code


@dataclass(frozen=True, slots=True)
class Terms:
    """One warehouse as it is reached, signed for, and addressed."""

    endpoint: str
    app_key: str
    secret: str
    customer_id: str
    owner_code: str
    sign_method: str
    wrap: str
    version: str
    options: Options


def terms_of(name: str, credentials: Credentials) -> Terms:
    """The terms in a warehouse's credentials; raises SetupError naming what is missing or cannot be used."""
    for needed in ("app_key", "secret", "customer_id"):
        if not credentials.get(needed):
            raise SetupError(f"{name}: lacks the credential {needed}")
    try:
        return Terms(
            _endpoint(credentials),
            credentials["app_key"],
            credentials["secret"],
            credentials["customer_id"],
            credentials.get("owner_code") or credentials["customer_id"],
            read_sign_method(credentials.get("sign_method") or "md5"),
            read_wrap(credentials.get("wrap") or "both"),
            read_version(credentials.get("version") or "2.0"),
            read_options(credentials.get("options") or ""),
        )
    except ValueError as error:
        raise SetupError(f"{name}: {error}") from error


def read_sign_method(written: str) -> str:
    """How calls are signed; raises ValueError saying what it has to be."""
    if written not in SIGN_METHODS:
        raise ValueError(f"sign_method must be one of {', '.join(SIGN_METHODS)}")
    return written


def read_wrap(written: str) -> str:
    """Where the secret stands in what md5 hashes; raises ValueError saying what it has to be."""
    if written not in WRAPS:
        raise ValueError(f"wrap must be one of {', '.join(WRAPS)}")
    return written


def read_version(written: str) -> str:
    """The protocol's version; raises ValueError saying what it has to be."""
    if not _VERSION.fullmatch(written):
        raise ValueError("version must be two numbers, such as 2.0")
    return written


def read_options(written: str) -> Options:
    """Options as `name=value`, with spaces or semicolons between; raises ValueError naming the one that is wrong."""
    given: dict[str, Any] = {}
    for entry in written.replace(";", " ").split():
        found = _OPTION.fullmatch(entry)
        if found is None:
            raise ValueError(f"option {entry[:64]!r} is not name=value")
        name, value = found.groups()
        group, _, ours = name.partition(".")
        if group in _TABLES and ours:
            given.setdefault(_TABLES[group], {})[ours] = value
        elif name == "exists":
            given["exists"] = given.get("exists", frozenset()) | {value}
        elif name in _RANGES:
            given[name] = _number(name, value)
        elif name == "warehouse":
            given["warehouse"] = value
        elif name == "cancel" and value in ("final", "later"):
            given["cancel_is_final"] = value == "final"
        else:
            raise ValueError(f"option {name}={value} is not known, or cannot be that")
    if unknown := sorted(given.get("carriers", {}).keys() - carrier_codes().keys()):
        raise ValueError(f"option carrier.{unknown[0]}: is not a carrier we know")
    return Options(**given)


def _number(name: str, written: str) -> float:
    kind, low, high = _RANGES[name]
    try:
        number = kind(written)
    except ValueError:
        number = high + 1
    if not low <= number <= high:
        raise ValueError(f"option {name} must be a number from {low:g} to {high:g}")
    return number


def _endpoint(credentials: Credentials) -> str:
    endpoint = credentials.get("endpoint", "")
    scheme = urlsplit(endpoint).scheme
    if scheme == "https" or (scheme == "http" and credentials.get("allow_http") == "1"):
        return endpoint
    raise ValueError("endpoint must be an https address, or http with allow_http set to 1")
