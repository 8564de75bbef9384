"""The key of an installation, made by whoever needs it first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from models import sealing
from models.settings import settings

AT_ONCE = 8


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("ORDERPOOL_KEY", raising=False)
    monkeypatch.setenv("ORDERPOOL_VAR", str(tmp_path))
    settings.cache_clear()
    yield settings().key_file.parent
    settings.cache_clear()


def test_threads_that_need_it_first_at_the_same_time_read_one_key(folder: Path) -> None:
    start = Barrier(AT_ONCE)

    def read(_: int) -> str:
        start.wait()
        return sealing._key_file_text()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        keys = set(threads.map(read, range(AT_ONCE)))

    assert len(keys) == 1
    assert [path.name for path in folder.iterdir()] == [settings().key_file.name]
    assert settings().key_file.stat().st_mode & 0o777 == 0o600
