"""Badges and sessions of an own warehouse."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.errors import SetupError
from models.settings import clock
from tasks.floor_people import end_badge, find_session, list_pickers, make_badge, sign_in, sign_out
from tasks.sessions import ADDRESS_TRIES, TooManyTries
from tests.tasks.floor.house import House
from tests.tasks.merged import cause


def test_a_badge_opens_a_session_in_its_warehouse(house: House) -> None:
    badge = make_badge("WH-A", "  李  雷 ", cause())
    token = sign_in(f" {badge.lower()} ", "10.0.0.7")
    assert token is not None
    found = find_session(token, clock().now())
    assert found is not None
    assert (found.name, found.warehouse_code) == ("李 雷", "WH-A")
    sign_out(token)
    assert find_session(token, clock().now()) is None


def test_of_badge_and_session_only_digests_are_kept(house: House) -> None:
    badge = make_badge("WH-A", "李雷", cause())
    token = sign_in(badge, "10.0.0.7")
    with transaction() as conn:
        kept = conn.execute(
            "select (select string_agg(p::text, ' ') from picker p) || (select string_agg(s::text, ' ')"
            " from handheld_session s) || (select string_agg(c::text, ' ') from setup_change c)"
        ).fetchone()
    assert kept is not None
    assert badge not in kept[0]
    assert str(token) not in kept[0]


def test_a_new_badge_ends_the_old_one_and_its_sessions(house: House) -> None:
    old = make_badge("WH-A", "李雷", cause())
    token = sign_in(old, "")
    new = make_badge("WH-A", "李雷", cause())
    assert sign_in(old, "") is None
    assert token is not None
    assert find_session(token, clock().now()) is None
    assert sign_in(new, "") is not None
    assert len(list_pickers()) == 2


def test_who_left_signs_in_no_more(house: House) -> None:
    badge = make_badge("WH-A", "李雷", cause())
    token = sign_in(badge, "")
    end_badge("WH-A", "李雷", cause())
    assert sign_in(badge, "") is None
    assert token is not None
    assert find_session(token, clock().now()) is None
    with pytest.raises(SetupError, match="nobody in WH-A has that name"):
        end_badge("WH-A", "韩梅梅", cause())


@pytest.mark.parametrize("after", [timedelta(hours=4, minutes=1), timedelta(hours=17)])
def test_a_session_ends(house: House, after: timedelta) -> None:
    token = sign_in(make_badge("WH-A", "李雷", cause()), "")
    assert token is not None
    assert find_session(token, clock().now() + after) is None


def test_a_session_that_is_used_lasts_a_shift(house: House) -> None:
    token = sign_in(make_badge("WH-A", "李雷", cause()), "")
    assert token is not None
    begun = clock().now()
    for hours in (3, 6, 9, 12):
        assert find_session(token, begun + timedelta(hours=hours)) is not None


def test_an_address_that_tries_badges_is_not_listened_to(house: House) -> None:
    badge = make_badge("WH-A", "李雷", cause())
    for _ in range(ADDRESS_TRIES):
        assert sign_in("PB-AAAAAAAAAAAAAAAAAAAA", "10.0.0.9") is None
    with pytest.raises(TooManyTries):
        sign_in(badge, "10.0.0.9")
    assert sign_in(badge, "10.0.0.8") is not None


@pytest.mark.parametrize("name", ["", "   ", "a" * 41, "two\x00lines"])
def test_a_name_is_a_name(house: House, name: str) -> None:
    with pytest.raises(SetupError, match="1 to 40 characters"):
        make_badge("WH-A", name, cause())


def test_only_a_warehouse_with_handhelds_has_badges(house: House) -> None:
    with pytest.raises(SetupError, match="WH-B: works with webhook"):
        make_badge("WH-B", "李雷", cause())
    with pytest.raises(SetupError, match="WH-X: is not in the pool"):
        make_badge("WH-X", "李雷", cause())
