import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import supervisor
from deployments.parts import PARTS, Part
from deployments.supervisor import Watch
from models.settings import settings


@pytest.fixture(autouse=True)
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ORDERPOOL_VAR", str(folder))
    settings.cache_clear()
    yield folder
    for name in ("brief", "lasting"):
        process = supervisor.running(name)
        if process:
            process.kill()
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(PARTS, "brief", Part("brief", lambda _: ["-c", "raise SystemExit(3)"]))
    return "brief"


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(PARTS, "lasting", Part("lasting", lambda _: ["-c", "import time; time.sleep(60)"]))
    return "lasting"


def until_dead(watch: Watch) -> None:
    assert watch.child is not None
    watch.child.wait(20)


def test_part_that_keeps_dying_waits_twice_as_long_each_time(brief: str) -> None:
    watch = Watch(brief)
    delays = []
    now = 0.0
    for _ in range(8):
        watch.tend(now)
        until_dead(watch)
        watch.tend(now)
        delays.append(watch.not_before - now)
        now = watch.not_before

    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_part_is_not_started_before_its_time(brief: str) -> None:
    watch = Watch(brief)
    watch.tend(0)
    until_dead(watch)
    watch.tend(0)

    watch.tend(0.9)

    assert watch.child is None


def test_part_that_ran_for_a_while_starts_again_soon(brief: str) -> None:
    watch = Watch(brief, delay_s=32)
    watch.tend(0)
    until_dead(watch)

    watch.tend(100)

    assert watch.not_before == 101


def test_death_is_told_with_its_exit_code(brief: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "orderpool.supervisor")
    watch = Watch(brief)
    watch.tend(0)
    until_dead(watch)
    watch.tend(0)

    assert "brief: died" in caplog.messages[-1]


def test_running_part_is_adopted_not_started_again(lasting: str) -> None:
    Watch(lasting).tend(0)
    first = supervisor.running(lasting)

    second = Watch(lasting)
    second.tend(0)

    assert second.child is None
    assert second.process == first


def test_adopted_part_that_dies_is_started_again(lasting: str) -> None:
    Watch(lasting).tend(0)
    first = supervisor.running(lasting)
    assert first is not None
    watch = Watch(lasting)
    watch.tend(0)
    first.kill()
    time.sleep(0.1)

    watch.tend(1)
    watch.tend(3)

    assert watch.process not in {None, first}


def test_part_waits_for_what_it_needs(monkeypatch: pytest.MonkeyPatch, lasting: str) -> None:
    monkeypatch.setitem(PARTS, "absent", Part("absent", lambda _: [], health="/health"))
    monkeypatch.setitem(PARTS, "lasting", Part("lasting", PARTS["lasting"].arguments, needs=("absent",)))
    watch = Watch(lasting)

    watch.tend(0)

    assert watch.child is None


def test_child_knows_its_installation(lasting: str) -> None:
    Watch(lasting).tend(0)
    process = supervisor.running(lasting)
    assert process is not None
    # until it has become the new program it shows its parent's first environment
    until = time.monotonic() + 20
    while "ORDERPOOL_VAR" not in process.environ() and time.monotonic() < until:
        time.sleep(0.01)

    assert process.environ()["ORDERPOOL_VAR"] == supervisor.mark()
