import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "deployments.cli"]


def orderpool(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ORDERPOOL_VAR": str(var)}
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("heavy", ["prefect", "pandas", "great_expectations", "sqlalchemy"])
def test_help_imports_nothing_heavy(folder: Path, heavy: str) -> None:
    check = f"import sys; from deployments import commands; commands.load(); sys.exit({heavy!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], timeout=60, check=False).returncode == 0


def test_error_is_one_sentence(folder: Path) -> None:
    done = orderpool(folder, "up", "--only", "postgres,teapot")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("orderpool: teapot is no part of OrderPool; the parts are postgres, ")
    assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback(folder: Path) -> None:
    done = orderpool(folder, "--debug", "up", "--only", "teapot")

    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_prefect_before_up_says_what_to_do(folder: Path) -> None:
    done = orderpool(folder, "prefect", "work-pool", "ls")

    assert done.returncode == 1
    assert "`orderpool up`" in done.stderr


def test_unknown_command_is_a_usage_error(folder: Path) -> None:
    assert orderpool(folder, "brew").returncode == 2


def test_down_with_nothing_running_is_fine(folder: Path) -> None:
    assert orderpool(folder, "down").returncode == 0
