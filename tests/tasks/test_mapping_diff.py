"""What a changed mapping would read differently from stored payloads, told before it is put to use."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from connectors.mapping import Mapping, parse_mapping
from connectors.reading_differences import differences
from connectors.registry import own_mapping
from models.errors import SetupError
from tasks.mapping_diff import MappingDiff, diff_mapping
from tests.fakes import NOON, WOO, FakePool, payload
from tests.tasks.replaying import read_with, woo_text
from tests.tasks.test_mapping_trial import EXPORT

SINCE = NOON - timedelta(days=7)


def changed(*changes: tuple[str, str]) -> Mapping:
    return parse_mapping(woo_text(*changes), "changed")


def diff(mapping: Mapping, limit: int = 10) -> MappingDiff:
    return diff_mapping("WOO", mapping, SINCE, limit)


def test_the_present_mapping_differs_in_nothing(pool: FakePool) -> None:
    pool.take([payload(n) for n in range(5)])

    found = diff(changed())

    assert (found.read, found.same, found.is_empty) == (5, 5, True)


def test_fields_are_counted_by_where_their_orders_stand(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.take([payload(2)], run="run-2")
    pool.through_the_stages(to="route")
    pool.take([payload(3)], run="run-3")

    found = diff(changed(("title: name", "title: id")))

    assert dict(found.different) == {"past review": 1, "before dispatch": 1, "not reviewed": 1}
    assert {name: dict(counts) for name, counts in found.fields.items()} == {"line.title": dict(found.different)}
    assert found.examples[0].changes == ("line 1 line.title: TEA -> 10",)


def test_what_becomes_readable_and_what_would_not_be_any_more_is_counted(pool: FakePool) -> None:
    read_with(pool, ("cancelled: cancelled", "called-off: cancelled"))
    pool.take([payload(1), payload(2, status="cancelled"), payload(3, status="weird")])

    found = diff(changed(("processing: ready", "in-process: ready")))

    assert (dict(found.newly_readable), dict(found.newly_unreadable)) == ({"in quarantine": 1}, {"not reviewed": 1})
    assert dict(found.still_unreadable) == {"in quarantine": 1}
    assert dict(found.faults) == {"pay_state": 1}
    assert [example.changes[0] for example in found.examples] == [
        "can no longer be read: pay_state: status = 'processing' is not in the mapping's table",
        "becomes readable",
    ]


def test_of_personal_fields_only_that_they_differ_is_told(pool: FakePool) -> None:
    pool.take([payload(7)])

    found = diff(changed(("phone: [shipping.phone, billing.phone]", "phone: shipping.address_1")))

    assert found.examples[0].changes == ("receiver.phone differs",)


@pytest.mark.parametrize("field", ["platform_status: status", "total_fen: total"])
def test_what_one_mapping_hides_is_not_told_when_the_other_reads_it_openly(pool: FakePool, field: str) -> None:
    pool.take([payload(7)])
    name = field.partition(":")[0]

    found = diff(changed((field, f"{name}: shipping.phone"), ("  - shipping\n", ""), ("[shipping.phone, ", "[")))

    assert found.is_empty is False
    assert "13900000007" not in repr(found)


def test_a_newer_platform_version_is_no_difference(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.take([payload(1, 1, units={"TEA": 9})], run="run-2")

    assert diff(changed()).is_empty


def test_only_the_newest_version_of_an_order_counts(pool: FakePool) -> None:
    pool.take([payload(1, 0, "pending")])
    pool.take([payload(1, 1)], run="run-2")

    found = diff(changed(("pending: unpaid", "pending: blocked")))

    assert (found.read, found.is_empty) == (1, True)


def test_payloads_from_before_are_left_out(pool: FakePool) -> None:
    pool.take([payload(1), payload(2)])
    pool.execute("update orders set stored_at = %s, modified_at = %s where order_no = '1'", *[SINCE - timedelta(1)] * 2)

    assert diff(changed()).read == 1


def test_no_more_examples_are_kept_than_asked_for(pool: FakePool) -> None:
    pool.take([payload(n) for n in range(5)])

    found = diff(changed(("title: name", "title: id")), limit=2)

    assert (len(found.examples), found.different.total()) == (2, 5)


def test_orders_that_would_go_by_another_platform_id_are_counted(pool: FakePool) -> None:
    pool.take([payload(1), payload(2)])

    assert (
        diff(changed(("external_id: id", "external_id: {from: id, table: {'1': W-1}, otherwise: keep}"))).renames == 1
    )


def test_nothing_is_written(pool: FakePool) -> None:
    pool.take([payload(1)])
    dump = "select (select count(*) from mapping_version), (select max(id) from event), (select settings from shop)"
    before = pool.rows(dump)

    diff(changed(("title: name", "title: id")))

    assert pool.rows(dump) == before


def test_an_erased_receiver_does_not_stop_the_other_fields(pool: FakePool) -> None:
    pool.take([payload(1)])
    pool.execute("update receiver set cut_enc = null, erased_at = now()")

    found = diff(changed(("title: name", "title: id")))

    assert dict(found.different) == {"past review": 1}
    assert list(found.fields) == ["line.title"]


@pytest.mark.parametrize(
    ("shop", "text", "obstacle"),
    [("NONE", woo_text(), "shop NONE: there is no such shop"), ("WOO", EXPORT, "cannot read woocommerce")],
)
def test_what_cannot_be_compared_is_a_clear_error(pool: FakePool, shop: str, text: str, obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        diff_mapping(shop, parse_mapping(text, "changed"), SINCE, 10)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab01.-*", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def disturbed(draw: st.DrawFn) -> dict[str, Any]:
    """A web shop's order of which some keys hold anything at all, or are gone."""
    found = payload(draw(st.integers(1, 99)), units=dict.fromkeys(draw(st.sets(st.sampled_from(["A", "B"]))), 1))
    for key in draw(st.lists(st.sampled_from(sorted(found)), max_size=4)):
        found[key] = draw(JSON)
    for key in draw(st.lists(st.sampled_from(sorted(found)), max_size=2)):
        found.pop(key, None)
    return found


@given(order=disturbed())
@settings(max_examples=300, deadline=None)
def test_no_payload_differs_between_a_mapping_and_itself(order: dict[str, Any]) -> None:
    orders, errors = WOO.read_all([order])
    again, errors_again = own_mapping("woocommerce").read_all([order])

    assert [str(error) for _, error in errors] == [str(error) for _, error in errors_again]
    assert all(differences(one, two) == [] for (_, one), (_, two) in zip(orders, again, strict=True))


def test_a_shop_of_files_is_compared_on_what_its_own_mapping_read(pool: FakePool) -> None:
    pool.take([payload(1)])
    own = Jsonb({"mapping": {"source": "export.yaml", "body": EXPORT}})
    pool.execute("update shop set channel = 'file', settings = %s", own)

    found = diff_mapping("WOO", parse_mapping(EXPORT, "changed"), SINCE, 10)

    assert (found.read, found.other_mapping) == (0, 1)
