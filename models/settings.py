"""Where things are and what time it is: the settings of one installation, and the one Clock."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import SetupError

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone of the platforms, of schedules and of what people read."""

_SITE = re.compile(r"https?://[A-Za-z0-9*.-]+(:\d{1,5})?")

CHECKOUT = Path(__file__).resolve().parent.parent


class Clock(Protocol):
    """The one source of business time; SQL `now()` is never used for it."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""


class SystemClock:
    """The machine's clock, put off by `clock_ahead_s`."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=settings().clock_ahead_s)


class Settings(BaseSettings):
    """Everything an installation can set, by environment variables `ORDERPOOL_...`.

    `database_url` empty means the embedded PostgreSQL that `orderpool up` keeps in `var/`.
    `key` empty means the key file `var/secrets/key`, made at the first start. The three addresses are those of parts
    that run elsewhere; empty means those that `orderpool up` chose here.
    """

    model_config = SettingsConfigDict(env_prefix="ORDERPOOL_")

    var: Path = CHECKOUT / "var"
    database_url: str = ""
    prefect_api_url: str = ""  # http://host:4200/api
    prefect_ui_url: str = ""  # where people open the Prefect UI
    web_url: str = ""  # where people open the console
    key: str = ""
    key_old: str = ""  # the master key before it, while `orderpool key rewrap` has not run everywhere
    batch_size: int = 2000
    promise_hours: int = 48  # a paid order without a promise of its own is due this long after payment
    feed_min_rows: int = 20  # a feed finding needs at least this many rows ...
    feed_share: float = 0.05  # ... and this share of its batch
    statement_timeout_s: int = 300
    clock_ahead_s: float = 0  # to try what a machine with a wrong clock does
    public_url: str = ""  # how carriers and warehouses reach the hooks; empty: the local web address
    trusted_proxies: str = "127.0.0.1"  # whose X-Forwarded-For and -Proto are believed; several with commas, * for all
    log_format: Literal["text", "json"] = "text"  # of what the services log; json: one object per line
    erasure_journal: Path | None = None  # requests for erasure, beside the pool; None: var/erasures.jsonl
    metrics_token: str = ""  # what a scrape from elsewhere shows as its bearer token; empty: none is answered
    limits_file: str = ""  # limits of this installation, in the place of those in models/rules/limits.yaml
    allow_http: bool = True  # plain HTTP to a warehouse on a private network
    progress_frames: str = ""  # sites that may show the buyers' page in a frame, such as https://m.example.com; spaces
    progress_seller: str = ""  # who the buyers' page says answers for their data; empty: the shop

    @field_validator("progress_frames")
    @classmethod
    def _are_sites(cls, written: str) -> str:
        for site in written.split():
            if not _SITE.fullmatch(site):
                raise ValueError(f"{site[:80]} is no site such as https://m.example.com")
        return written

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

    @property
    def key_file(self) -> Path:
        """Where the key lies unless `key` gives it."""
        return self.var / "secrets" / "key"

    @property
    def erasure_file(self) -> Path:
        """The journal of requests for erasure, which outlives a restore of the pool."""
        return self.erasure_journal or self.var / "erasures.jsonl"

    def given_addresses(self) -> dict[str, str]:
        """The addresses of parts that run elsewhere."""
        names = ("prefect_api_url", "prefect_ui_url", "web_url")
        return {name: value for name in names if (value := getattr(self, name))}

    def address(self, name: str) -> str:
        """The address of a running part: the one given, else as `orderpool up` recorded it.

        Raises SetupError when none is given and this installation was never started.
        """
        if name in self.given_addresses():
            return self.given_addresses()[name]
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
