"""`orderpool alerts`: who is told, who sees to it, and a test of the way."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from deployments.pool_report import in_lines, pool_report
from models.alert import AlertRule
from models.database import transaction
from models.errors import SetupError
from models.settings import clock
from sandbox.server import Sandbox
from tasks.alert_messages import write_messages
from tasks.alerts import raise_alerts
from tests.deployments.calling import answer, run
from tests.fakes import NOON, FakePool


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    running_sandbox.do("POST", "/reset")
    running_sandbox.do("POST", "/clock", {"now": (NOON + timedelta(hours=1)).isoformat()})
    yield running_sandbox
    running_sandbox.do("POST", "/reset")


def add(sandbox: Sandbox, name: str, kind: str = "wecom", *more: object) -> str:
    robot = sandbox.robot(kind)
    secrets = [f"--credential={key}={robot[key]}" for key in ("webhook_url", "secret", "keyword") if robot[key]]
    return run("alerts", "to", "add", name, "--kind", kind, *secrets, *more)


def silent() -> None:
    with transaction() as conn:
        raise_alerts(conn, AlertRule.INGEST_SILENT, lambda *_: {"shop:A": "shop A: silent"}, clock().now())


def test_recipients_are_added_listed_and_removed(pool: FakePool, sandbox: Sandbox) -> None:
    assert "nobody is told" in run("alerts", "to", "list")
    assert "recipient boss: added" in add(sandbox, "boss", "dingtalk", "--severity", "P1", "--rank", 2)
    calls = ("--escalate-after", 15, "--escalate-to", "boss")
    assert "recipient on-call: added" in add(sandbox, "on-call", "wecom", "--quiet", "22:00-08:00", *calls)
    assert "recipient on-call: changed" in add(sandbox, "on-call", "wecom", "--quiet", "22:00-08:00", *calls)

    assert run("alerts", "to", "list").splitlines() == [
        "  1  on-call          wecom     P1 P2 P3 zh-CN, quiet 22:00-08:00, after 15 min boss",
        "  2  boss             dingtalk  P1 zh-CN",
    ]
    assert json.loads(run("alerts", "to", "list", "--json"))[1]["name"] == "boss"
    with pytest.raises(SetupError, match="on-call escalates to it"):
        run("alerts", "to", "remove", "boss")
    assert "on-call: is told nothing more" in run("alerts", "to", "remove", "on-call")
    assert "boss: is told nothing more" in run("alerts", "to", "remove", "boss")


@pytest.mark.parametrize("quiet", ["22:00", "22-8-9", "25:00-08:00", "x-y"])
def test_quiet_hours_that_are_none_are_refused(pool: FakePool, sandbox: Sandbox, quiet: str) -> None:
    with pytest.raises(SetupError, match="want HH:MM-HH:MM"):
        add(sandbox, "on-call", "wecom", "--quiet", quiet)


def test_credentials_that_lack_are_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="wecom recipient on-call needs webhook_url"):
        run("alerts", "to", "add", "on-call", "--kind", "wecom")


def test_a_test_message_arrives_or_the_obstacle_is_told(pool: FakePool, sandbox: Sandbox) -> None:
    add(sandbox, "on-call", "dingtalk")

    assert "took the message" in run("alerts", "to", "test", "on-call")
    (taken,) = sandbox.do("GET", "/books")["robots"]["dingtalk"]["messages"]
    assert "测试消息" in taken["body"]["markdown"]["text"]

    sandbox.do("POST", "/faults", {"target": "robot:dingtalk", "kind": "expired_token", "times": 1})
    code, said = answer("alerts", "to", "test", "on-call")
    assert code == 1
    assert "was not told: on-call: tell: errcode 310000 sign not match" in said
    assert answer("alerts", "to", "test", "nobody")[0] == 1


def test_an_alert_is_acknowledged(pool: FakePool) -> None:
    silent()

    assert "alert 1: you see to it" in run("alerts", "ack", 1)
    assert "alert 1: somebody sees to it already" in run("alerts", "ack", 1)
    assert "(seen to by " in run("alerts")
    assert json.loads(run("alerts", "--json"))[0]["acknowledged_by"].startswith("person:")


def test_status_says_when_alerts_reach_nobody(pool: FakePool, sandbox: Sandbox) -> None:
    add(sandbox, "on-call")
    silent()
    with transaction() as conn:
        write_messages(conn, clock().now())
    assert "ALERTS REACH NOBODY" not in "\n".join(in_lines(pool_report()))

    pool.execute("update outbox set state = 'refused'")
    with transaction() as conn:
        write_messages(conn, clock().now())

    assert "ALERTS REACH NOBODY since" in "\n".join(in_lines(pool_report()))
