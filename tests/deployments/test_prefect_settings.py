"""What we set of Prefect is what its server goes by: a setting that is ignored is worse than none."""

from typing import Any

import httpx
import prefect.settings
import pytest

from deployments.prefect_settings import CHOSEN


@pytest.fixture(scope="module")
def server_settings(prefect_server: str) -> dict[str, Any]:
    """The settings of the running server, as it tells them itself."""
    found: dict[str, Any] = httpx.get(f"{prefect_server}/admin/settings", trust_env=False).json()
    return found


def test_prefect_knows_everything_we_set() -> None:
    ours = [name for name in CHOSEN if name.startswith("PREFECT_")]

    assert [name for name in ours if not hasattr(prefect.settings, name)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("server.services.db_vacuum.enabled", ["events", "flow_runs"]),
        ("server.services.db_vacuum.retention_period", 30 * 24 * 3600),
        ("server.events.retention_period", 2 * 24 * 3600),
        ("server.events.expired_bucket_buffer", "PT30M"),
        ("server.services.event_persister.enabled", True),
        ("server.services.late_runs.after_seconds", 120),
        ("server.services.task_run_recorder.batch_size", 200),
        ("server.services.event_persister.batch_size", 200),
        ("server.ui.v2_enabled", False),
        ("server.analytics_enabled", False),
    ],
)
def test_the_server_goes_by_it(server_settings: dict[str, Any], path: str, value: object) -> None:
    found: Any = server_settings
    for name in path.split("."):
        found = found[name]

    assert _plain(found) == value


def _plain(found: Any) -> object:
    """A set as a sorted list, a time span in seconds."""
    if isinstance(found, list):
        return sorted(found)
    days = {"P2D": 2, "P30D": 30}
    if isinstance(found, str) and found in days:
        return days[found] * 24 * 3600
    return 120 if found == "PT2M" else found
