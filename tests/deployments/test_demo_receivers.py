"""The invented receivers are where their shares say, in places that exist, and always the same."""

from collections import Counter

import pytest

from deployments.demo_receivers import SHARES, province_weights, receiver_for
from models.rules.address import resolve_fields
from models.rules.divisions import OVERSEAS, divisions

SOME = range(400)


def test_the_same_key_gives_the_same_person() -> None:
    assert receiver_for("536365") == receiver_for("536365")
    assert receiver_for("536365") != receiver_for("536366")


def test_the_weights_cover_the_mainland_and_add_up_to_all() -> None:
    provinces = {d.name for d in divisions().values() if d.level == "province" and d.code not in OVERSEAS}

    assert set(province_weights()) == provinces
    assert sum(province_weights().values()) == pytest.approx(100)


def test_the_provinces_that_buy_most_get_their_share() -> None:
    drawn = Counter(receiver_for(f"share {n}").province for n in range(5000))

    for province, percent in SHARES.items():
        assert drawn[province] / 50 == pytest.approx(percent, abs=1.5)


def test_every_address_resolves_to_its_own_district() -> None:
    for n in SOME:
        to = receiver_for(str(n))

        place = resolve_fields(to.province, to.city, to.district, "", to.address)

        assert place is not None, to
        assert (place.province, place.district) == (to.province, to.district)


def test_phones_are_mobile_numbers() -> None:
    phones = {receiver_for(str(n)).phone for n in SOME}

    assert {len(phone) for phone in phones} == {11}
    assert all(phone.isdigit() and phone[0] == "1" and phone[1] in "3456789" for phone in phones)
    assert len(phones) == len(SOME)
