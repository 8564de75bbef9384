"""Which pool an installation works on, whatever pool a single command is pointed at."""

from pathlib import Path

import pytest

from deployments import addresses
from deployments.databases import ensure_database
from models.settings import settings


def test_a_command_pointed_at_another_pool_leaves_the_installations_pool_where_it_is(
    database: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERPOOL_VAR", str(folder))
    settings.cache_clear()
    addresses.record(database_url="postgresql:///ours")

    ensure_database()

    assert addresses.read()["database_url"] == "postgresql:///ours"
