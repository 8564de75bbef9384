"""Where things are and what time it is: the settings of one installation, and the one Clock."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import SetupError

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone of the platforms, of schedules and of what people read."""

CHECKOUT = Path(__file__).resolve().parent.parent


class Clock(Protocol):
    """The one source of business time; SQL `now()` is never used for it."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


class Settings(BaseSettings):
    """Everything an installation can set, by environment variables `ORDERPOOL_...`.

    `database_url` empty means the embedded PostgreSQL that `orderpool up` keeps in `var/`.
    `key` empty means the key file `var/secrets/key`, made at the first start.
    """

    model_config = SettingsConfigDict(env_prefix="ORDERPOOL_")

    var: Path = CHECKOUT / "var"
    database_url: str = ""
    key: str = ""
    batch_size: int = 2000
    promise_hours: int = 48  # a paid order without a promise of its own is due this long after payment
    feed_min_rows: int = 20  # a feed finding needs at least this many rows ...
    feed_share: float = 0.05  # ... and this share of its batch
    statement_timeout_s: int = 300
    public_url: str = ""  # how carriers and warehouses reach the hooks; empty: the local web address
    trusted_proxies: str = "127.0.0.1"  # whose X-Forwarded-For and -Proto are believed; several with commas, * for all
    allow_http: bool = True  # plain HTTP to a warehouse on a private network

    @property
    def run_dir(self) -> Path:
        """Pids and addresses of what runs."""
        return self.var / "run"

    @property
    def log_dir(self) -> Path:
        """One log per part."""
        return self.var / "log"

    @property
    def services_file(self) -> Path:
        """JSON with the addresses that `orderpool up` chose: `database_url`, `prefect_api_url`, `web_url`."""
        return self.run_dir / "services.json"

    def address(self, name: str) -> str:
        """The address of a running part, as `orderpool up` recorded it.

        Raises SetupError when this installation was never started.
        """
        try:
            return str(json.loads(self.services_file.read_text())[name])
        except (FileNotFoundError, KeyError) as error:
            raise SetupError(f"no {name} is known here: start OrderPool with `orderpool up` first") from error

    def pool_url(self) -> str:
        """The libpq URL of the order pool's database."""
        return self.database_url or self.address("database_url")

    def callback_base(self) -> str:
        """The base URL under which the outside reaches our hooks, without a trailing slash."""
        return (self.public_url or self.address("web_url")).rstrip("/")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


_clock: Clock = SystemClock()


def clock() -> Clock:
    """The Clock in force in this process."""
    return _clock


def set_clock(new: Clock) -> None:
    """Put another Clock in force, for tests and simulations that choose their own time."""
    global _clock
    _clock = new
