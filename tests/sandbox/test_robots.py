"""The sandbox's group robots refuse what the platforms refuse."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest

from sandbox import signatures
from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON

TEXT = {"msgtype": "text", "text": {"content": "OrderPool: hello"}}


def told(sandbox: Sandbox, code: str, body: Any = None, more: str = "") -> int:
    """The errcode of the answer, which is always HTTP 200."""
    answer = HTTP.post(sandbox.robot(code)["webhook_url"] + more, json=TEXT if body is None else body)
    assert answer.status_code == 200
    return int(answer.json()["errcode"])


def signed(sandbox: Sandbox, at: float, times_encoded: int = 1) -> str:
    """The time and the signature for a call at this time."""
    stamp = str(round(at * 1000))
    sign = signatures.dingtalk(stamp, sandbox.robot("dingtalk")["secret"])
    for _ in range(times_encoded):
        sign = quote(sign, safe="")
    return f"&timestamp={stamp}&sign={sign}"


@pytest.mark.parametrize(
    ("kind", "size", "code"),
    [("text", 2048, 0), ("text", 2049, 40058), ("markdown", 4096, 0), ("markdown", 4097, 40058)],
)
def test_wecom_counts_bytes(sandbox: Sandbox, kind: str, size: int, code: int) -> None:
    content = "茶" * (size // 3) + "x" * (size % 3)

    assert told(sandbox, "wecom", {"msgtype": kind, kind: {"content": content}}) == code


def test_the_twenty_first_message_of_a_minute_is_refused(sandbox: Sandbox) -> None:
    assert [told(sandbox, "wecom") for _ in range(21)] == [0] * 20 + [45009]

    sandbox.do("POST", "/clock", {"advance_s": 61})
    assert told(sandbox, "wecom") == 0


def test_dingtalk_then_takes_none_for_ten_minutes(sandbox: Sandbox) -> None:
    sandbox.do("POST", "/robots/dingtalk", {"secret": ""})
    assert [told(sandbox, "dingtalk") for _ in range(21)] == [0] * 20 + [130101]

    sandbox.do("POST", "/clock", {"advance_s": 500})
    assert told(sandbox, "dingtalk") == 130101
    sandbox.do("POST", "/clock", {"advance_s": 101})
    assert told(sandbox, "dingtalk") == 0


def test_dingtalk_takes_a_signature_that_is_encoded_once(sandbox: Sandbox) -> None:
    assert told(sandbox, "dingtalk", more=signed(sandbox, NOON.timestamp())) == 0
    assert told(sandbox, "dingtalk", more=signed(sandbox, NOON.timestamp(), times_encoded=2)) == 310000
    assert told(sandbox, "dingtalk") == 310000


def test_a_timestamp_is_good_for_an_hour(sandbox: Sandbox) -> None:
    long_ago = min(NOON.timestamp(), time.time()) - 3700

    assert told(sandbox, "dingtalk", more=signed(sandbox, long_ago)) == 310000


def test_dingtalk_wants_its_keyword(sandbox: Sandbox) -> None:
    other = {"msgtype": "text", "text": {"content": "hello"}}

    assert told(sandbox, "dingtalk", other, signed(sandbox, NOON.timestamp())) == 310000


@pytest.mark.parametrize("body", [[], {}, {"msgtype": "text"}, {"msgtype": "markdown", "markdown": {"text": "x"}}])
def test_a_body_that_is_none_is_refused(sandbox: Sandbox, body: Any) -> None:
    assert told(sandbox, "wecom", body) != 0
    assert told(sandbox, "dingtalk", body, signed(sandbox, NOON.timestamp())) == 40035


def test_what_was_taken_is_in_the_books(sandbox: Sandbox) -> None:
    told(sandbox, "wecom")
    told(sandbox, "dingtalk")

    books = sandbox.do("GET", "/books")["robots"]
    assert [row["body"] for row in books["wecom"]["messages"]] == [TEXT]
    assert books["dingtalk"] == {"messages": [], "refused": 1}
    assert sandbox.do("GET", "/books?summary=1")["robots"]["wecom"] == {"messages": 1, "refused": 0}
