"""Putting a mapping to use: new orders are read with it, stored ones stay, and who did it is known."""

from pathlib import Path

import pytest

from connectors.registry import mapping_for
from models.errors import SetupError
from tasks.mapping_use import Activation, load_for, use_mapping, uses
from tests.fakes import NOON, WOO, FakePool, payload, why
from tests.tasks.replaying import woo_file
from tests.tasks.test_mapping_trial import EXPORT

TITLES = ("title: name", "title: id")


def use(path: Path | None) -> Activation:
    mapping = load_for("WOO", path) if path else None
    return use_mapping("WOO", mapping, path.name if path else "", why())


def titles(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select title from order_line order by order_id")]


def test_new_orders_are_read_with_it_and_stored_ones_stay(pool: FakePool, tmp_path: Path) -> None:
    pool.take([payload(1)])

    assert use(woo_file(tmp_path, TITLES)) == Activation("woocommerce", WOO.version, is_new=True)
    pool.take([payload(2)], run="run-2")

    assert titles(pool) == ["TEA", "20"]


def test_the_channels_own_comes_back(pool: FakePool, tmp_path: Path) -> None:
    use(woo_file(tmp_path, TITLES))

    assert use(None).is_new
    pool.take([payload(1)])

    assert titles(pool) == ["TEA"]


def test_who_changed_it_when_is_kept(pool: FakePool, tmp_path: Path) -> None:
    path = woo_file(tmp_path, TITLES)
    use(path)
    use(None)

    present, log = uses("WOO")

    assert present == log[0]
    assert [(entry.source, entry.by, entry.at) for entry in log] == [("", "test", NOON), (path.name, "test", NOON)]


def test_its_text_is_kept_as_a_version(pool: FakePool, tmp_path: Path) -> None:
    path = woo_file(tmp_path, TITLES)
    use(path)

    assert pool.rows("select name, body from mapping_version") == [("woocommerce", path.read_text("utf-8"))]


def test_the_same_mapping_again_changes_nothing(pool: FakePool, tmp_path: Path) -> None:
    path = woo_file(tmp_path, TITLES)
    use(path)
    before = pool.rows("select settings from shop")

    assert not use(path).is_new
    assert pool.rows("select settings from shop") == before


def test_other_settings_of_the_shop_stay(pool: FakePool, tmp_path: Path) -> None:
    pool.execute('update shop set settings = \'{"capabilities": {"page_size": 10}}\'')

    use(woo_file(tmp_path, TITLES))
    use(None)

    assert pool.rows("select settings->'capabilities' from shop") == [({"page_size": 10},)]


def test_a_shop_that_never_changed_its_mapping_has_its_channels_own(pool: FakePool) -> None:
    present, log = uses("WOO")

    assert present is not None
    assert (present.name, present.source, present.at, log) == ("woocommerce", "", None, [])


def test_a_shop_of_files_may_have_none(pool: FakePool) -> None:
    pool.execute("update shop set channel = 'file'")

    assert uses("WOO") == (None, [])
    with pytest.raises(SetupError, match="channel file: comes without a mapping"):
        use(None)


def test_one_of_another_kind_is_refused(pool: FakePool, tmp_path: Path) -> None:
    (path := tmp_path / "export.yaml").write_text(EXPORT, "utf-8")

    with pytest.raises(SetupError, match="mapping export: cannot read woocommerce: it has a file section"):
        load_for("WOO", path)


def test_one_at_fault_is_refused_naming_file_and_key(pool: FakePool, tmp_path: Path) -> None:
    path = woo_file(tmp_path, ("order_no:", "order_number:"))

    with pytest.raises(SetupError, match=f"mapping {path}: order: does not know order_number"):
        load_for("WOO", path)


def test_a_shop_that_is_not_there_is_a_clear_error(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop NONE: there is no such shop"):
        load_for("NONE", mapping_for("woocommerce"))
