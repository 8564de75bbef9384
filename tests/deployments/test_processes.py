import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments import processes
from models.settings import CHECKOUT

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER) as child:
        yield child
        child.kill()


def test_remembered_process_is_recalled(folder: Path, sleeper: subprocess.Popen[bytes]) -> None:
    processes.remember(folder / "record", sleeper.pid)

    found = processes.recall(folder / "record")

    assert found is not None
    assert found.pid == sleeper.pid


def test_stranger_with_a_recycled_pid_is_not_recalled(folder: Path, sleeper: subprocess.Popen[bytes]) -> None:
    record = processes.remember(folder / "record", sleeper.pid)
    (folder / "record").write_text(json.dumps({"pid": record.pid, "started": record.started - 3600}))

    assert processes.recall(folder / "record") is None


def test_zombie_is_not_recalled(folder: Path, sleeper: subprocess.Popen[bytes]) -> None:
    processes.remember(folder / "record", sleeper.pid)
    sleeper.kill()
    time.sleep(0.1)  # dead, and not waited for

    assert processes.recall(folder / "record") is None


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"pid": "x", "started": 1}'])
def test_damaged_record_recalls_nothing(folder: Path, text: str) -> None:
    (folder / "record").write_text(text)

    assert processes.recall(folder / "record") is None


def test_process_deaf_to_terminate_is_killed() -> None:
    with subprocess.Popen(STUBBORN, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        processes.end([psutil.Process(child.pid)], grace_s=0.2)

        assert not psutil.pid_exists(child.pid)


def test_marked_process_is_found_without_its_parent(folder: Path) -> None:
    quiet = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    orphan = f"import subprocess; print(subprocess.Popen({SLEEPER!r}, {quiet}).pid)"
    env = {**os.environ, processes.MARK: str(folder)}
    done = subprocess.run([sys.executable, "-c", orphan], env=env, capture_output=True, text=True, check=True)

    found = list(processes.marked(str(folder)))

    assert [process.pid for process in found] == [int(done.stdout)]
    processes.end(found, grace_s=2)
    assert list(processes.marked(str(folder))) == []


def test_log_past_its_limit_is_set_aside(folder: Path) -> None:
    log = folder / "part.log"
    for text in ("first", "second", "third"):
        log.write_text(text)
        processes.rotate(log, limit_bytes=5, keep=2)

    assert sorted(path.name for path in folder.iterdir()) == ["part.log.1", "part.log.2"]
    assert (folder / "part.log.1").read_text() == "third"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_told_to_end_still_stops_what_it_started(number: signal.Signals) -> None:
    code = (
        "import time\nfrom deployments.processes import end_as_by_ctrl_c\n"
        "end_as_by_ctrl_c()\n"
        "try:\n    print('at work', flush=True); time.sleep(60)\nfinally:\n    print('stopped')\n"
    )
    # like a job in the background
    command = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", code]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    assert process.stdout.readline() == "at work\n"

    process.send_signal(number)
    said, _ = process.communicate(timeout=20)

    assert said == "stopped\n"
