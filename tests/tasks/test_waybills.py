"""E-waybills of an own warehouse: one per package whatever gets lost, given back once, and nobody's data on the way."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from connectors.carriers import kuaidi100_label_order
from connectors.carriers.kuaidi100_waybills import Kuaidi100Waybills
from models.database import transaction
from models.errors import SetupError
from models.messages import OutboxKind
from models.sealing import seal
from models.settings import clock
from sandbox.server import Sandbox
from tasks.confirm import apply_confirmations
from tasks.outbox import Pending, deliver, deliver_due
from tasks.reconcile import reconcile
from tasks.send import ABOUT_ORDERS, send
from tasks.setup import add_carrier
from tasks.waybill_accounts import drop_account, list_accounts, set_account
from tasks.waybill_calls import waybill_calls
from tasks.waybills import owner_of, want_another, waybill_of
from tests.clocks import StoppedClock
from tests.fakes import FakePool, payload, why
from tests.tasks.shipping import report

LANE = "carrier:kuaidi100/WH-A"
KINDS = (OutboxKind.WAYBILL, OutboxKind.WAYBILL_CANCEL)
RECEIVER = ("欧阳", "修远", "梧桐里弄", "13900000001")
ACCOUNT = {"partner_id": "K21000119", "partner_key": "s3cr3t-of-the-branch"}


class Desk:
    """An own warehouse with an account for e-waybills, and the sandbox that makes them."""

    def __init__(self, pool: FakePool, sandbox: Sandbox) -> None:
        self.pool = pool
        self.sandbox = sandbox
        pool.execute("update warehouse set wms = 'handheld', sender_name = '甲仓', sender_phone = '0571-88880000'")
        given = sandbox.carrier()
        add_carrier("kuaidi100", {k: given[k] for k in ("endpoint", "label_endpoint", "key", "customer", "secret")})
        set_account("WH-A", "yuantong", ACCOUNT, why())
        pool.stock(TEA=10, CUP=10)
        pool.take([payload(1, units={"TEA": 2})])
        pool.through_the_stages()
        ((self.document_id, self.no),) = pool.rows("select id, no from outbound_document")

    def told(self, kind: str, **data: Any) -> str:
        """Let the warehouse say something of its document; why that was ignored."""
        with transaction() as conn:
            said = {"type": kind, "data": {"outbound_no": self.no, **data}}
            return apply_confirmations(conn, [(1, "WH-A", said)], why(at=clock().now()))[1].ignored

    def send(self, *, forced: bool = False) -> str:
        """Send what waits for the service; gives what stood in the way."""
        outcome = deliver(LANE, send, KINDS, why(), forced=forced)
        return outcome.obstacles.get(LANE, "")

    def break_off(self, **fault: Any) -> None:
        """Let the next call go wrong."""
        self.sandbox.do("POST", "/faults", {"target": "carrier:kuaidi100", "times": 1, **fault})

    def made(self) -> list[dict[str, Any]]:
        """Every waybill that the service made."""
        found: list[dict[str, Any]] = self.sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["labels"]
        return found

    def asked(self) -> int:
        """How often a waybill was asked for."""
        calls = self.sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["label_calls"]
        return sum(calls.values())

    def waybills(self) -> list[tuple[Any, ...]]:
        """Every e-waybill's package, number and state."""
        return self.pool.rows("select package_no, number, state from waybill order by id")

    def messages(self) -> list[tuple[Any, ...]]:
        """Kind, state and doubt of every message about e-waybills."""
        return self.pool.rows("select kind, state, in_doubt from outbox where counterpart = %s order by id", LANE)

    def events(self, *names: str) -> list[str]:
        """What happened to the order, of these names."""
        rows = self.pool.rows("select what from event where what = any(%s) order by id", list(names))
        return [row[0] for row in rows]


@pytest.fixture
def desk(pool: FakePool, sandbox: Sandbox) -> Desk:
    return Desk(pool, sandbox)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kuaidi100_label_order, "TIMEOUT_S", 0.3)


@pytest.fixture
def service_clock(desk: Desk, stopped: StoppedClock) -> Callable[[float], None]:
    """Let hours pass, here and at the service."""
    desk.sandbox.do("POST", "/clock", {"now": stopped.at.isoformat()})

    def wait(hours: float) -> None:
        stopped.advance(hours=hours)
        desk.sandbox.do("POST", "/clock", {"now": stopped.at.isoformat()})

    return wait


