"""The HTTP clients with which connectors call, one per outside party and process."""

from functools import lru_cache

import httpx

from tasks.credentials import Owner

_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=20, keepalive_expiry=30.0)
# a proxy of the environment must not stand between a machine and itself
_DIRECT = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}


@lru_cache(maxsize=256)
def client_of(owner: Owner, code: str) -> httpx.Client:
    """The client for all calls to one outside party; its connections are kept between calls."""
    return httpx.Client(timeout=_TIMEOUT, limits=_LIMITS, mounts=_DIRECT)
