"""A copy taken while the pool is at work, and what comes of it in a cluster of its own."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from deployments import embedded_postgres
from deployments.backup import back_up, read_copy, restore
from models.database import connect, engine_for, upgrade
from models.errors import SetupError
from models.order import Cause
from models.sealing import unseal
from models.settings import CHECKOUT, settings
from tasks.reconcile import reconcile
from tests.deployments.calling import run
from tests.fakes import FakePool, payload
from tests.pool_names import NUMBERS
from tests.shared_pool import emptied, leading_to, shared_pool
from tests.stock.workers import trade_until, workers
from tests.stock.world import World

SLICE_S = 0.5
KEY = Path("secrets") / "key"


def by_hand() -> Cause:
    return Cause("person:li", datetime.now(UTC), None, 1)


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy, and the installation folder that it came from."""

    file: Path
    var: Path
    orders: int


@contextmanager
def elsewhere(var: Path) -> Iterator[None]:
    """The settings lead to another folder; the PostgreSQL in it is killed at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ORDERPOOL_DATABASE_URL", raising=False)
        patch.setenv("ORDERPOOL_VAR", str(var))
        settings.cache_clear()
        try:
            yield
        finally:
            server = embedded_postgres.process()
            if server:
                server.kill()
    settings.cache_clear()


@contextmanager
def trading(crowd: ProcessPoolExecutor) -> Iterator[None]:
    """Two processes do a seller's business, from their first orders until the end of the block."""
    over = threading.Event()

    def trade(seed: int) -> None:
        while not over.is_set():
            crowd.submit(trade_until, seed, time.time() + SLICE_S).result()
            seed += 2

    with ThreadPoolExecutor() as threads:
        both = [threads.submit(trade, seed) for seed in (1, 2)]
        try:
            while not counted("select count(*) from orders"):
                assert not any(each.done() for each in both)
                time.sleep(0.1)
            yield
            assert not any(each.done() for each in both)
        finally:
            over.set()
        for each in both:
            each.result()


