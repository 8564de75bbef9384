"""docs/adding-a-channel.md works as it stands: its files are copied into a checkout, whose tests are run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "adding-a-channel.md"
ROOMS = ("connectors", "models", "sandbox", "tests")
BLOCK = re.compile(r"<!-- (file|lines): (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)
NAMED_BY_THE_DESIGN = {
    "connectors/channels/teahouse.py",
    "connectors/registry.py",
    "connectors/mappings/teahouse.yaml",
    "tests/connectors/test_teahouse_over_http.py",
}


def blocks() -> dict[str, tuple[str, str]]:
    """The page's files: path to (whole file or lines, text)."""
    return {path: (kind, text) for kind, path, text in BLOCK.findall(PAGE.read_text("utf-8"))}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with the rooms that a connector lives in."""
    for room in ROOMS:
        shutil.copytree(CHECKOUT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    # the session's fixtures are about servers, which a connector does not need
    (tmp_path / "tests" / "conftest.py").unlink()
    return tmp_path


def follow(page: dict[str, tuple[str, str]], checkout: Path) -> None:
    for path, (kind, text) in page.items():
        if kind == "file":
            (checkout / path).write_text(text, "utf-8")
        else:
            add_lines(checkout / path, text)


def add_lines(registry: Path, text: str) -> None:
    """Put the page's import among the imports and its entry into the table."""
    imported, entry = text.splitlines()
    last = '        "file": FileChannel,'
    lines = registry.read_text("utf-8").splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("from connectors.") and line > imported)
    lines.insert(lines.index(last) + 1, entry)
    lines.insert(place, imported)
    registry.write_text("\n".join(lines) + "\n", "utf-8")


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=checkout, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_page_names_the_four_files_of_the_design() -> None:
    assert set(blocks()) == NAMED_BY_THE_DESIGN


def test_a_channel_added_as_the_page_says_passes_its_own_and_the_registrys_tests(copy: Path) -> None:
    follow(blocks(), copy)

    tests = run(
        copy, "pytest", "-q", "tests/connectors/test_teahouse_over_http.py", "tests/connectors/test_every_channel.py"
    )
    style = run(copy, "ruff", "check", *NAMED_BY_THE_DESIGN - {"connectors/mappings/teahouse.yaml"})

    assert tests.returncode == 0, tests.stdout
    assert style.returncode == 0, style.stdout


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("READY", "must tell READY"),
        ("RECORDED", "must tell RECORDED"),
    ],
)
def test_a_channel_without_its_tables_fails_in_the_registrys_tests(copy: Path, without: str, said: str) -> None:
    page = blocks()
    kind, text = page["tests/connectors/test_teahouse_over_http.py"]
    follow(
        page | {"tests/connectors/test_teahouse_over_http.py": (kind, text.replace(without, f"OTHER_{without}"))}, copy
    )

    tests = run(copy, "pytest", "-q", "tests/connectors/test_every_channel.py")

    assert tests.returncode != 0
    assert said in tests.stdout


def test_a_predicate_that_no_case_shows_at_work_fails_in_the_registrys_tests(copy: Path) -> None:
    page = blocks()
    kind, text = page["tests/connectors/test_teahouse_over_http.py"]
    shown = next(line for line in text.splitlines(keepends=True) if "a question is open" in line)
    follow(page | {"tests/connectors/test_teahouse_over_http.py": (kind, text.replace(shown, ""))}, copy)

    tests = run(copy, "pytest", "-q", "tests/connectors/test_every_channel.py")

    assert tests.returncode != 0
    assert "no case shows what the predicate is for" in tests.stdout
