"""An installation in a folder of its own with a simulated outside world: what is tried there touches no other one."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments import addresses, installation
from deployments.demo_sandbox import Outside, sandbox_process
from deployments.simulation import SITES, connect_shops, connect_warehouses, fill_stock
from models.sealing import forget_key
from models.settings import settings

_OF_AN_INSTALLATION = ("ORDERPOOL_", "PREFECT_")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A running installation, which this process's settings lead to, and the outside it talks to."""

    folder: Path
    outside: Outside

    @property
    def web_url(self) -> str:
        """Where its web pages and hooks answer."""
        return addresses.read()["web_url"]

    def connect(
        self,
        skus: Mapping[str, str],
        units: int,
        shop_settings: Mapping[str, Any] | None = None,
        *,
        batches: bool = False,
    ) -> list[str]:
        """Set up every shop, warehouse and the carrier of the sandbox, with `units` of each SKU (code to name) in each
        warehouse; returns the shops' codes. With `batches` warehouses are told and tell several things in one call.

        Shops get no schedule: `prefect_setup.add_shop_schedule` adds one.
        """
        world = self.outside.world()
        shops = connect_shops(world, shop_settings)
        tokens = connect_warehouses(world, self.folder, batches=batches)
        fill_stock(self.folder, skus, {(site, sku): units for site in SITES for sku in skus})
        for code in SITES:
            self.outside.connect_warehouse(code, self.web_url, tokens[code], batches=batches)
        return shops


@contextmanager
def scratch_installation(
    folder: Path, only: Sequence[str] = (), schedules: bool = False, journal: Path | None = None, **variables: str
) -> Iterator[Scratch]:
    """Bring up an installation in `folder`, which is emptied first, and a sandbox; both end with the block.

    `only` names parts as `orderpool up --only` does, `variables` are set for every process of it; with `journal`
    the world of the sandbox outlives its process. Meanwhile this process's environment and settings lead there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with _environment({"ORDERPOOL_VAR": str(folder.resolve()), **variables}):
        try:
            installation.bring_up(only, schedules=schedules, tell=lambda _: None)
            with sandbox_process(journal) as outside:
                yield Scratch(folder, outside)
        finally:
            installation.take_down(tell=lambda _: None)


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Put the variables of one installation in the place of those of another."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_OF_AN_INSTALLATION):
            del os.environ[name]
    os.environ.update(wanted)
    _read_anew()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _read_anew()


def _read_anew() -> None:
    settings.cache_clear()
    forget_key()
