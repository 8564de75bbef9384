"""One world in which everything goes wrong once: each kind of fault caused for real, and what Prefect shows of it."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from deployments.simulation_listings import list_products
from flows.audit_ingest import audit_ingest
from flows.process_orders import process_orders
from flows.push_stock import push_stock
from flows.track_parcels import track_parcels
from flows.watch_deadlines import watch_deadlines
from models.settings import settings
from tasks.audit_ingest import day_in_china, yesterday
from tasks.windows import only_run_of_window
from tests.pipeline.conftest import World
from tests.pipeline.orders import SKUS, order
from tests.pipeline.prefect_api import PrefectApi

BROKEN = ("woo-bug", "woo-disk", "woo-gone", "woo-busy")
SHOPS = (
    "woo-left",
    "woo-audit",
    "woo-wms",
    "woo-refused",
    "woo-silent",
    "woo-feed",
    "woo-blind",
    "woo-down",
    "woo-limit",
    "woo-taken",
    *BROKEN,
)
SOUTH, NORTH, EAST = 1, 2, 0
"""Orders with these numbers, modulo five, go to WH-S, WH-N or WH-E."""

_BREAK = """
create or replace function break_by_shop() returns trigger language plpgsql as $$
declare shop text := (select s.code from orders o join shop s on s.id = o.shop_id where o.id = new.order_id);
begin
  case shop
    when 'woo-bug' then raise exception 'the pool refuses %', new.stage;
    when 'woo-disk' then raise 'could not extend file "base/5/16401": No space left on device' using errcode = '53100';
    when 'woo-gone' then perform pg_terminate_backend(pg_backend_pid());
    when 'woo-busy' then perform pg_cancel_backend(pg_backend_pid()), pg_sleep(5);
    else null;
  end case;
  return new;
