"""Two versions of a receiver: what is empty or masked later never hides what is known, and two places never mix."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.incoming import IncomingReceiver
from models.rules.fuller import fuller_notes, fuller_receiver, fuller_values

PLAIN = IncomingReceiver("张伟", "13800005678", "浙江省", "杭州市", "西湖区", "留下街道", "梧桐里弄1号", "o1", False)
BLANK = IncomingReceiver("", "", "", "", "", "", "", "", False)
MASKED = replace(PLAIN, name="张*", phone="138****5678", address="梧桐***", masked=True)


def test_a_blanked_receiver_leaves_all_as_it_was() -> None:
    cipher = replace(MASKED, name_cipher="~n~", phone_cipher="~p~", address_cipher="~a~", merge_key="k")
    assert fuller_receiver(cipher, BLANK) == cipher


def test_a_masked_version_leaves_the_plain_one() -> None:
    assert fuller_receiver(PLAIN, MASKED) == PLAIN


def test_a_plain_version_replaces_the_masked_one() -> None:
    assert fuller_receiver(MASKED, PLAIN) == PLAIN


def test_ciphertexts_are_replaced_one_by_one() -> None:
    known = replace(MASKED, name_cipher="~n1~", phone_cipher="~p1~")
    now = replace(MASKED, name_cipher="", phone_cipher="~p2~", address_cipher="~a2~")
    merged = fuller_receiver(known, now)
    assert (merged.name_cipher, merged.phone_cipher, merged.address_cipher) == ("~n1~", "~p2~", "~a2~")


def test_a_region_is_one_value() -> None:
    now = replace(PLAIN, city="宁波市", district="", town="")
    merged = fuller_receiver(PLAIN, now)
    assert (merged.province, merged.city, merged.district, merged.town) == ("浙江省", "宁波市", "", "")


def test_a_region_that_says_less_of_the_same_place_leaves_the_fuller_one() -> None:
    assert fuller_receiver(PLAIN, replace(PLAIN, district="", town="")) == PLAIN


def test_a_street_never_stays_when_its_region_moves() -> None:
    moved = replace(MASKED, city="宁波市", district="海曙区", address="")
    assert fuller_receiver(PLAIN, moved).address == ""


def test_stars_that_people_type_are_no_masks() -> None:
    now = replace(PLAIN, address="5*301室")
    assert fuller_receiver(PLAIN, now).address == "5*301室"


def test_notes_are_kept_by_who_wrote_them() -> None:
    assert fuller_notes({"buyer": "快点", "seller": "老客"}, {"buyer": "", "seller": "加急"}) == {
        "buyer": "快点",
        "seller": "加急",
    }


def test_cut_values_are_filled_up_key_by_key() -> None:
    known = {"name": "张伟", "phone": "13800005678", "tags": ["a"]}
    now = {"name": "张*", "phone": "", "floor": 3, "tags": []}
    assert fuller_values(known, now, masked=True) == {
        "name": "张伟",
        "phone": "13800005678",
        "tags": ["a"],
        "floor": 3,
    }


TEXTS = st.sampled_from(["", "张*", "张伟", "李四"])
RECEIVERS = st.builds(
    IncomingReceiver,
    name=TEXTS,
    phone=TEXTS,
    province=st.sampled_from(["", "浙江省", "江苏省"]),
    city=st.sampled_from(["", "杭州市"]),
    district=st.sampled_from(["", "西湖区"]),
    town=st.just(""),
    address=TEXTS,
    oaid=st.sampled_from(["", "o1"]),
    masked=st.just(False),
).map(lambda to: replace(to, masked="*" in to.name + to.phone + to.address))


def test_a_receiver_masked_by_its_mappings_word_stays_masked_without_a_star() -> None:
    declared = replace(PLAIN, masked=True)
    assert fuller_receiver(declared, BLANK).masked


@given(known=RECEIVERS, new=RECEIVERS)
def test_the_same_version_again_changes_nothing_more(known: IncomingReceiver, new: IncomingReceiver) -> None:
    once = fuller_receiver(known, new)
    assert fuller_receiver(once, new) == once


@given(known=RECEIVERS, new=RECEIVERS)
def test_nothing_known_of_a_receiver_who_stays_becomes_empty(known: IncomingReceiver, new: IncomingReceiver) -> None:
    merged = fuller_receiver(known, new)
    for part in ("name", "phone", "oaid"):
        assert getattr(merged, part) or not getattr(known, part)
