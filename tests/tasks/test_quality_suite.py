"""The file of expectations is read strictly: an error names the file, the entry and the wish."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from models.errors import SetupError
from models.hold import HoldCode
from tasks.quality_suite import SUITE_FILE, read_suite

ENTRY = {
    "name": "amount is positive",
    "type": "ExpectColumnValuesToBeBetween",
    "column": "total_fen",
    "arguments": {"min_value": 1},
    "hold": "BAD_AMOUNT",
    "sentence": "the amount is zero",
}
READABLE = {"name": "orders can be read", "feed": True, "sentence": "could not be read"}


def write(folder: Path, *entries: Any, **changes: Any) -> Path:
    path = folder / "suite.yaml"
    content = {"version": 1, "readable": READABLE, "expectations": list(entries)} | changes
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in ENTRY.items() if key not in keys}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (ENTRY | {"level": 1}, "suite.yaml: amount is positive: unknown key level"),
        (without("sentence"), "suite.yaml: amount is positive: lacks sentence"),
        (without("name"), "suite.yaml: entry 1: lacks name"),
        ("text", "suite.yaml: entry 1: is no mapping"),
        (ENTRY | {"type": "ExpectMuch"}, "amount is positive: type ExpectMuch is not known"),
        (ENTRY | {"column": "phone_number"}, "amount is positive: column phone_number is not known"),
        (ENTRY | {"hold": "BAD"}, "amount is positive: hold BAD is not known"),
        (ENTRY | {"sentence": ""}, "amount is positive: sentence must be a text"),
        (without("hold"), "amount is positive: has neither hold nor feed"),
        (ENTRY | {"feed": "often"}, "amount is positive: feed must be true, false, or hold share and rows"),
        (ENTRY | {"feed": {"share": 5}}, "amount is positive: feed: share 5 must be above 0 and at most 1"),
        (ENTRY | {"feed": {"rows": 0}}, "amount is positive: feed: rows 0 must be a whole number from 1 on"),
        (ENTRY | {"channels": ["ebay"]}, "amount is positive: channel ebay is not known"),
        (ENTRY | {"channels": []}, "amount is positive: channels must be a list"),
        (ENTRY | {"window_s": -1}, "amount is positive: window_s must be a number of seconds"),
        (
            ENTRY | {"arguments": {"least": 1}},
            "amount is positive: ExpectColumnValuesToBeBetween has no argument least",
        ),
        (ENTRY | {"arguments": {}}, "amount is positive: ExpectColumnValuesToBeBetween needs max_value or min_value"),
        (ENTRY | {"arguments": {"min_value": "one"}}, "amount is positive: min_value must be a number"),
        (
            ENTRY | {"type": "ExpectColumnValuesToBeInSet", "arguments": {"value_set": "a"}},
            "amount is positive: value_set must be a list",
        ),
        (
            ENTRY | {"type": "ExpectColumnValuesToMatchRegex", "arguments": {"regex": "("}},
            r"amount is positive: regex \( is none",
        ),
        (
            ENTRY | {"type": "ExpectColumnUniqueValueCountToBeBetween"},
            "amount is positive: cannot hold single orders, for ExpectColumnUniqueValueCountToBeBetween",
        ),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: Any, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        read_suite(write(tmp_path, entry))


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="amount is positive: two entries have this name"):
        read_suite(write(tmp_path, ENTRY, ENTRY))


@pytest.mark.parametrize("changes", [{"version": "new"}, {"more": 1}, {"expectations": {}}])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=r"suite\.yaml: wants"):
        read_suite(write(tmp_path, ENTRY, **changes))


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("version: [", encoding="utf-8")

    with pytest.raises(SetupError, match=r"suite\.yaml: is no YAML"):
        read_suite(path)


def test_limits_come_from_the_entry_or_the_settings(tmp_path: Path) -> None:
    own = ENTRY | {"name": "own", "feed": {"share": 0.5}}
    usual = ENTRY | {"name": "usual", "feed": True}

    found = read_suite(write(tmp_path, ENTRY, own, usual)).expectations

    limits = [(limit.rows, limit.share) if limit else None for limit in (one.limit for one in found)]
    assert limits == [None, (20, 0.5), (20, 0.05)]
    assert found[0].hold is HoldCode.BAD_AMOUNT


def test_another_definition_is_another_suite(tmp_path: Path) -> None:
    digest = read_suite(write(tmp_path, ENTRY)).digest

    assert read_suite(write(tmp_path, ENTRY)).digest == digest
    assert read_suite(write(tmp_path, ENTRY | {"sentence": "else"})).digest != digest


def test_the_file_that_comes_with_us_is_right() -> None:
    assert read_suite(SUITE_FILE).expectations