end $$;
create or replace trigger breakage before update on order_state for each row
  when (new.stage = 'locked') execute function break_by_shop();
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the Prefect UI shows of a run: type and message of its state, its artifacts by key."""

    run: str
    type: str
    message: str
    artifacts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FaultyWorld:
    """Causes faults, a run each."""

    world: World
    api: PrefectApi
    url: str
    folder: Path

    def cause_all(self) -> dict[str, Shown]:
        """What is shown of each fault; those that do not touch each other are caused at the same time."""
        self._load()
        shown = {"some left behind": self._run(process_orders, "woo-left")}
        self._let_parcels_leave()
        self._break()
        scenes = self._scenes()
        with ThreadPoolExecutor(len(scenes)) as pool:
            runs = {name: pool.submit(copy_context().run, scene) for name, scene in scenes.items()}
            shown |= {name: run.result() for name, run in runs.items()}
        return shown | {"no database": self._without_database()}

    def _scenes(self) -> Mapping[str, Callable[[], Shown]]:
        by_shop = {
            "platform down": "woo-down",
            "rate limit": "woo-limit",
            "token over": "tmall-1",
            "feed wrong": "woo-feed",
            "nothing readable": "woo-blind",
            "wms refuses": "woo-refused",
            "wms silent": "woo-silent",
            "disk full": "woo-disk",
            "database lost": "woo-gone",
            "database busy": "woo-busy",
            "bug": "woo-bug",
            "no such shop": "nobody-1",
        }
        scenes: dict[str, Callable[[], Shown]] = {
            name: lambda shop=shop: self._run(process_orders, shop)  # type: ignore[misc]
            for name, shop in by_shop.items()
        }
        return scenes | {
            "wms down": lambda: self._run_deployed("woo-wms"),
            "shop taken": self._behind_another,
            "carrier down": lambda: self._run(track_parcels),
            "listing refused": lambda: self._run(push_stock, "jd-1"),
            "orders missing": lambda: self._run(audit_ingest, "woo-audit", yesterday()),
            "new alert": lambda: self._run(watch_deadlines),
        }

    def _run(self, flow: Any, *arguments: Any) -> Shown:
        state = flow(*arguments, return_state=True)
        return self._shown(str(state.state_details.flow_run_id))

    def _run_deployed(self, shop: str) -> Shown:
        """A run as a worker makes it: that of a deployment, which the UI offers to retry."""
        deployment = self.api.call("GET", "deployments/name/process_orders/orders")["id"]
        wish = {"parameters": {"shop": shop}, "state": {"type": "PENDING"}}
        made = self.api.call("POST", f"deployments/{deployment}/create_flow_run", wish)
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(UUID(made["id"]))
        run_flow(process_orders, flow_run=run, parameters=run.parameters, return_type="state")
        return self._shown(made["id"])

    def _shown(self, run: str) -> Shown:
        state = self.api.state(run)
        return Shown(run, state["type"], state["message"], self.api.artifacts(run))

    def _load(self) -> None:
        at = datetime.now(UTC)
        huge = [{"line_no": "1", "sku": "SKU-1", "title": "杯子", "quantity": 90_000, "price_fen": 1}]
        unreadable = order(20, at) | {"raw": {"total": "many"}}
        fine = [order(n, at) for n in (5, 10)]
        self.world.load("woo-left", [*fine, order(15, at, lines=huge), unreadable])
        mute = order(1, at)["receiver"] | {"phone": ""}
        self.world.load("woo-feed", [order(n, at, receiver=mute) for n in range(100, 125)])
        many = {"raw": {"total": "many"}}
        self.world.load("woo-blind", [order(n, at) | many for n in range(500, 525)])
        for shop, remainder in {"woo-wms": SOUTH, "woo-refused": NORTH, "woo-silent": EAST}.items():
            self.world.load(shop, [order(n, at) for n in range(200 + remainder, 230, 5)])
        for shop in BROKEN:
            self.world.load(shop, [order(n, at) for n in range(300, 303)])
        morning = day_in_china(yesterday())[0] + timedelta(hours=9)
        then = morning.isoformat()
        self.world.load("woo-audit", [order(400, morning, created_at=then, paid_at=then, modified_at=then)])
        list_products(self.world.sandbox, self.folder, ("jd-1",), SKUS)
        self.world.sandbox.do("POST", "shops/jd-1/products", {"products": [{"sku": "SKU-3", "stop": "banned"}]})

    def _let_parcels_leave(self) -> None:
        self.world.ship()
        until = time.monotonic() + 60
        while not self.world.rows("select 1 from inbox where source like 'wms:%%' limit 1"):
            assert time.monotonic() < until, "no warehouse reported a parcel"
            time.sleep(0.1)

    def _break(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(_BREAK.encode())
            conn.execute(
                """update credential set expires_at = %s, value_enc = (
                     select value_enc from credential where name = 'app_key' limit 1)
                   where owner_code = 'tmall-1' and name in ('session', 'refresh_token')""",
                (datetime.now(UTC) - timedelta(hours=1),),
            )
        self.world.fault("http_503", "shop:woo-down")
        self.world.fault("rate_limit", "shop:woo-limit")
        self.world.fault("http_503", "wms:WH-S")
        self.world.fault("html", "wms:WH-N", status=410)
        self.world.fault("timeout_before", "wms:WH-E", seconds=1)
        self.world.fault("http_503", "carrier:kuaidi100")

    def _behind_another(self) -> Shown:
        since = datetime.now(UTC) - timedelta(hours=1)
        with only_run_of_window("woo-taken", since, None), ThreadPoolExecutor(1) as pool:
            impatience = pool.submit(self._end_waiting)
            shown = self._run(process_orders, "woo-taken", since)
            impatience.result()
        return shown

    def _end_waiting(self) -> None:
        """End a run's wait for another before its time is over, as the database does when it is."""
        until = time.monotonic() + 60
        with psycopg.connect(self.url, autocommit=True) as conn:
            while not conn.execute(
                """select pg_cancel_backend(pid) from pg_locks
                   where locktype = 'advisory' and not granted and database = (
                     select oid from pg_database where datname = current_database())"""
            ).fetchone():
                assert time.monotonic() < until, "no run waits for another"
                time.sleep(0.1)

    def _without_database(self) -> Shown:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/orderpool")
            settings.cache_clear()
            shown = self._run(process_orders, "woo-left")
        settings.cache_clear()
        return shown