@pytest.fixture(scope="module")
def taken(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    """A copy taken while others trade."""
    file = tmp_path_factory.mktemp("copies") / "pool.dump"
    with shared_pool(postgres, "backed_up") as url, emptied(url):
        pool = FakePool()
        pool.stock(TEA=300, CUP=300, CUP_B=300, POT=20, POT_B=20)
        with connect(autocommit=True) as conn:
            world = World(conn)
            world.make_kits()
            world.serve_everywhere()
        with workers(2, url) as crowd, trading(crowd):
            back_up(file, by_hand(), tell=lambda _: None)
        yield Taken(file, settings().var, pool.rows("select count(*) from orders")[0][0])


@pytest.fixture(scope="module")
def restored(taken: Taken, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The copy in a new cluster, whose folder has the key; gives what the command said."""
    var = tmp_path_factory.mktemp("restored") / "var"
    (var / KEY).parent.mkdir(parents=True)
    shutil.copy(taken.var / KEY, var / KEY)
    said: list[str] = []
    with elsewhere(var):
        restore(taken.file, by_hand(), said.append)
        yield said
        engine_for(settings().pool_url()).dispose()


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    """A database without tables, which the settings lead to."""
    name = f"pool_{next(NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"create database {name} template template0".encode())
    url = postgres.replace("/postgres?", f"/{name}?").removesuffix("/postgres")
    with leading_to(url if f"/{name}?" in url else f"{url}/{name}") as place:
        yield place
        engine_for(place).dispose()
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())


def counted(query: str) -> int:
    with connect() as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row
    return int(row[0])


def test_what_was_at_work_is_whole(taken: Taken, restored: list[str]) -> None:
    assert 0 < counted("select count(*) from orders") <= taken.orders
    assert [mismatch.sentence for mismatch in reconcile()] == []


def test_receiver_can_be_unsealed(restored: list[str]) -> None:
    with connect() as conn:
        row = conn.execute("select name_enc from receiver where name_enc is not null limit 1").fetchone()

    assert row
    assert unseal(row[0])


def test_new_order_is_stored_under_a_number_of_its_own(restored: list[str]) -> None:
    before = counted("select max(id) from orders")
    pool = object.__new__(FakePool)

    pool.take([payload(900_001)], run="after")

    assert counted("select max(id) from orders") > before + 9_000_000


def test_restore_tells_what_it_brought_back(restored: list[str]) -> None:
    assert "the pool as it was at" in restored[0]
    assert restored[-1].startswith("restored: ")


def test_restore_waits_to_be_confirmed(restored: list[str]) -> None:
    assert counted("select count(*) from backup where restored_at is not null and confirmed_at is null") == 1


def test_file_is_readable_by_its_owner_alone(taken: Taken) -> None:
    assert taken.file.stat().st_mode & 0o077 == 0


def test_pool_remembers_when_it_was_copied_last(pool: FakePool, tmp_path: Path) -> None:
    run("backup", tmp_path / "a.dump")

    ((finished_at, size_bytes),) = pool.rows("select finished_at, size_bytes from backup")
    assert finished_at
    assert size_bytes == (tmp_path / "a.dump").stat().st_size


def test_copy_over_another_is_refused(pool: FakePool, taken: Taken) -> None:
    with pytest.raises(SetupError, match="there is such a file"):
        run("backup", taken.file)


def test_backup_says_where_the_key_is(pool: FakePool, tmp_path: Path) -> None:
    assert f"without {settings().key_file}" in run("backup", tmp_path / "a.dump")


def test_pool_that_is_in_use_is_not_restored_into(pool: FakePool, taken: Taken) -> None:
    with connect(), pytest.raises(SetupError, match="other connections use the pool; stop everything first"):
        run("restore", taken.file)


def test_pool_that_holds_something_is_not_restored_into(empty: str, taken: Taken) -> None:
    upgrade()
    engine_for(empty).dispose()
    with connect() as conn:
        conn.execute("insert into sku (code, name, barcode, weight_g) values ('TEA', '', '', 0)")

    with pytest.raises(SetupError, match="the pool is not empty, there are rows in its table sku"):
        run("restore", taken.file)


def test_migrated_pool_with_nothing_in_it_is_restored_into(empty: str, taken: Taken) -> None:
    upgrade()
    engine_for(empty).dispose()

    assert "orders" in run("restore", taken.file)
    assert counted("select count(*) from orders") > 0


def test_wrong_key_is_told_before_anything_is_restored(empty: str, taken: Taken) -> None:
    other = {**os.environ, "ORDERPOOL_KEY": "ab" * 32}

    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "restore", str(taken.file)],
        env=other,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "sealed under another key than that of ORDERPOOL_KEY" in done.stderr
    assert counted("select count(*) from pg_tables where schemaname = 'public'") == 0


def test_missing_key_is_told_and_none_is_made(taken: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with elsewhere(tmp_path / "var"), pytest.raises(SetupError, match="the key under which it is sealed is not here"):
        run("restore", taken.file)
    assert not (tmp_path / "var" / KEY).exists()


def test_copy_that_breaks_off_restores_nothing(empty: str, taken: Taken, tmp_path: Path) -> None:
    torn = tmp_path / "torn.dump"
    torn.write_bytes(taken.file.read_bytes()[:-5000])

    with pytest.raises(SetupError, match=f"restore {torn}"):
        run("restore", torn)
    assert counted("select count(*) from pg_tables where schemaname = 'public'") == 0


def test_other_file_is_no_copy(empty: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear pool")

    with pytest.raises(SetupError, match="PostgreSQL cannot read it"):
        run("restore", tmp_path / "letter.txt")


def test_copy_tells_its_version(taken: Taken) -> None:
    assert read_copy(taken.file).version >= "0005"


def test_pool_recovered_by_postgresql_is_marked(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="which is not over"):
        run("restore", "--recovered-to", "2999-01-01T00:00")


def test_list_of_a_warehouse_is_read_by_its_column(pool: FakePool, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("outbound_no,order_no\nOB1,77\n")

    with pytest.raises(SetupError, match="no restore waits to be confirmed"):
        run("confirm-restore", "--instructed", tmp_path / "list.csv")


def test_list_of_several_columns_without_the_name_is_refused(pool: FakePool, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")

    with pytest.raises(SetupError, match="none is called order_no"):
        run("confirm-restore", "--instructed", tmp_path / "list.csv")


def test_confirmation_without_a_list_must_be_meant(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="--none-instructed"):
        run("confirm-restore")
