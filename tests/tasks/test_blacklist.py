"""The blacklist keeps digests and masks, names nobody twice, and repeats no value in an error."""

from pathlib import Path

import pytest

from models.errors import SetupError
from models.review import BlacklistKind
from tasks.blacklist import (
    add_buyer_of,
    add_entry,
    end_entry,
    find_entries,
    import_entries,
    list_entries,
    person_of,
)
from tests.fakes import FakePool, why

PHONE = "13800005678"
ADDRESS = "浙江省杭州市西湖区文三路12号3幢502室"


def test_an_entry_is_shown_by_its_mask_and_stored_without_its_value(pool: FakePool) -> None:
    add_entry(person_of(BlacklistKind.PHONE, PHONE), "refuses parcels", why())
    add_entry(person_of(BlacklistKind.ADDRESS, ADDRESS), "chargebacks", why())
    add_buyer_of("WOO", "buyer-4711", "resells", why())

    assert [entry.shown for entry in list_entries()] == [
        "WOO bu***11",
        "浙江省杭州市西湖区文三路***",
        "138****5678",
    ]
    ((row,),) = pool.rows("select string_agg(b::text, ' ') from blacklist b")
    assert not [value for value in (PHONE, "12号", "buyer-4711") if value in row]


def test_somebody_is_listed_once_under_the_first_reason(pool: FakePool) -> None:
    first, _ = add_entry(person_of(BlacklistKind.PHONE, PHONE), "refuses parcels", why())

    assert add_entry(person_of(BlacklistKind.PHONE, "+86 138-0000-5678"), "again", why()) == (first, False)
    assert [entry.reason for entry in list_entries()] == ["refuses parcels"]


def test_an_ended_entry_is_found_and_may_be_made_anew(pool: FakePool) -> None:
    person = person_of(BlacklistKind.PHONE, PHONE)
    first, _ = add_entry(person, "refuses parcels", why())

    assert end_entry(first, why())
    assert not end_entry(first, why())
    assert list_entries() == []
    second, is_new = add_entry(person, "again", why())
    assert is_new
    assert [entry.id for entry in find_entries(person)] == [second, first]


def test_entries_are_looked_for_by_their_words_page_by_page(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.blacklist.PAGE", 2)
    for last in range(3):
        add_entry(person_of(BlacklistKind.PHONE, f"1380000567{last}"), f"reason {last}", why())

    assert [entry.id for entry in list_entries()] == [3, 2]
    assert [entry.id for entry in list_entries(before=2)] == [1]
    assert [entry.id for entry in list_entries(contains="REASON 1")] == [2]


@pytest.mark.parametrize(
    ("kind", "value", "obstacle"),
    [
        (BlacklistKind.PHONE, "138****5678", "masked, or no phone"),
        (BlacklistKind.PHONE, "110", "masked, or no phone"),
        (BlacklistKind.ADDRESS, "Atlantis 12", "names no division"),
        (BlacklistKind.ADDRESS, "浙江省杭州市西湖区", "lacks the street"),
        (BlacklistKind.ADDRESS, "浙江省杭州市西湖区文三路12号***", "masked"),
        (BlacklistKind.BUYER, "b1", "one is missing"),
    ],
)
def test_what_names_nobody_is_refused_without_being_repeated(
    pool: FakePool, kind: BlacklistKind, value: str, obstacle: str
) -> None:
    with pytest.raises(SetupError, match=obstacle) as refused:
        person_of(kind, value)

    assert value not in str(refused.value)


def test_nobody_is_listed_without_a_reason(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="without a reason"):
        add_entry(person_of(BlacklistKind.PHONE, PHONE), " ", why())


def test_a_buyer_of_a_shop_that_there_is_not_is_refused(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="there is no shop NOPE"):
        add_buyer_of("NOPE", "b1", "resells", why())


def test_an_entry_that_there_is_not_cannot_end(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="blacklist entry 7: cannot be ended; there is no such entry"):
        end_entry(7, why())


def written(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("\n".join(("类型,内容,店铺,原因", *rows)), "utf-8")
    return path


def test_a_file_lists_whom_it_names_and_once_more_changes_nothing(pool: FakePool, tmp_path: Path) -> None:
    path = written(tmp_path, f"电话,{PHONE},,refuses parcels", f"地址,{ADDRESS},,chargebacks", "买家,b1,WOO,resells")

    first, second = import_entries(path, why()), import_entries(path, why())

    assert (first.added, second.added, second.same) == (3, 0, 3)


def test_a_bad_row_stops_its_file_and_is_told_without_its_value(pool: FakePool, tmp_path: Path) -> None:
    path = written(tmp_path, f"电话,{PHONE},,x", "phone,138****5678,,x", "buyer,b1,NOPE,x", "fax,1,,x", "phone,,,x")

    with pytest.raises(SetupError) as refused:
        import_entries(path, why())

    told = str(refused.value)
    assert "line 3, value: the phone cannot be listed" in told
    assert "there is no such shop" in told
    assert "neither phone, address nor buyer" in told
    assert "138****" not in told
    assert list_entries() == []
