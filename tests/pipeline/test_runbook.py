"""The runbook's table is true: every row's fault is caused for real, and the run shows the very text of the row."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from models.alert import AlertRule
from models.rules.alert_sections import SECTIONS
from models.rules.faults import WISHES, Fault
from models.settings import CHECKOUT
from tests.browsing import CHROMIUM, chromium, picture
from tests.pipeline.conftest import connected_world
from tests.pipeline.faulty_runs import SHOPS, FaultyWorld, Shown
from tests.pipeline.orders import NAMES, STREETS
from tests.pipeline.prefect_api import PrefectApi
from tests.shared_pool import emptied, shared_pool

DOCS = CHECKOUT / "docs"
SETTLED_MS = 3_000
DECISIVE = 25
"""Prefect's lists show about so many characters of a message: step and count have to be in them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the runbook's table."""

    fault: str
    anchor: str
    state: str
    message: str
    artifact: str
    columns: list[str]


def rows_of(page: str) -> dict[str, Row]:
    """The rows of a runbook's table of faults by their name."""
    found = {}
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        named = re.fullmatch(r"\[(.+)\]\(#(.+)\)", cells[0])
        if line.startswith("| [") and named:
            key, _, columns = cells[3].partition(": ")
            name, anchor = named.groups()
            found[name] = Row(name, anchor, cells[1], cells[2].strip("`"), key.strip("`"), columns.split(", "))
    return found


ROWS = rows_of("runbook.md")


def says(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, whatever stands for its `<...>`."""
    parts = re.split(r"<[^<>]+>", pattern)
    return re.fullmatch(".*?".join(map(re.escape, parts)), text) is not None


@pytest.fixture(scope="module")
def shown(
    postgres: str,
    prefect_server: str,
    prefect_api: PrefectApi,
    hooks_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Shown]:
    """What Prefect shows of each fault, by its name in the table."""
    folder = tmp_path_factory.mktemp("faulty")
    with (
        shared_pool(postgres, "faulty") as url,
        emptied(url),
        temporary_settings({PREFECT_API_URL: prefect_server}),
        connected_world(folder, hooks_url, more_shops=SHOPS) as world,
    ):
        return FaultyWorld(world, prefect_api, url, folder).cause_all()


def test_every_fault_of_the_table_is_caused(shown: Mapping[str, Shown]) -> None:
    assert shown.keys() == ROWS.keys()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_state_of_the_run_says_what_the_runbook_says(shown: Mapping[str, Shown], row: Row) -> None:
    run = shown[row.fault]

    assert run.type == row.state.upper()
    assert says(row.message, run.message), f"{run.message}\nis not\n{row.message}"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_artifact_has_the_columns_that_the_runbook_names(shown: Mapping[str, Shown], row: Row) -> None:
    (table,) = (of for key, of in shown[row.fault].artifacts.items() if says(row.artifact, key))

    data = json.loads(table["data"])
    assert list(data[0]) == row.columns
    assert "" not in [line.get("why") for line in data]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_artifact_leads_to_the_runbook_and_to_the_batch(shown: Mapping[str, Shown], row: Row) -> None:
    (table,) = (of for key, of in shown[row.fault].artifacts.items() if says(row.artifact, key))

    assert f"/console/runbook#{row.anchor})" in table["description"]
    batch = re.fullmatch(r"(validate|lock-stock|dispatch)-(\d+)", table["key"])
    assert not batch or f"/console/batches/{batch[2]})" in table["description"]


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.state == "Failed"], ids=lambda row: row.fault)
def test_the_first_characters_of_a_failure_name_the_step_and_the_count(shown: Mapping[str, Shown], row: Row) -> None:
    assert re.match(r"[a-z_]+: [\d,]+ ", shown[row.fault].message[:DECISIVE])


def test_nothing_personal_is_in_what_the_failures_show(shown: Mapping[str, Shown]) -> None:
    tables = [json.loads(table["data"]) for run in shown.values() for table in run.artifacts.values()]
    told = json.dumps([[run.message for run in shown.values()], tables], ensure_ascii=False)

    assert re.findall("|".join(["139[0-9]{8}", *NAMES, *STREETS]), told) == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it where it can")
def test_the_ui_shows_what_the_runbooks_pictures_show(shown: Mapping[str, Shown], prefect_server: str) -> None:
    ui = prefect_server.removesuffix("/api")
    (table,) = (of for key, of in shown["disk full"].artifacts.items() if key.startswith("lock-stock-"))
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{ui}/runs/flow-run/{shown['wms down'].run}")
        page.get_by_role("button", name="Retry").first.wait_for(timeout=60_000)
        page.get_by_text("not delivered to WH-S").first.wait_for(timeout=60_000)
        page.wait_for_timeout(SETTLED_MS)  # the steps are drawn on a canvas, which says nothing to wait for
        picture(page, "failure-dispatch")
        page.goto(f"{ui}/runs/flow-run/{shown['feed wrong'].run}?tab=Details")
        page.get_by_text("validate: 25 of 25").first.wait_for(timeout=60_000)
        page.set_viewport_size({"width": 1280, "height": 1020})
        page.wait_for_timeout(SETTLED_MS)
        for more in page.get_by_text("See More").all():
            more.click()
        page.get_by_text("console/runbook#feed-wrong").first.wait_for()
        picture(page, "failure-feed")
        page.set_viewport_size({"width": 1900, "height": 560})
        page.goto(f"{ui}/artifacts/artifact/{table['id']}")
        page.get_by_text("No space left on device").first.wait_for(timeout=60_000)
        picture(page, "failure-table")
        assert page.get_by_role("link", name="runbook: disk-full").count() == 1


@pytest.mark.parametrize("page", ["runbook.md", "runbook.zh.md"])
def test_the_runbook_has_a_section_for_every_fault(page: str) -> None:
    anchors = re.findall(r"^## (\S+)$", (DOCS / page).read_text(), re.MULTILINE)

    assert [fault.value for fault in Fault if fault.value not in anchors] == []
    assert set(WISHES) == set(Fault)


@pytest.mark.parametrize("page", ["runbook.md", "runbook.zh.md"])
def test_every_rule_of_the_alerts_has_a_section(page: str) -> None:
    anchors = re.findall(r"^## (\S+)$", (DOCS / page).read_text(), re.MULTILINE)

    assert set(SECTIONS) == set(AlertRule)
    assert [rule.value for rule, anchor in SECTIONS.items() if anchor not in anchors] == []


def test_both_runbooks_have_the_same_sections_and_rows() -> None:
    english, chinese = ((DOCS / page).read_text() for page in ("runbook.md", "runbook.zh.md"))

    sections = re.compile(r"^## (\S+)$", re.MULTILINE)
    assert sections.findall(english) == sections.findall(chinese)
    assert [(row.anchor, row.message, row.artifact) for row in ROWS.values()] == [
        (row.anchor, row.message, row.artifact) for row in rows_of("runbook.zh.md").values()
    ]
