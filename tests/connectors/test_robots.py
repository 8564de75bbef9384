"""Group robots over real HTTP against the sandbox: their bodies, signatures and refusals."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.base import Unlimited
from connectors.messages import dingtalk, wecom
from connectors.messages.dingtalk import DingtalkRobot, sign, signed_url
from connectors.messages.notice import PAUSE_S, Line, Link, Messenger, Notice
from connectors.messages.wecom import WecomRobot
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)
from sandbox.server import Sandbox
from tests.connectors.conftest import DATA

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
VECTORS = [
    row for row in json.loads((DATA / "vectors_logistics.json").read_text("utf-8")) if row["system"] == "dingtalk_robot"
]
UNDELIVERED = Notice(
    "alert-1",
    "[P1] 仓库指令未送达",
    (Line("出库单 OB20261122000017"), Line("仓库 WH-HZ-01"), Line("已重试 4 次 (35 分钟)")),
    Link("查看", "https://oms.example.com/o/OB20261122000017"),
    "还有 %d 条",
    NOON,
)


class Paused(Unlimited):
    """A budget that remembers how long it was told to pause."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def robot(sandbox: Sandbox, kind: type[Messenger], budget: Paused | None = None, **changes: str) -> Messenger:
    """The robot of the sandbox, with its credentials as they are or changed."""
    code = "wecom" if kind is WecomRobot else "dingtalk"
    credentials = {key: str(value) for key, value in sandbox.robot(code).items()} | changes
    return kind(httpx.Client(trust_env=False), "on-call", credentials, lambda: NOON, budget or Paused())


def taken(sandbox: Sandbox, code: str) -> list[dict[str, Any]]:
    """The bodies that a robot took."""
    return [row["body"] for row in sandbox.do("GET", "/books")["robots"][code]["messages"]]


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.do("POST", "/reset")
    running_sandbox.do("POST", "/clock", {"now": NOON.isoformat()})
    return running_sandbox


BOTH = pytest.mark.parametrize(("kind", "code"), [(WecomRobot, "wecom"), (DingtalkRobot, "dingtalk")])


class TestDingtalkSignature:
    @pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
    def test_it_is_that_of_the_vectors(self, vector: dict[str, Any]) -> None:
        assert sign(vector["request"]["timestamp_ms"], vector["secret"]) == vector["expected_sign"]

    @pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
    def test_it_stands_in_the_address_encoded_once(self, vector: dict[str, Any]) -> None:
        at = datetime.fromtimestamp(int(vector["request"]["timestamp_ms"]) / 1000, UTC)
        plain = f"https://oapi.dingtalk.com/robot/send?access_token={vector['request']['access_token']}"

        assert signed_url(plain, vector["secret"], at) == vector["expected_url"]

    def test_a_wrong_secret_is_denied(self, sandbox: Sandbox) -> None:
        with pytest.raises(ChannelDenied, match="310000 sign not match"):
            robot(sandbox, DingtalkRobot, secret="SECwrong").send(UNDELIVERED)

    def test_the_keyword_is_in_the_message(self, sandbox: Sandbox) -> None:
        robot(sandbox, DingtalkRobot).send(UNDELIVERED)

        assert taken(sandbox, "dingtalk")[0]["markdown"]["title"] == "[P1] 仓库指令未送达 (OrderPool)"

    def test_without_the_keyword_it_is_denied(self, sandbox: Sandbox) -> None:
        with pytest.raises(ChannelDenied, match="keywords not in content"):
            robot(sandbox, DingtalkRobot, keyword="").send(UNDELIVERED)


