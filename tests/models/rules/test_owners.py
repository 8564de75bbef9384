"""Whose turn it is, and events in words: nothing is left out."""

import re
from pathlib import Path

import pytest

from models.hold import HoldCode
from models.rules.event_words import event_words
from models.rules.owners import Owner, Standstill, owner_of, owner_words, precedence, standstill_words
from models.rules.returns import RefundState, ReplacementKind, ReturnState
from models.shipment import DocumentState, ParcelStage

CHECKOUT = Path(__file__).resolve().parents[3]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("reason", [*HoldCode, *Standstill])
def test_every_reason_has_an_owner(reason: HoldCode | Standstill) -> None:
    assert owner_of(reason) in Owner


def test_every_owner_and_standstill_is_said_in_both_languages() -> None:
    words = [*map(owner_words, Owner), *map(standstill_words, Standstill)]

    assert [pair for pair in words if not pair[0] or not CHINESE.search(pair[1])] == []


def test_a_payment_comes_first_and_a_shortage_last() -> None:
    ranked = sorted([HoldCode.SHORT_STOCK, HoldCode.REMARK, HoldCode.UNPAID, HoldCode.SIBLING], key=precedence)

    assert ranked == [HoldCode.UNPAID, HoldCode.REMARK, HoldCode.SIBLING, HoldCode.SHORT_STOCK]


def written_kinds() -> set[str]:
    """The kinds of events that the code writes by name."""
    texts = [path.read_text() for folder in ("tasks", "web") for path in (CHECKOUT / folder).rglob("*.py")]
    found = {kind for text in texts for kind in re.findall(r'write_events\(conn, [^"{}]*?, "(\w+)", why', text)}
    found |= {kind for text in texts for kind in re.findall(r'\w+_?id, "([a-z_]+)", \{', text)}
    states = {f"document_{state}" for state in DocumentState if state is not DocumentState.CREATED}
    states |= {f"return_{state}" for state in ReturnState} | {f"refund_{state}" for state in RefundState}
    states |= {f"{kind}_made" for kind in ReplacementKind}
    return found | states | {f"parcel_{stage}" for stage in ParcelStage}


def test_every_kind_of_event_is_said_in_both_languages() -> None:
    kinds = written_kinds()

    assert {"resumed", "abandoned", "called_off", "withdrawn"} <= kinds
    assert sorted(kind for kind in kinds if not CHINESE.search(event_words(kind)[1])) == []


def test_a_kind_that_is_not_known_is_its_own_word() -> None:
    assert event_words("made_up") == ("made_up", "made_up")
