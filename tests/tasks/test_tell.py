"""Alerts reach people: over real HTTP to the sandbox's robots, by the outbox, once."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

import pytest

from models.alert import AlertRule
from models.database import transaction
from models.errors import SetupError
from models.rules.alert_handling import HANDLING
from models.settings import settings
from models.telling import Language, RecipientKind, Severity
from sandbox import mail
from sandbox.mail import MailServer
from sandbox.server import Sandbox
from tasks.alert_messages import stuck_since, write_messages
from tasks.alerts import acknowledge
from tasks.recipients import is_anyone_told, recipients, remove_recipient
from tasks.tell import tell
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, why
from tests.tasks.telling import P2, World, now

WECOM, DINGTALK, EMAIL = RecipientKind.WECOM, RecipientKind.DINGTALK, RecipientKind.EMAIL


@pytest.fixture
def world(pool: FakePool, sandbox: Sandbox, stopped: StoppedClock) -> World:
    return World(pool, sandbox, stopped)


@pytest.fixture(scope="session")
def running_mail() -> Iterator[MailServer]:
    with mail.running() as server:
        yield server


@pytest.fixture
def mailbox(running_mail: MailServer) -> MailServer:
    running_mail.forget()
    return running_mail


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The console and Prefect are known by their addresses."""
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", "https://oms.example")
    monkeypatch.setenv("ORDERPOOL_PREFECT_UI_URL", "https://prefect.example")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def mail_to(server: MailServer) -> dict[str, str]:
    return {
        "endpoint": f"smtp+plain://127.0.0.1:{server.port}",
        "mail_from": "orders@seller.example",
        "mail_to": "on-call@seller.example",
    }


def stuck() -> bool:
    with transaction() as conn:
        return stuck_since(conn) is not None