def test_an_accepted_document_gets_one_waybill(desk: Desk) -> None:
    assert desk.waybills() == []
    desk.told("outbound.accepted")
    assert desk.waybills() == [(1, "", "wanted")]
    desk.told("outbound.picking")

    desk.send()

    (row,) = desk.made()
    assert desk.waybills() == [(1, row["number"], "got")]
    assert desk.messages() == [("waybill", "delivered", False)]
    assert row["to"]["mobile"] == "13900000001"
    assert row["to"]["name"] == "欧阳修远"
    assert row["to"]["printAddr"].startswith("浙江省杭州市西湖区")
    with transaction() as conn:
        assert waybill_of(conn, [desk.document_id, 99]) == {desk.document_id: {row["number"]}}
        assert owner_of(conn, [row["number"].lower(), "X"]) == {row["number"].lower(): desk.document_id}


def test_a_timeout_before_the_answer_ends_with_one_waybill(desk: Desk, impatient: None) -> None:
    desk.told("outbound.accepted")
    desk.break_off(kind="timeout_after")

    assert "no answer" in desk.send()
    assert desk.messages() == [("waybill", "pending", True)]
    assert (len(desk.made()), desk.waybills()) == (1, [(1, "", "wanted")])
    assert desk.send(forced=True) == ""

    assert desk.asked() == 2
    (row,) = desk.made()
    assert desk.waybills() == [(1, row["number"], "got")]
    assert desk.messages() == [("waybill", "delivered", False)]
    assert desk.events("waybill_got") == ["waybill_got"]


def test_a_process_that_dies_between_answer_and_storing_ends_with_one_waybill(desk: Desk) -> None:
    desk.told("outbound.accepted")

    class Killed(BaseException):
        """The process ends here."""

    def dying(counterpart: str, pending: Any) -> Any:
        def call(make: Callable[[], None]) -> None:
            make()
            raise Killed

        return {i: lambda make=make: call(make) for i, make in send(counterpart, pending).items()}

    with pytest.raises(Killed):
        deliver(LANE, dying, KINDS, why())
    assert desk.messages() == [("waybill", "pending", True)]
    # nothing of what the answer said is in the pool
    desk.pool.execute("update waybill set number = '', state = 'wanted', got_at = null, label_enc = null")

    desk.send()

    assert (desk.asked(), len(desk.made())) == (2, 1)
    assert desk.waybills() == [(1, desk.made()[0]["number"], "got")]


def test_what_cannot_be_stored_stays_in_doubt(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.pool.execute("alter table waybill add constraint full_disk check (number = '')")
    try:
        assert "made, not stored" in desk.send()
    finally:
        desk.pool.execute("alter table waybill drop constraint full_disk")

    assert desk.messages() == [("waybill", "pending", True)]
    desk.send(forced=True)
    assert [row["number"] for row in desk.made()] == [desk.waybills()[0][1]]


@pytest.mark.parametrize(("number", "obstacle"), [("???", "is no number"), ("YT1234567890123", "another document")])
def test_what_was_made_and_cannot_be_used_stays_in_doubt(desk: Desk, number: str, obstacle: str) -> None:
    desk.pool.execute(
        """insert into waybill (document_id, package_no, service, carrier, number, order_key, state, task_id,
             service_no, wanted_at)
           values (99, 1, 'kuaidi100', 'yuantong', 'YT1234567890123', 'OB99-1-a', 'got', '', '', now())"""
    )
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"number": number})
    desk.told("outbound.accepted")

    assert obstacle in desk.send()

    assert desk.messages() == [("waybill", "refused", True)]
    desk.told("outbound.cancelled")
    assert "look for" in desk.send()


def test_after_48_hours_without_an_answer_a_person_decides(
    desk: Desk, impatient: None, service_clock: Callable[[float], None]
) -> None:
    desk.told("outbound.accepted")
    desk.break_off(kind="timeout_after")
    desk.send()
    service_clock(46)
    desk.break_off(kind="timeout_before")
    desk.send()
    service_clock(1.5)

    obstacle = desk.send(forced=True)

    assert "it may have been made when it was first asked for" in obstacle
    assert "--anew" in obstacle
    assert (desk.asked(), len(desk.made())) == (1, 1)
    assert desk.waybills() == [(1, "", "refused")]
    assert desk.messages() == [("waybill", "refused", True)]


def test_a_refused_one_says_why_and_is_asked_for_again(desk: Desk) -> None:
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": "收件地址梧桐里弄超区"})
    desk.told("outbound.accepted")

    assert "超区" in desk.send()
    assert desk.waybills() == [(1, "", "refused")]
    assert desk.messages() == [("waybill", "refused", False)]
    ((reason,),) = desk.pool.rows("select detail->>'reason' from event where what = 'waybill_refused'")
    assert reason == "code 400 收件地址****超区"
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {})
    desk.send(forced=True)

    assert desk.waybills() == [(1, desk.made()[0]["number"], "got")]


