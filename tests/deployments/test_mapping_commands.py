"""The commands of ops people: check a mapping, compare it, put it to use, read stored payloads again."""

import json
import re
from pathlib import Path

import pytest

from connectors.registry import mapping_for
from models.errors import SetupError
from tests.deployments.calling import run
from tests.fakes import FakePool, payload
from tests.tasks.replaying import read_with, woo_file

WOO = mapping_for("woocommerce")
TITLES = ("title: name", "title: id")
SPAN = ("--since", "2026-11-19", "--until", "2026-11-22 12:30")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "payloads.json"
    path.write_text(json.dumps([payload(1), payload(2, total="many")], ensure_ascii=False), "utf-8")
    return path


def test_check_without_a_sample_tells_where_fields_come_from() -> None:
    said = run("mapping", "check", WOO)

    assert said.startswith("mapping woocommerce version 3, goods: nothing is wrong with the file itself\n")
    assert re.search(r"^  order.order_no +<- number, id$", said, re.MULTILINE)
    assert re.search(r"^  line.state +is open$", said, re.MULTILINE)


def test_check_with_a_sample_tells_each_field_each_fault_and_the_totals(sample: Path) -> None:
    said = run("mapping", "check", WOO, "--sample", sample, "--channel", "woocommerce", code=1)

    assert "payload 1: order 1: ready to ship: yes\n" in said
    assert "payload 2: order 2: cannot be read\n  total_fen: total = 'many' " in said
    assert said.endswith("1 readable, 1 not\n  total_fen: at fault in 1\n")
    assert not any(word in said for word in ("修远", "梧桐", "13900000001"))


def test_check_is_0_when_every_payload_is_readable(tmp_path: Path) -> None:
    (path := tmp_path / "good.json").write_text(json.dumps(payload(1)), "utf-8")

    assert run("mapping", "check", WOO, "--sample", path).endswith("1 readable, 0 not\n")


def test_check_for_machines_holds_the_same(sample: Path) -> None:
    said = json.loads(run("mapping", "check", WOO, "--sample", sample, "--json", code=1))

    assert said["count"] == {"readable": 1, "unreadable": 1, "faults": {"total_fen": 1}}
    cells = {cell["field"]: cell for cell in said["payloads"][0]["cells"]}
    assert (cells["order.total_fen"]["paths"], cells["order.total_fen"]["value"]) == (["total"], "20.00 yuan")


def test_check_of_a_mapping_at_fault_names_the_first_thing_that_is_wrong(tmp_path: Path) -> None:
    path = woo_file(tmp_path, ("total_fen: total", "totl_fen: total"))

    with pytest.raises(SetupError, match=f"mapping {path}: order: does not know totl_fen"):
        run("mapping", "check", path)


def test_diff_tells_what_would_differ(pool: FakePool, tmp_path: Path) -> None:
    pool.take([payload(1), payload(2)])

    said = run("mapping", "diff", "WOO", woo_file(tmp_path, TITLES), "--days", 3, "--limit", 1)

    assert "2 payloads read, 0 of them the same\n" in said
    assert "order 1 (not reviewed)\n  line 1 line.title: TEA -> 10\n" in said
    assert "order 2" not in said
    assert pool.rows("select settings from shop") == [({},)]


def test_diff_for_machines_holds_the_counts(pool: FakePool, tmp_path: Path) -> None:
    pool.take([payload(1)])

    said = json.loads(run("mapping", "diff", "WOO", woo_file(tmp_path, TITLES), "--json"))

    assert (said["read"], said["different"], said["fields"]) == (
        1,
        {"not reviewed": 1},
        {"line.title": {"not reviewed": 1}},
    )


def test_use_shows_the_difference_and_activates(pool: FakePool, tmp_path: Path) -> None:
    pool.take([payload(1)])

    said = run("mapping", "use", "WOO", woo_file(tmp_path, TITLES), "--yes")

    assert "line.title" in said
    assert "shop WOO: read with woocommerce version 3 from its next run on\n" in said
    assert "mapping-0.yaml, since 2026-11-20 13:00 by person:" in run("mapping", "show", "WOO")
    again = run("mapping", "use", "WOO", tmp_path / "mapping-0.yaml", "--yes")
    assert "is read with this very mapping already" in again


def test_use_goes_back_to_the_channels_own(pool: FakePool, tmp_path: Path) -> None:
    run("mapping", "use", "WOO", woo_file(tmp_path, TITLES), "--yes")

    assert "shop WOO: read with woocommerce version 3" in run("mapping", "use", "WOO", "--channel-default", "--yes")
    shown = json.loads(run("mapping", "show", "WOO", "--json"))
    assert [entry["source"] for entry in shown["log"]] == ["", "mapping-0.yaml"]


def test_use_does_nothing_where_nobody_can_confirm(pool: FakePool, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="shop WOO: nobody is there to confirm woocommerce version 3; give --yes"):
        run("mapping", "use", "WOO", woo_file(tmp_path, TITLES))

    assert pool.rows("select settings from shop") == [({},)]


@pytest.mark.parametrize("arguments", [(), (WOO, "--channel-default")])
def test_use_wants_a_file_or_the_channels_own(arguments: tuple[object, ...]) -> None:
    with pytest.raises(SetupError, match="shop WOO: name a mapping file, or give --channel-default"):
        run("mapping", "use", "WOO", *arguments)


def test_replay_prints_its_counts_and_how_to_go_on(pool: FakePool) -> None:
    read_with(pool, ("processing: ready", "processing: unpaid"))
    pool.take([payload(1), payload(2)])
    read_with(pool)

    said = run("replay", "--shop", "WOO", *SPAN)

    assert re.match(r"read +2\nsame +0\nchanged +2\n", said)
    assert said.endswith("2 orders wait under REPLAYED; the same command with --go-on lets them go on.\n")
    assert run("replay", "--shop", "WOO", *SPAN, "--go-on").endswith(
        "2 orders go on with the next resume_orders run.\n"
    )


def test_a_dry_replay_says_that_nothing_was_written(pool: FakePool) -> None:
    pool.take([payload(1)])

    assert run("replay", "--shop", "WOO", *SPAN, "--dry-run").endswith("Nothing was written.\n")


def test_a_replay_for_machines_holds_the_counts(pool: FakePool) -> None:
    pool.take([payload(1)])

    read_with(pool, TITLES)
    said = json.loads(run("replay", "--shop", "WOO", *SPAN, "--json"))

    assert (said["read"], said["same"], said["changed"], said["fields"]) == (1, 0, 1, {"line.title": 1})


def test_times_without_a_zone_are_chinas(pool: FakePool) -> None:
    pool.take([payload(1)])

    said = run("replay", "--shop", "WOO", "--since", "2026-11-20 12:00:00", "--until", "2026-11-20 12:00:01", "--json")

    assert json.loads(said)["read"] == 1


def test_a_replay_that_ends_before_it_begins_is_a_clear_error(pool: FakePool) -> None:
    with pytest.raises(SetupError, match=r"shop WOO: want a replay from .* it ends before it begins"):
        run("replay", "--shop", "WOO", "--since", "2026-11-20", "--until", "2026-11-19")
