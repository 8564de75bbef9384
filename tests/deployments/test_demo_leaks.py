"""After a whole demo nobody's name, phone or street is anywhere but sealed in the pool."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import embedded_postgres
from deployments.databases import ensure_databases
from models.sealing import forget_key
from models.settings import settings
from tests.pipeline.leaks import Words, leaks_in_database, leaks_in_files, people_of

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[2]
LEAST_PEOPLE = 100


@pytest.fixture(scope="module")
def demo() -> Iterator[Path]:
    """The folder of an installation in which a demo ran to its end; its databases run again."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="op-"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("ORDERPOOL_", "PREFECT_"))]:
            patch.delenv(name)
        patch.setenv("ORDERPOOL_VAR", str(folder))
        settings.cache_clear()
        forget_key()
        run = [sys.executable, "-m", "deployments.cli", "demo"]
        done = subprocess.run(run, cwd=CHECKOUT, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        (folder / "log" / "demo.txt").write_text(done.stdout + done.stderr, "utf-8")
        ensure_databases()
        yield folder
        embedded_postgres.stop()
    settings.cache_clear()
    forget_key()
    shutil.rmtree(folder, ignore_errors=True)


def prefect_database() -> str:
    return settings().address("prefect_database_url").replace("postgresql+asyncpg://", "postgresql://")


def test_nobody_is_in_clear_in_the_pool(demo: Path) -> None:
    url = settings().pool_url()
    people = people_of(url)

    assert len(people.phones) > LEAST_PEOPLE
    assert leaks_in_database(url, Words("tmall"))
    assert leaks_in_database(url, people) == []


def test_nobody_is_in_prefects_database(demo: Path) -> None:
    assert leaks_in_database(prefect_database(), Words("process_orders"))
    assert leaks_in_database(prefect_database(), people_of(settings().pool_url())) == []


@pytest.mark.parametrize("folder", ["log", "prefect", "quality", "run"])
def test_nobody_is_in_files(demo: Path, folder: str) -> None:
    assert leaks_in_files(demo / folder, people_of(settings().pool_url())) == []
    assert leaks_in_files(demo / "log", Words("process_orders|orderpool"))