def test_an_empty_account_keeps_it_waiting(desk: Desk) -> None:
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"balance": 0})
    desk.told("outbound.accepted")

    assert "余额不足" in desk.send()

    assert desk.waybills() == [(1, "", "wanted")]
    assert desk.pool.rows("select state, fault from outbox where kind = 'waybill'") == [("pending", "access-denied")]


def test_a_document_that_ends_gives_its_waybill_back_once(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()

    desk.told("outbound.cancelled")
    desk.told("outbound.cancelled")
    desk.send()
    desk.send(forced=True)

    assert [row["cancelled"] for row in desk.made()] == [1]
    assert desk.waybills() == [(1, desk.made()[0]["number"], "cancelled")]
    assert desk.messages()[1:] == [("waybill.cancel", "delivered", False)]
    assert desk.events("waybill_cancelled") == ["waybill_cancelled"]
    with transaction() as conn:
        assert waybill_of(conn, [desk.document_id]) == {}


def test_one_that_was_never_asked_for_ends_without_a_call(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.told("outbound.cancelled")

    desk.send()

    assert (desk.asked(), desk.waybills()) == (0, [(1, "", "cancelled")])
    assert desk.messages() == [("waybill", "withdrawn", False)]


def test_one_that_may_be_made_is_first_found_out_and_then_given_back(desk: Desk, impatient: None) -> None:
    desk.told("outbound.accepted")
    desk.break_off(kind="timeout_after")
    desk.send()
    desk.told("outbound.cancelled")

    desk.send(forced=True)

    assert [row["cancelled"] for row in desk.made()] == [1]
    assert desk.waybills() == [(1, desk.made()[0]["number"], "cancelled")]


def test_a_cancel_without_an_answer_is_repeated_and_done(desk: Desk, impatient: None) -> None:
    desk.told("outbound.accepted")
    desk.send()
    desk.told("outbound.cancelled")
    desk.break_off(kind="timeout_after", match="/label/order cancel")

    assert "no answer" in desk.send()
    assert desk.send(forced=True) == ""

    assert desk.waybills()[0][2] == "cancelled"


def test_what_leaves_under_it_uses_it(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()
    ((_, number, _),) = desk.waybills()

    report(desk.pool, {number: {1: 2}})

    assert desk.waybills() == [(1, number, "used")]
    assert [kind for kind, *_ in desk.messages()] == ["waybill"]
    assert reconcile() == []


def test_what_leaves_under_another_number_gives_it_back(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()

    report(desk.pool, {"YT0000000000001": {1: 2}})
    desk.send()

    assert [(state, desk.made()[0]["cancelled"]) for *_, state in desk.waybills()] == [("cancelled", 1)]


def test_it_goes_with_everything_else_that_is_due(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.pool.execute("delete from outbox where kind = 'outbound.created'")

    outcome = deliver_due(send, ABOUT_ORDERS, why())

    assert (outcome.delivered, outcome.failed) == (1, {})
    assert desk.waybills()[0][2] == "got"


def test_carriers_without_an_account_and_other_warehouses_get_none(desk: Desk) -> None:
    drop_account("WH-A", "yuantong", why())
    set_account("WH-A", "yunda", ACCOUNT, why())
    desk.told("outbound.accepted")
    assert desk.waybills() == []

    set_account("WH-A", "yuantong", ACCOUNT, why())
    desk.pool.execute("update warehouse set wms = 'webhook'")
    desk.told("outbound.picking")
    assert desk.waybills() == []


def test_a_masked_receiver_needs_the_account_of_its_platform(desk: Desk) -> None:
    desk.pool.execute("update receiver set masked = true, oaid = 'OA-1'")
    desk.told("outbound.accepted")

    assert "woocommerce masks the receiver, and WH-A has no account yuantong@woocommerce" in desk.send()
    set_account("WH-A", "yuantong", {**ACCOUNT, "net": "taobao"}, why(), "woocommerce")
    desk.send(forced=True)

    (row,) = desk.made()
    assert (row["net"], row["handle"], row["platform_order"]) == ("taobao", "OA-1", "1")


def test_what_a_platform_encrypted_goes_as_it_came(desk: Desk) -> None:
    ciphers = seal(json.dumps({"name": "~AgAA~1~", "phone": "$AgAA$1$", "address": "~AgBB~1~"}))
    desk.pool.execute("update receiver set masked = true, cipher_enc = %s", ciphers)
    set_account("WH-A", "yuantong", {**ACCOUNT, "net": "pinduoduoWx", "handle": "caid"}, why(), "woocommerce")
    desk.told("outbound.accepted")

    assert desk.send() == ""

    (row,) = desk.made()
    assert row["to"] == {"name": "~AgAA~1~", "mobile": "$AgAA$1$", "printAddr": "~AgBB~1~"}


def test_a_document_that_is_cancelled_while_it_is_asked_for_gives_it_back(desk: Desk) -> None:
    desk.told("outbound.accepted")

    def overtaken(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        calls = waybill_calls(counterpart.partition(":")[2], pending)
        desk.told("outbound.cancelled")
        return calls

    deliver(LANE, overtaken, (OutboxKind.WAYBILL,), why())
    desk.send()

    assert [row["cancelled"] for row in desk.made()] == [1]
    assert desk.waybills() == [(1, desk.made()[0]["number"], "cancelled")]


def test_what_is_paid_at_the_door_goes_with_the_first_package(desk: Desk) -> None:
    desk.pool.execute("update orders set cod_fen = 4000")
    desk.told("outbound.accepted")
    with transaction() as conn:
        want_another(conn, desk.no, why())

    desk.send()

    assert sorted(row["collection"] for row in desk.made()) == ["", "40.00"]


def test_an_erased_receiver_is_an_obstacle(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.pool.execute("update receiver set erased_at = now()")

    assert "the receiver was erased" in desk.send()
    assert desk.asked() == 0


def test_each_look_at_the_receiver_is_in_the_orders_story(desk: Desk, impatient: None) -> None:
    desk.told("outbound.accepted")
    desk.break_off(kind="timeout_after")
    desk.send()
    desk.send(forced=True)

    rows = desk.pool.rows("select actor, detail from event where what = 'receiver_revealed'")
    assert rows == [("carrier:kuaidi100/WH-A", {"purpose": "e-waybill", "document": desk.no})] * 2


def test_nobodys_data_is_in_the_pool_in_logs_or_in_errors(
    desk: Desk, stage_database: str, caplog: pytest.LogCaptureFixture, impatient: None
) -> None:
    caplog.set_level(logging.DEBUG)
    said = "收件人欧阳修远13900000001的地址西湖区梧桐里弄1号超区"
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": said})
    desk.told("outbound.accepted")
    errors = [desk.send()]
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {})
    desk.break_off(kind="timeout_after")
    errors += [desk.send(forced=True), desk.send(forced=True)]

    with psycopg.connect(stage_database) as conn:
        kept = [
            str(conn.execute(f"select array_agg(t::text) from {table} t".encode()).fetchone())
            for table in ("outbox", "waybill", "event", "credential", "setup_change", "warehouse")
        ]
    private = (*RECEIVER, "s3cr3t-of-the-branch")
    for text in [*errors, *kept, caplog.text]:
        assert not [word for word in private if word in text]
    assert "label/" not in kept[1]  # who knows a label's address reads the receiver


def test_an_account_shows_nothing_that_opens_it(desk: Desk) -> None:
    (row,) = list_accounts("WH-A")

    assert (row.name, row.values) == ("yuantong", (("partner_id", "K21000119"), ("partner_key", "****")))


@pytest.mark.parametrize(
    ("wish", "why_not"),
    [
        (("WH-X", "yuantong", {"partner_id": "K"}), "WH-X: is not in the pool"),
        (("WH-A", "nobody", {"partner_id": "K"}), "carrier nobody: is none we know"),
        (("WH-A", "yuantong", {"partner": "K"}), "account field partner: is not known"),
        (("WH-A", "yunda", {"partner_id": ""}), "account yunda has no fields"),
    ],
)
def test_what_is_wrong_with_an_account_is_named(
    desk: Desk, wish: tuple[str, str, dict[str, str]], why_not: str
) -> None:
    warehouse, carrier, values = wish
    with pytest.raises(SetupError, match=why_not):
        set_account(warehouse, carrier, values, why())


def test_a_service_without_its_secret_takes_no_accounts(desk: Desk) -> None:
    desk.pool.execute("delete from credential where owner_code = 'kuaidi100' and name = 'secret'")

    with pytest.raises(SetupError, match="lacks the credential secret"):
        set_account("WH-A", "yunda", ACCOUNT, why())


def test_the_rule_of_48_hours_is_the_services() -> None:
    assert Kuaidi100Waybills.repeat_class_after(timedelta(0)) is Kuaidi100Waybills.repeat_class
