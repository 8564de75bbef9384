"""The limits that come with OrderPool are whole, and a file of an installation's own is told what is wrong with it."""

from datetime import timedelta

import pytest

from models.errors import SetupError
from models.intercept import InterceptState
from models.order import STEPS, Stage
from models.rules.limits import Limit, parse_limits, with_own
from models.rules.returns import OPEN, UNDECIDED
from models.shipment import ENDED, DocumentState
from tasks.limits import shipped_limits

ENDS = {InterceptState.DONE, InterceptState.MISSED}


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("document", set(DocumentState) - ENDED),
        ("order", {*STEPS} - {Stage.DISPATCHED, Stage.CANCELLED} | {"released", "room"}),
        ("refund", UNDECIDED),
        ("return", OPEN),
        ("intercept", set(InterceptState) - ENDS),
    ],
)
def test_every_state_that_is_no_end_has_a_limit_and_a_reason(kind: str, states: set[str]) -> None:
    limits = shipped_limits().limits[kind]

    assert set(limits) == {str(state) for state in states}
    assert all(limit.why and limit.after > timedelta(0) for limit in limits.values())


def test_what_an_installation_says_goes_before_and_the_rest_stays() -> None:
    own = with_own(
        shipped_limits(),
        {
            "watched": "30d",
            "groups": {"usual": "10"},
            "limits": {"document": {"picked": {"after": "90m", "why": "we pack at once"}}},
        },
        "own.yaml",
    )

    assert (own.watched, own.groups) == (timedelta(days=30), {"usual": 10, "skus": 20})
    assert own.limits["document"]["picked"] == Limit(timedelta(minutes=90), "we pack at once")
    assert own.limits["document"]["packed"] == shipped_limits().limits["document"]["packed"]
    assert own.limits["refund"] == shipped_limits().limits["refund"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], "want `watched:`, `groups:` and `limits:`"),
        ({"limit": {}}, "limit: there is no such word; there are watched, groups and limits"),
        ({"watched": "2 weeks"}, "watched: want a time such as 35m, 6h or 3d, at most 3650d, not '2 weeks'"),
        ({"watched": "9999d"}, "watched: want a time such as"),
        ({"groups": {"usual": "0"}}, "groups usual: want a whole number from 1 to 1000, not '0'"),
        ({"groups": {"skuz": "5"}}, "groups skuz: there is none; there are usual, skus"),
        ({"groups": "5"}, "groups: want names with what holds for each"),
        ({"limits": {"parcel": {}}}, "limits parcel: there is none; there are document, order,"),
        ({"limits": {"document": {"lost": {}}}}, "document lost: there is none; there are created,"),
        ({"limits": {"document": {"picked": "4h"}}}, "document picked: want `after` and `why`"),
        ({"limits": {"document": {"picked": {"after": "0h", "why": "x"}}}}, "document picked: want a time such as"),
        ({"limits": {"document": {"picked": {"after": "4h", "why": " "}}}}, "document picked: `why` is empty"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(body: object, fault: str) -> None:
    with pytest.raises(SetupError) as raised:
        with_own(shipped_limits(), body, "own.yaml")

    assert str(raised.value).startswith("limits own.yaml: ")
    assert fault in str(raised.value)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(SetupError, match=r"^limits x: watched: .*; groups usual: .*"):
        parse_limits({"watched": "soon", "groups": {"usual": "many"}}, "x")
