"""PostgreSQL's disk runs full under load: nothing that was acknowledged is lost, and all goes on once there is room."""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.accounts import problems
from tests.chaos.draining import Drain
from tests.chaos.load import Load
from tests.chaos.report import SURVIVED, Report
from tests.chaos.site import running_site
from tests.chaos.strikes import fill_up

SIZE = "400m"
KIND = "PostgreSQL's disk full"
PATIENCE_S = 300


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A disk of its own, SIZE big, in the place of a folder; skips the test where mounting is not allowed."""
    place.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("a small disk cannot be mounted here: that needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.long
def test_a_full_disk_loses_and_doubles_nothing(report: Report, seed: int) -> None:
    draw = random.Random(f"{seed} disk")
    with tempfile.TemporaryDirectory(prefix="op-chaos-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "postgres"
        with small_disk(data), running_site(Path(folder)) as site:
            load = Load(site, draw)
            try:
                for number in (1, 2):
                    load.start()
                    time.sleep(draw.uniform(3, 5))
                    fault = report.add(KIND, "", 0)
                    ballast = fill_up(data)
                    full_s = draw.uniform(4, 8)
                    time.sleep(full_s)
                    ballast.unlink()
                    fault.what = f"for {full_s:.1f} s, time {number}"
                    load.pause()
                    Drain(site, PATIENCE_S).run()
                    found = problems(site)
                    fault.verdict = "FAILED" if found else SURVIVED
                    assert found == []
            finally:
                load.end()
            report.orders += load.made
