"""The market's query service as its supplier documents it, called without any connector."""

from typing import Any

import httpx

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP

NUMBER = "YT9693083639795"


def ask(sandbox: Sandbox, path: str, **asked: str) -> httpx.Response:
    entry = sandbox.carrier("aliyun")
    return HTTP.get(entry["endpoint"] + path, params=asked, headers={"authorization": f"APPCODE {entry['appcode']}"})


def answer(sandbox: Sandbox, path: str, **asked: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(sandbox, path, **asked).json()
    return found


def test_without_the_appcode_the_header_says_why_and_the_body_is_empty(sandbox: Sandbox) -> None:
    refused = HTTP.get(sandbox.carrier("aliyun")["endpoint"] + "/kdi", params={"no": NUMBER})

    assert (refused.status_code, refused.content) == (400, b"")
    assert refused.headers["x-ca-error-message"].startswith("Invalid AppCode")


def test_each_refusal_has_its_word(sandbox: Sandbox) -> None:
    said = [
        answer(sandbox, "/kdi", no="x")["status"],
        answer(sandbox, "/kdi", no=NUMBER, type="nobody")["status"],
        answer(sandbox, "/kdi", no="UNKNOWN123")["status"],
        answer(sandbox, "/kdi", no=NUMBER, type="yto")["status"],
    ]

    assert said == ["201", "203", "204", "205"]


def test_carriers_are_listed_and_recognised(sandbox: Sandbox) -> None:
    assert answer(sandbox, "/exCompany", no=NUMBER)["list"] == [{"type": "YTO", "name": "圆通速递"}]
    assert answer(sandbox, "/getExpressList")["result"]["SFEXPRESS"] == "顺丰速运"


def test_the_book_tells_who_was_asked_about_too_soon(sandbox: Sandbox) -> None:
    ask(sandbox, "/kdi", no=NUMBER)
    ask(sandbox, "/kdi", no="YT9693083639796")
    ask(sandbox, "/kdi", no=NUMBER)
    sandbox.do("POST", "/clock", {"advance_s": 1801})
    ask(sandbox, "/kdi", no=NUMBER)

    book = sandbox.do("GET", "/books")["carriers"]["aliyun"]
    assert book == {"queries": {NUMBER: 3, "YT9693083639796": 1}, "too_soon": [NUMBER]}