class TestBodies:
    def test_dingtalk(self, sandbox: Sandbox) -> None:
        sandbox.do("POST", "/robots/dingtalk", {"keyword": "", "secret": ""})

        robot(sandbox, DingtalkRobot).send(UNDELIVERED)

        assert taken(sandbox, "dingtalk") == [
            {
                "msgtype": "markdown",
                "markdown": {
                    "title": "[P1] 仓库指令未送达",
                    "text": "#### [P1] 仓库指令未送达\n- 出库单 OB20261122000017\n- 仓库 WH-HZ-01\n"
                    "- 已重试 4 次 (35 分钟)\n[查看](https://oms.example.com/o/OB20261122000017)",
                },
                "at": {"isAtAll": False},
            }
        ]

    def test_wecom(self, sandbox: Sandbox) -> None:
        line = Line("SKU-RED-01 可用 3，安全库存 20")

        robot(sandbox, WecomRobot).send(Notice("alert-2", "[P2] 库存预警", (line,), None, "还有 %d 条", NOON))

        content = "**[P2] 库存预警**\n> SKU-RED-01 可用 3，安全库存 20"
        assert taken(sandbox, "wecom") == [{"msgtype": "markdown", "markdown": {"content": content}}]

    @pytest.mark.parametrize("body_of", [wecom.body_of, dingtalk.body_of])
    def test_a_line_leads_to_its_pages(self, body_of: Callable[[Notice], dict[str, Any]]) -> None:
        line = Line("x", (Link("运行", "https://p/1"), Link("手册", "https://o/2")))

        assert " x [运行](https://p/1) [手册](https://o/2)" in str(body_of(Notice("k", "t", (line,), None, "%d", NOON)))

    @BOTH
    def test_a_flood_of_chinese_fits(self, sandbox: Sandbox, kind: type[Messenger], code: str) -> None:
        lines = tuple(Line("库存不足" * 40) for _ in range(30))

        robot(sandbox, kind).send(Notice("alert-3", "[P2] 告警", lines, Link("查看", "https://o"), "还有 %d 条", NOON))

        said = taken(sandbox, code)[0]["markdown"]
        text = said.get("content") or said["text"]
        assert len(text.encode()) <= 4000
        assert "还有 22 条\n[查看](https://o)" in text


class TestRefusals:
    @BOTH
    def test_an_error_body_with_http_200_is_an_error(self, sandbox: Sandbox, kind: type[Messenger], code: str) -> None:
        sandbox.do("POST", "/faults", {"target": f"robot:{code}", "kind": "expired_token", "times": 1})

        with pytest.raises(ChannelDenied):
            robot(sandbox, kind).send(UNDELIVERED)

        assert taken(sandbox, code) == []

    @BOTH
    def test_a_limit_pauses_the_robot_for_ten_minutes(self, sandbox: Sandbox, kind: type[Messenger], code: str) -> None:
        sandbox.do("POST", "/faults", {"target": f"robot:{code}", "kind": "rate_limit", "times": 1})
        budget = Paused()

        with pytest.raises(RateLimited) as told:
            robot(sandbox, kind, budget).send(UNDELIVERED)

        assert (told.value.retry_after_s, budget.pauses) == (PAUSE_S, [PAUSE_S])

    @BOTH
    @pytest.mark.parametrize("fault", ["html", "http_503"])
    def test_an_answer_that_is_not_the_robots_is_no_success(
        self, sandbox: Sandbox, kind: type[Messenger], code: str, fault: str
    ) -> None:
        sandbox.do("POST", "/faults", {"target": f"robot:{code}", "kind": fault, "times": 1})

        with pytest.raises(ChannelUnavailable):
            robot(sandbox, kind).send(UNDELIVERED)

    def test_silence_after_sending_is_no_success_and_may_have_arrived(self, sandbox: Sandbox) -> None:
        sandbox.do("POST", "/faults", {"target": "robot:wecom", "kind": "timeout_after", "times": 1, "seconds": 0.1})

        with pytest.raises(OutcomeUnknown):
            robot(sandbox, WecomRobot).send(UNDELIVERED)

        assert len(taken(sandbox, "wecom")) == 1

    @pytest.mark.parametrize(
        "body", ['{"errcode":0}', '{"errcode":1}', '{"errcode":"0"}', '{"errmsg":"ok"}', "[]", "ok", ""]
    )
    def test_only_errcode_0_is_success(self, body: str) -> None:
        client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text=body)))
        made = WecomRobot(client, "on-call", {"webhook_url": "https://q/send?key=k"}, lambda: NOON, Paused())
        if body == '{"errcode":0}':
            made.send(UNDELIVERED)
            return
        with pytest.raises(ChannelUnavailable):
            made.send(UNDELIVERED)

    @BOTH
    def test_no_error_tells_the_address(self, sandbox: Sandbox, kind: type[Messenger], code: str) -> None:
        written = sandbox.robot(code)["webhook_url"]
        secret = written.rpartition("=")[2]
        nowhere = written.replace(sandbox.url, "http://127.0.0.1:9")

        with pytest.raises(ChannelError) as down:
            robot(sandbox, kind, webhook_url=nowhere).send(UNDELIVERED)
        with pytest.raises(ChannelDenied) as denied:
            robot(sandbox, kind, webhook_url=written[:-1] + "-").send(UNDELIVERED)

        assert secret not in str(down.value)
        assert secret[:-1] not in str(denied.value)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "key",
        "http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k&timestamp=1",
        "https://[",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(SetupError, match="webhook_url must be") as told:
        WecomRobot(httpx.Client(), "on-call", {"webhook_url": written}, lambda: NOON, Paused())

    assert "=k" not in str(told.value)
