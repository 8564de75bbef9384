"""What every channel of the registry must have; a new one without it fails here."""

import copy
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest

from connectors.base import Capabilities, Channel, Push, RepeatClass
from connectors.carriers.codes import carrier_codes
from connectors.mapping import load_mapping
from connectors.registry import CHANNELS, mapping_for, own_mapping
from models.errors import SetupError
from models.incoming import PayState

ASKED = [name for name, kind in CHANNELS.items() if kind.capabilities.pulls]
SAME = {"tmall": "taobao"}
USUAL_CARRIERS = ("shunfeng", "zhongtong", "yuantong", "yunda", "shentong", "ems", "jd")


def told(channel: str, what: str) -> list[dict[str, Any]]:
    """RECORDED or READY of the channel's own test module; a channel without it fails."""
    name = f"test_{SAME.get(channel, channel)}_over_http"
    try:
        found: list[dict[str, Any]] | None = getattr(import_module(f"tests.connectors.{name}"), what, None)
    except ModuleNotFoundError:
        found = None
    assert found, f"{channel}: tests/connectors/{name}.py must tell {what}; docs/adding-a-channel.md says how"
    return found


TABLE = [
    pytest.param(channel, case, id=f"{channel}: {case['name']}") for channel in ASKED for case in told(channel, "READY")
]


def changed(channel: str, change: dict[str, Any]) -> dict[str, Any]:
    """The channel's first recorded order with values at dotted paths replaced."""
    payload = copy.deepcopy(told(channel, "RECORDED")[0])
    for path, value in change.items():
        *way, last = path.split(".")
        place: Any = payload
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    return payload


@pytest.mark.parametrize(("channel", "case"), TABLE)
def test_what_is_ready_to_ship(channel: str, case: dict[str, Any]) -> None:
    order = own_mapping(channel).read(changed(channel, case["change"]))

    assert order.pay_state == PayState(case["is"])
    if order.pay_state in (PayState.READY, PayState.SHIPPED, PayState.FINISHED):
        assert order.not_ready == ""


@pytest.mark.parametrize("channel", ASKED)
def test_the_predicate_decides_more_than_the_status(channel: str) -> None:
    by_status = load_mapping(mapping_for(channel))
    cases = told(channel, "READY")
    stopped = [
        case["name"]
        for case in cases
        if case["is"] != "ready" and by_status.read(changed(channel, case["change"])).pay_state is PayState.READY
    ]

    assert stopped, "no case shows what the predicate is for"
    assert any(case["is"] == "ready" for case in cases)


@pytest.mark.parametrize("channel", ASKED)
@pytest.mark.parametrize("payload", [{}, {"status": None}, {"orders": "?"}, {"sku_order_list": [None, 3]}])
def test_the_predicate_bears_any_payload(channel: str, payload: dict[str, Any]) -> None:
    found = CHANNELS[channel].ready_to_ship(payload)

    assert found is None or (found.state is not PayState.READY and found.reason)


@pytest.mark.parametrize("channel", ASKED)
def test_the_matrix_says_everything_and_nothing_impossible(channel: str) -> None:
    can = CHANNELS[channel].capabilities

    assert [field.name for field in fields(can)] == [field.name for field in fields(Capabilities)]
    assert can.page_size > 0
    assert can.calls_per_s > 0
    assert can.lag > timedelta(0), "an order could be listed only after its window was read"
    assert can.overlap > timedelta(0), "nothing would catch what one reading missed"
    assert can.window is None or can.window > can.overlap
    assert can.deepest_row is None or can.deepest_row >= can.page_size
    assert can.masked_fields <= {"name", "phone", "address"}
    assert can.reships >= 0
    assert can.stock_batch > 0
    assert can.stock_modes
    assert can.parcels_per_order is None or can.parcels_per_order > 0
    assert CHANNELS[channel].ship_back_class in RepeatClass


@pytest.mark.parametrize("channel", ASKED)
def test_its_mapping_reads_its_recorded_orders(channel: str) -> None:
    mapping = own_mapping(channel)
    orders, faults = mapping.read_all(told(channel, "RECORDED"))

    assert [str(problem) for _, problem in faults] == []
    for _, order in orders:
        assert sum(line.paid_fen for line in order.lines) + order.freight_fen == order.total_fen
        assert all(line.line_no for line in order.lines)
        assert order.modified_at.tzinfo is not None


@pytest.mark.parametrize("channel", ASKED)
def test_its_mapping_knows_the_usual_carriers_by_our_codes(channel: str) -> None:
    carriers = own_mapping(channel).carriers

    assert set(USUAL_CARRIERS) <= set(carriers)
    assert set(carriers) <= set(carrier_codes())


@pytest.mark.parametrize("channel", ASKED)
def test_it_refuses_to_be_made_without_what_it_needs(channel: str) -> None:
    kind: type[Channel] = CHANNELS[channel]
    whole = {"endpoint": "https://shop.example.com", **dict.fromkeys(kind.needs, "x")}
    with httpx.Client() as client:
        kind(client, "s", whole, own_mapping(channel), lambda: datetime.now(UTC))
        for name in kind.needs:
            with pytest.raises(SetupError, match=name):
                kind(client, "s", {**whole, name: ""}, own_mapping(channel), lambda: datetime.now(UTC))


@pytest.mark.parametrize("channel", ASKED)
def test_a_token_that_ends_can_be_authorised_again(channel: str) -> None:
    kind = CHANNELS[channel]

    assert (kind.authoriser is None) == (kind.token == "")
    assert not kind.token or kind.token in kind.needs


@pytest.mark.parametrize("channel", ASKED)
def test_pushed_notices_can_be_read_where_there_are_any(channel: str) -> None:
    kind = CHANNELS[channel]

    assert hasattr(kind, "read_notices") == (kind.capabilities.push is Push.HTTP)


def test_channel_names_are_words_for_commands_and_addresses() -> None:
    assert [name for name in CHANNELS if not re.fullmatch(r"[a-z][a-z0-9-]{1,30}", name)] == []
