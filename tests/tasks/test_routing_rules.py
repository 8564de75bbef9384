"""Routing rules come in versions: read strictly, put in force by a person, shown with those before."""

from pathlib import Path

import pytest

from models.database import transaction
from models.errors import SetupError
from models.rules.routing_rules import RoutingRules
from tasks.routing_rules import current_rules, read_routing_file, rules_in, use_rules, versions
from tests.fakes import NOON, FakePool, why


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "routing.yaml"
    path.write_text(text)
    return path


def read(tmp_path: Path, text: str) -> RoutingRules | None:
    path = written(tmp_path, text)
    return rules_in(path, read_routing_file(path))


def test_without_any_version_the_shipped_rules_are_in_force(pool: FakePool) -> None:
    with transaction() as conn:
        assert current_rules(conn) == RoutingRules()


def test_a_version_that_is_put_in_force_counts_from_then_on(pool: FakePool, tmp_path: Path) -> None:
    rules = read(tmp_path, "rules:\n  least_part_fen: 5000\n  fen_per_km: 0.8\n  anywhere: false\n")
    assert rules is not None

    assert use_rules(rules, "small parts cost too much", why())[0].version == 1

    with transaction() as conn:
        now = current_rules(conn)
    assert (now.version, now.least_part_fen, now.fen_per_km, now.anywhere) == (1, 5000, 0.8, False)
    assert now.split == RoutingRules().split
    first, second = versions()
    assert (first.note, first.made_at, first.made_by) == ("small parts cost too much", NOON, "test")
    assert second.rules == RoutingRules()


def test_the_same_rules_make_no_new_version(pool: FakePool) -> None:
    use_rules(RoutingRules(split=False), "", why())

    assert use_rules(RoutingRules(split=False), "", why())[1] is False
    assert pool.rows("select version from routing_rules") == [(1,)]


def test_orders_that_nobody_could_serve_are_tried_again_under_new_rules(pool: FakePool) -> None:
    pool.execute(
        """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
           values (1, 'SHORT_ROUTE', '', '{}', 1, %s, false)""",
        NOON,
    )

    use_rules(RoutingRules(split=False), "", why())

    assert pool.rows("select release_at from hold") == [(NOON,)]


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        ("rules:\n  splits: true\n", "splits is not a setting"),
        ("rules:\n  split: maybe\n", "split is 'maybe'; it has to be true or false"),
        ("rules:\n  max_parcels: 0\n", "max_parcels is 0; it has to be from 1 to 50"),
        ("rules:\n  max_parcels: 2\n  max_parcels: 3\n", "line 3: max_parcels appears twice"),
        ("rules: [1]\n", "want one line per setting"),
        ("rule: {}\n", "rule: is no section; there are rules, areas, rates, warehouses"),
        ("- 1\n", "wants the sections"),
        ("rules: {\n", "is no YAML"),
        ("rules:\n  [a]: 1\n", "line 2: a name has to be plain text"),
        ('rules:\n  split: "["\n', "split is '['; it has to be a number, or true or false"),
        ("rules:\n  split: 2026-13-01\n", "split is '2026-13-01'; it has to be a number, or true or false"),
        ("rules:\n  fen_per_km: .nan\n", "fen_per_km is nan; it has to be from 0 to"),
        ("rules:\n  fen_per_km: .inf\n", "fen_per_km is inf; it has to be from 0 to"),
        ("rules:\n  retry_minutes: 9999999999\n", "retry_minutes is 9999999999; it has to be from 1 to"),
        ("rules:\n  horizon_days: 99\n  exact_up_to: 40\n", "from 0 to 60; exact_up_to is 40; it has to be from 1 to"),
    ],
)
def test_what_a_file_says_wrongly_is_named(tmp_path: Path, text: str, obstacle: str) -> None:
    with pytest.raises(SetupError) as refused:
        read(tmp_path, text)

    assert obstacle in str(refused.value)
    assert "routing.yaml" in str(refused.value)


def test_a_file_without_rules_says_none(tmp_path: Path) -> None:
    assert read(tmp_path, "areas: areas.csv\n") is None