class TestWhatIsTold:
    def test_p1_at_once_with_its_pages(self, world: World, addresses: None) -> None:
        world.add("on-call", WECOM)
        world.alert("shop:A")

        world.tell()

        assert world.texts("wecom") == [
            "**[P1] 店铺停止抓单**\n"
            "> 店铺停止抓单 (自 11-20 12:00 起): shop:A: no orders were fetched"
            " [告警](https://oms.example/console/alerts#alert-1) [查看](https://oms.example/console/shops/A)"
            " [处理手册](https://oms.example/console/runbook#shop-silent)\n"
            "[查看全部告警 #1](https://oms.example/console/alerts)"
        ]

    def test_a_run_that_told_of_it_is_linked(self, world: World, addresses: None) -> None:
        world.add("on-call", WECOM, language=Language.ENGLISH)
        world.alert("shop:A")
        world.pool.execute("update alert set flow_run_id = '0190-run'")

        world.tell()

        assert "[run](https://prefect.example/runs/flow-run/0190-run)" in world.texts("wecom")[0]

    def test_p2_in_one_digest_after_half_a_minute(self, world: World) -> None:
        world.add("on-call", DINGTALK)
        world.alert("shop:A", "shop:B", rule=P2)

        world.tell()
        world.tell(seconds=20)
        assert world.texts("dingtalk") == []
        world.tell(seconds=10)

        (text,) = world.texts("dingtalk")
        assert text.startswith("#### [P2] OrderPool: 2 条告警")
        assert text.count("\n- ") == 2

    def test_more_than_twenty_are_counted(self, world: World, addresses: None) -> None:
        world.add("on-call", WECOM)
        world.alert(*(f"shop:{no}" for no in range(21)), rule=P2)

        world.tell(seconds=30)

        assert world.texts("wecom") == [
            "**[P2] OrderPool: 21 条告警**\n> [P2] 发现漏单: 新增 21\n[查看全部告警 #1](https://oms.example/console/alerts)"
        ]

    def test_twenty_long_ones_are_cut_at_the_end_of_a_line(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.alert(*(f"shop:{no}" for no in range(20)), rule=P2, sentence="订单缺失" * 60)

        world.tell(seconds=30)

        (text,) = world.texts("wecom")
        assert len(text.encode()) <= 4000
        assert re.search(r"\n> 还有 \d+ 条$", text)

    def test_nothing_personal_is_told(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.alert(
            "shop:A", sentence="张三 called from 13812345678, pickup code 取件码 8-2-3001: https://p/x?token=abc"
        )

        world.tell()

        (text,) = world.texts("wecom")
        for private in ("13812345678", "8-2-3001", "token=abc"):
            assert private not in text

    def test_what_is_over_is_told_once(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.alert("shop:A")
        world.tell()
        world.alert()
        world.tell(minutes=20)
        world.tell(minutes=20)

        assert len(world.texts("wecom")) == 2
        assert "已恢复 11-20 12:00" in world.texts("wecom")[1]

    def test_a_flapping_alert_is_told_with_a_count(self, world: World) -> None:
        world.add("on-call", WECOM)
        for _times in range(4):
            world.alert("shop:A")
            world.tell(seconds=30)
            world.alert()
            world.tell(seconds=30)
        world.tell(minutes=10)

        texts = world.texts("wecom")
        assert len(texts) == 3
        assert "重复 3 次" in texts[2]

    def test_quiet_hours_keep_p2_back_and_not_p1(self, world: World) -> None:
        world.add("on-call", WECOM, quiet=(time(22), time(8)))
        world.pass_time(hours=11)
        world.alert("shop:A", rule=P2)
        world.alert("shop:B")

        world.tell(minutes=1)
        assert ["[P1]" in text for text in world.texts("wecom")] == [True]
        world.tell(hours=9)
        assert ["[P2]" in text for text in world.texts("wecom")] == [False, True]

    def test_it_is_escalated_unless_somebody_acknowledges_it(self, world: World) -> None:
        world.add("boss", DINGTALK, rank=9, severities=[Severity.P3])
        world.add("on-call", WECOM, escalate=(15, "boss"))
        world.alert("shop:A", "shop:B")
        world.tell()
        with transaction() as conn:
            acknowledge(conn, 1, why(at=now()))

        world.tell(minutes=14)
        assert world.texts("dingtalk") == []
        world.tell(minutes=1)

        (text,) = world.texts("dingtalk")
        assert "无人确认" in text
        assert "shop:B" in text
        assert "shop:A" not in text

    def test_with_nobody_to_tell_nothing_is_written(self, world: World) -> None:
        world.alert("shop:A")
        world.tell(hours=1)

        assert world.outbox() == []


class TestWhenARobotFails:
    def test_an_error_body_is_not_delivered_and_tried_again(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.fail("wecom", times=1)
        world.alert("shop:A")

        first = world.tell()
        assert (first.delivered, world.outbox()) == (0, [("recipient:on-call", "pending", 1)])
        second = world.tell(seconds=10)

        assert (second.delivered, world.outbox()) == (1, [("recipient:on-call", "delivered", 2)])
        assert len(world.texts("wecom")) == 1

    def test_after_the_last_attempt_the_next_is_told(self, world: World, mailbox: MailServer) -> None:
        world.add("first", WECOM, rank=1)
        world.add("second", DINGTALK, rank=2)
        world.add("third", EMAIL, rank=3, secrets=mail_to(mailbox))
        world.fail("wecom")
        world.alert("shop:A", rule=P2)

        for _attempt in range(5):
            world.tell(minutes=5)

        assert world.book("wecom")["refused"] == 4
        assert world.outbox() == [("recipient:first", "refused", 4), ("recipient:second", "delivered", 1)]
        assert len(world.texts("dingtalk")) == 1

        world.fail("dingtalk")
        world.alert("shop:A", "shop:B", rule=P2)
        for _attempt in range(10):
            world.tell(minutes=5)
        assert [str(one["Subject"]) for one in mailbox.mails] == ["[P2] 发现漏单"]
        assert not stuck()

    def test_what_is_urgent_is_passed_on_when_a_robot_is_blocked(self, world: World) -> None:
        world.add("first", DINGTALK, rank=1)
        world.add("second", WECOM, rank=2)
        world.fail("dingtalk", "rate_limit")
        world.alert("shop:A")

        world.tell()
        world.tell(minutes=4)
        assert world.texts("wecom") == []
        world.tell(minutes=1)

        assert len(world.texts("wecom")) == 1
        assert world.outbox() == [("recipient:first", "withdrawn", 1), ("recipient:second", "delivered", 1)]
        world.heal()
        world.tell(hours=1)
        assert world.texts("dingtalk") == []

    def test_who_stood_in_hears_that_it_is_over(self, world: World) -> None:
        world.add("first", DINGTALK, rank=1)
        world.add("second", WECOM, rank=2)
        world.fail("dingtalk")
        world.alert("shop:A")
        for _attempt in range(5):
            world.tell(minutes=2)
        world.heal()
        world.alert()
        world.tell()

        assert "已恢复" in world.texts("wecom")[-1]
        assert world.texts("dingtalk") == []

    def test_when_nobody_can_be_told_it_is_seen_and_told_later(self, world: World) -> None:
        world.add("first", WECOM, rank=1)
        world.add("second", DINGTALK, rank=2)
        world.fail("wecom")
        world.fail("dingtalk")
        world.alert("shop:A")
        for _attempt in range(12):
            world.tell(minutes=2)

        assert stuck()
        world.heal()
        world.tell(minutes=10)

        assert not stuck()
        assert len(world.texts("wecom")) + len(world.texts("dingtalk")) == 1
        world.tell(hours=1)
        assert len(world.texts("wecom")) + len(world.texts("dingtalk")) == 1

    def test_what_another_of_the_rank_heard_has_been_heard(self, world: World) -> None:
        world.add("first", WECOM)
        world.add("beside", DINGTALK)
        world.fail("wecom")
        world.alert("shop:A")
        for _attempt in range(12):
            world.tell(minutes=2)

        assert not stuck()
        assert len(world.texts("dingtalk")) == 1
        assert world.outbox() == [("recipient:first", "refused", 4), ("recipient:beside", "delivered", 1)]

    def test_one_that_is_removed_is_stood_in_for(self, world: World) -> None:
        world.add("first", WECOM, rank=1)
        world.add("second", DINGTALK, rank=2)
        world.fail("wecom")
        world.alert("shop:A")
        world.tell()
        with transaction() as conn:
            remove_recipient(conn, "first")

        world.tell(seconds=1)

        assert len(world.texts("dingtalk")) == 1

    def test_two_robots_with_one_address_share_a_pause(self, world: World) -> None:
        world.add("first", WECOM)
        world.add("second", WECOM)
        world.fail("wecom", "rate_limit", times=1)
        world.alert("shop:A")

        outcome = world.tell()

        assert outcome.delivered == 0
        assert "calls are used up" in " ".join(outcome.obstacles.values())
        assert world.book("wecom")["refused"] == 1


class TestOnce:
    def test_two_that_tell_at_once_tell_once(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.alert(*(f"shop:{no}" for no in range(3)), rule=P2)
        world.pass_time(seconds=30)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _no: tell(), range(4)))
        tell()

        assert len(world.texts("wecom")) == 1

    def test_what_was_written_and_not_sent_is_sent_by_the_next(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.alert("shop:A")
        with transaction() as conn:
            write_messages(conn, now())  # and is killed

        world.tell(minutes=1)

        assert len(world.texts("wecom")) == 1

    def test_what_was_being_written_is_written_by_the_next(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.alert("shop:A")
        with transaction() as conn:
            write_messages(conn, now())
            conn.rollback()  # as when it is killed

        assert world.outbox() == []
        world.tell()
        assert len(world.texts("wecom")) == 1

    def test_what_may_have_arrived_is_sent_again_under_its_number(self, world: World, mailbox: MailServer) -> None:
        world.add("on-call", EMAIL, secrets=mail_to(mailbox))
        world.alert("shop:A")
        mailbox.answer("DATA", mail.VANISH)
        world.tell()
        world.tell(minutes=1)

        assert {one["Message-ID"] for one in mailbox.mails} == {"<alert-1@seller.example>"}

    def test_eighteen_a_minute_by_two_workers_together(self, world: World) -> None:
        world.add("on-call", WECOM)
        world.add("others", WECOM)
        world.alert("shop:A")

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _no: tell(), range(2)))

        assert len(world.texts("wecom")) == 2
        (next_at,) = world.pool.rows("select next_at from call_budget")[0]
        # a turn each 3.3 s, whoever takes it
        assert next_at - NOON >= timedelta(seconds=2 * 60 / 18)


class TestRecipients:
    def test_they_are_listed_by_rank(self, world: World) -> None:
        world.add("b", WECOM, rank=2)
        world.add("a", DINGTALK, rank=1, quiet=(time(22), time(8)))

        with transaction() as conn:
            found = recipients(conn)
        assert [(one.name, one.kind, one.quiet) for one in found] == [
            ("a", DINGTALK, (time(22), time(8))),
            ("b", WECOM, None),
        ]

    def test_their_secrets_are_sealed(self, world: World) -> None:
        world.add("on-call", DINGTALK)

        sealed = world.pool.rows("select value_enc from credential where owner_kind = 'recipient'")
        assert len(sealed) == 3
        secret = world.sandbox.robot("dingtalk")["secret"].encode()
        assert all(secret not in bytes(row[0]) for row in sealed)

    def test_one_that_is_removed_is_told_nothing_and_forgotten(self, world: World) -> None:
        world.add("on-call", WECOM)
        with transaction() as conn:
            remove_recipient(conn, "on-call")
        world.alert("shop:A")
        world.tell()

        assert world.texts("wecom") == []
        with transaction() as conn:
            assert not is_anyone_told(conn)
        assert world.pool.rows("select 1 from credential where owner_kind = 'recipient'") == []

    @pytest.mark.parametrize(
        ("wish", "obstacle"),
        [
            ({"name": "a b"}, "a name has"),
            ({"severities": ()}, "takes no severity"),
            ({"escalate": (15, "nobody")}, "which is no other recipient"),
            ({"escalate": (15, "on-call")}, "which is no other recipient"),
            ({"escalate": (0, "on-call")}, "waits 1 to 1440"),
            ({"quiet": (time(8), time(8))}, "end when they begin"),
            ({"secrets": {"webhook_url": "https://x"}}, "whole address"),
            ({"secrets": {"webhook_url": ""}}, "lacks the credential webhook_url"),
        ],
    )
    def test_one_that_cannot_be_right_is_refused(self, world: World, wish: dict[str, object], obstacle: str) -> None:
        with pytest.raises(SetupError, match=obstacle):
            world.add(**({"name": "on-call", "kind": WECOM} | wish))  # type: ignore[arg-type]

    def test_one_that_somebody_escalates_to_stays(self, world: World) -> None:
        world.add("boss", DINGTALK)
        world.add("on-call", WECOM, escalate=(15, "boss"))

        with pytest.raises(SetupError, match="on-call escalates to it"), transaction() as conn:
            remove_recipient(conn, "boss")


class TestAcknowledging:
    def test_it_is_noted_once_with_who(self, world: World) -> None:
        world.alert("shop:A")
        with transaction() as conn:
            assert acknowledge(conn, 1, why(at=now()))
            assert not acknowledge(conn, 1, why(at=now()))

        assert world.pool.rows("select acknowledged_at, acknowledged_by from alert") == [(NOON, "test")]

    def test_one_that_is_not_there_or_over_is_refused(self, world: World) -> None:
        world.alert("shop:A")
        world.alert()

        for number, obstacle in ((1, "is over"), (9, "there is no such alert")):
            with pytest.raises(SetupError, match=obstacle), transaction() as conn:
                acknowledge(conn, number, why(at=now()))


def test_every_rule_can_be_told(world: World, addresses: None) -> None:
    world.add("on-call", WECOM)
    for severity in Severity:
        for rule in AlertRule:
            if HANDLING[rule].severity is severity:
                world.alert("x:1", rule=rule)
        world.tell(hours=30)

    assert sum(text.count("\n> ") for text in world.texts("wecom")) == len(AlertRule)
