"""What people do about e-waybills, and what tells them that they have to."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.carriers.kuaidi100_waybills import Kuaidi100Waybills
from connectors.waybills import Label
from deployments import commands
from models.alert import AlertRule
from models.database import connect, transaction
from models.errors import SetupError
from models.settings import clock
from tasks.parcel_numbers import Correction, renumber_parcel
from tasks.reconcile import reconcile
from tasks.watch import RULES, watch_all
from tasks.waybill_desk import ask_again, enter_number, missing_waybills, waybills_missing
from tasks.waybill_labels import label_of
from tasks.waybills import owner_of, want_another
from tests.fakes import why
from tests.tasks.shipping import report
from tests.tasks.test_waybills import Desk, desk, impatient, service_clock

__all__ = ["desk", "impatient", "service_clock"]


def orderpool(*words: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    commands.load()
    result = CliRunner().invoke(commands.app, list(words))
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


@pytest.fixture
def lost(desk: Desk, impatient: None, service_clock: Any) -> Desk:
    """A desk whose only e-waybill was made 48 hours ago, without an answer."""
    desk.told("outbound.accepted")
    desk.break_off(kind="timeout_after")
    desk.send()
    service_clock(48)
    desk.send(forced=True)
    return desk


def test_a_number_that_was_found_is_written_in(lost: Desk) -> None:
    number = lost.made()[0]["number"]

    enter_number(lost.no, f" {number.lower()} ", why())
    lost.send(forced=True)

    assert lost.waybills() == [(1, number, "got")]
    assert (lost.asked(), len(lost.made())) == (1, 1)
    with pytest.raises(SetupError, match=f"its e-waybill is there: {number}"):
        enter_number(lost.no, number, why())
    with pytest.raises(SetupError, match="written in by hand, and has no label"):
        label_of(lost.no, why())


def test_one_that_was_never_made_is_asked_for_anew(lost: Desk) -> None:
    ask_again(lost.no, why(), anew=True)
    lost.send()

    assert lost.waybills() == [(1, lost.made()[1]["number"], "got")]
    assert [state for _, state, _ in lost.messages()] == ["withdrawn", "delivered"]
    assert reconcile() == []


def test_asked_again_as_it_was_it_is_refused_again(lost: Desk) -> None:
    ask_again(lost.no, why())

    assert "it may have been made" in lost.send()
    assert lost.asked() == 1


def test_a_refused_one_is_asked_for_again_by_hand(desk: Desk) -> None:
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": "超区"})
    desk.told("outbound.accepted")
    desk.send()
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {})

    ask_again(desk.no, why())
    desk.send()

    assert desk.waybills() == [(1, desk.made()[0]["number"], "got")]
    with pytest.raises(SetupError, match="its e-waybill is there"):
        ask_again(desk.no, why())


def test_one_that_was_found_too_late_is_written_in_and_given_back(lost: Desk) -> None:
    lost.told("outbound.cancelled")
    assert "look for" in lost.send()

    number = lost.made()[0]["number"]
    enter_number(lost.no, number, why(), service_no=f"KD{number}")
    lost.send()

    assert lost.waybills()[0][2] == "cancelled"
    assert [row["cancelled"] for row in lost.made()] == [1]


def test_one_that_was_written_in_is_given_back_although_it_was_never_in_doubt(desk: Desk) -> None:
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": "超区"})
    desk.told("outbound.accepted")
    desk.send()
    assert desk.messages() == [("waybill", "refused", False)]
    enter_number(desk.no, "YT1234567890123", why())

    desk.told("outbound.cancelled")

    assert desk.waybills() == [(1, "YT1234567890123", "got")]
    assert desk.messages() == [("waybill", "withdrawn", False), ("waybill.cancel", "pending", False)]
    assert "单号不存在" in desk.send()  # the service was asked


def test_one_that_the_carrier_does_not_take_back_is_an_alert_and_tried_again(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()
    desk.pool.execute("update waybill set service_no = 'KD-other'")
    desk.told("outbound.cancelled")
    assert "单号不存在" in desk.send()

    with transaction() as conn:
        (missing,) = missing_waybills(conn, clock().now())
        assert "1 refused" in waybills_missing(conn, clock().now())["warehouse:WH-A"]
    assert (missing.to_give_back, missing.refused) == (True, True)
    desk.pool.execute("update waybill set service_no = 'KD' || number")
    ask_again(desk.no, why())
    desk.send()

    assert desk.waybills()[0][2] == "cancelled"
    with transaction() as conn:
        assert missing_waybills(conn, clock().now()) == []


def test_what_is_missing_is_found_by_its_index(desk: Desk) -> None:
    desk.pool.execute(
        """insert into waybill (document_id, package_no, service, carrier, number, order_key, state, task_id,
             service_no, wanted_at)
           select 1000 + i, 1, 'kuaidi100', 'yuantong', 'YT' || 1000000 + i, i::text, 'used', '', '', now()
           from generate_series(1, 5000) i"""
    )
    desk.pool.execute("analyze waybill")
    with connect() as conn:
        query = "select idx_scan from pg_stat_user_indexes where indexrelname = 'ix_waybill_missing'"
        (before,) = conn.execute(query).fetchone() or ()
        missing_waybills(conn, clock().now())
        conn.execute("select pg_stat_force_next_flush()")
        conn.commit()
        (after,) = conn.execute(query).fetchone() or ()

    assert after > before


@pytest.mark.parametrize("number", ["", "12345", "YT 123456", "YTABCDEFG", "Y" * 33])
def test_what_is_no_number_is_not_written_in(desk: Desk, number: str) -> None:
    with pytest.raises(SetupError, match="want 6 to 32"):
        enter_number(desk.no, number, why())


def test_another_package_gets_a_waybill_of_its_own(desk: Desk) -> None:
    desk.told("outbound.accepted")
    with transaction() as conn:
        assert want_another(conn, desk.no, why()) == 2
    desk.send()

    numbers = {row["number"] for row in desk.made()}
    assert len(numbers) == 2
    assert {number for _, number, _ in desk.waybills()} == numbers
    desk.told("outbound.cancelled")
    with transaction() as conn, pytest.raises(SetupError, match="gets no further e-waybill; it is cancelled"):
        want_another(conn, desk.no, why())


def test_what_is_refused_or_late_is_an_alert_until_it_came(desk: Desk) -> None:
    desk.told("outbound.accepted")
    assert RULES[AlertRule.WAYBILL_MISSING] is waybills_missing
    with transaction() as conn:
        assert waybills_missing(conn, clock().now()) == {}
        late = waybills_missing(conn, clock().now() + timedelta(minutes=31))
        assert "warehouse WH-A: e-waybills are not made or given back since" in late["warehouse:WH-A"]
        assert "1 waiting: not asked for yet" in late["warehouse:WH-A"]
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": "超区"})
    desk.send()

    _, alerts = watch_all(why())
    assert ["1 refused: kuaidi100/WH-A: waybill" in alert.sentence for alert in alerts] == [True]
    desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {})
    desk.send(forced=True)
    assert watch_all(why())[1] == []


class TestLabels:
    def test_one_is_fetched_once_and_kept_sealed(self, desk: Desk) -> None:
        desk.told("outbound.accepted")
        desk.send()

        first = label_of(desk.no, why())
        desk.sandbox.do("POST", "/reset")  # the service has forgotten all
        second = label_of(desk.no, why())

        assert first is not None
        assert first == second
        assert desk.waybills()[0][1].encode() in first.content
        looks = desk.pool.rows("select detail->>'purpose' from event where what = 'receiver_revealed' order by id")
        assert looks == [("e-waybill",), ("label",), ("label",)]
        (kept,) = desk.pool.rows("select image_enc from waybill")
        assert b"PNG" not in kept[0]

    def test_one_whose_address_is_over_is_printed_again(self, desk: Desk) -> None:
        desk.told("outbound.accepted")
        desk.send()
        desk.break_off(kind="rate_limit", match="/label/order order")
        desk.pool.execute("update waybill set label_enc = null")

        label = label_of(desk.no, why())

        assert label is not None
        assert label.media_type == "image/png"

    def test_an_account_of_a_cloud_printer_prints_it_there(self, desk: Desk) -> None:
        code, said = orderpool("waybill", "account", "WH-A", "yuantong", "--credential", "print_type=CLOUD")
        assert code == 0, said
        desk.told("outbound.accepted")
        desk.send()

        assert label_of(desk.no, why()) is None

    def test_one_whose_receiver_is_erased_while_it_is_fetched_is_not_kept(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.told("outbound.accepted")
        desk.send()
        fetch = Kuaidi100Waybills.fetch_label

        def erased_meanwhile(service: Kuaidi100Waybills, url: str) -> Label:
            label = fetch(service, url)
            desk.pool.execute("update receiver set erased_at = now()")
            desk.pool.execute("update waybill set label_enc = null, image_enc = null")
            return label

        monkeypatch.setattr(Kuaidi100Waybills, "fetch_label", erased_meanwhile)
        with pytest.raises(SetupError, match="the receiver was erased"):
            label_of(desk.no, why())

        assert desk.pool.rows("select label_enc, image_enc from waybill") == [(None, None)]

    def test_there_is_none_before_its_waybill_or_after_its_receiver(self, desk: Desk) -> None:
        with pytest.raises(SetupError, match="no e-waybill was asked for its package 1"):
            label_of(desk.no, why())
        desk.told("outbound.accepted")
        with pytest.raises(SetupError, match="has no label; its e-waybill is wanted"):
            label_of(desk.no, why())
        desk.send()
        desk.pool.execute("update receiver set erased_at = now()")
        with pytest.raises(SetupError, match="the receiver was erased"):
            label_of(desk.no, why())


class TestCommands:
    def test_what_is_missing_is_listed_and_asked_for_again(self, desk: Desk) -> None:
        desk.sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": "超区"})
        desk.told("outbound.accepted")
        desk.send()

        said = orderpool("waybill", "missing")[1]
        assert f"WH-A  {desk.no} package 1  yuantong" in said
        assert "refused: kuaidi100/WH-A" in said
        assert "超区" in said
        assert orderpool("waybill", "again", desk.no)[0] == 0
        assert orderpool("waybill", "again", "OB1")[1].endswith("no e-waybill was asked for its package 1")
        assert orderpool("waybill", "another", desk.no)[0] == 0
        assert orderpool("waybill", "enter", desk.no, "yt1234567890123")[1].endswith("YT1234567890123\n")

    def test_a_label_is_saved_for_ones_own_eyes(self, desk: Desk, tmp_path: Path) -> None:
        desk.told("outbound.accepted")
        desk.send()
        file = tmp_path / "label.png"

        assert orderpool("floor", "label", desk.no, "--to", str(file))[0] == 0

        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.stat().st_mode & 0o777 == 0o600
        assert "is there already" in orderpool("floor", "label", desk.no, "--to", str(file))[1]
        ((actor,),) = desk.pool.rows("select actor from event where detail->>'purpose' = 'label'")
        assert actor.startswith("person:")

    def test_accounts_are_shown_and_taken_out(self, desk: Desk) -> None:
        assert "yuantong: partner_id=K21000119, partner_key=****" in orderpool("waybill", "accounts", "WH-A")[1]
        assert orderpool("waybill", "end-account", "WH-A", "yuantong")[0] == 0
        assert orderpool("waybill", "accounts", "WH-A")[1] == ""
        assert "has no account yuantong" in orderpool("waybill", "end-account", "WH-A", "yuantong")[1]
        assert "give --credential" in orderpool("waybill", "account", "WH-A", "yuantong")[1]


def spoil(statement: str) -> None:
    """Change a fact behind the back of what guards it."""
    with connect() as conn:
        conn.execute(statement.encode())
        conn.commit()


def test_the_reconciler_names_a_number_that_left_with_another_document(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()
    ((_, number, _),) = desk.waybills()
    desk.told(
        "outbound.shipped",
        final=True,
        packages=[{"tracking_no": number, "carrier_code": "yuantong", "lines": []}],
    )
    assert reconcile() == []

    spoil("update waybill set state = 'got'")
    assert [each.sentence for each in reconcile()] == [
        f"e-waybill {number} of {desk.no}: is got; a parcel left under it"
    ]
    spoil("update waybill set state = 'used', number = 'YT0000000000009'")
    assert [each.sentence for each in reconcile()] == [
        f"e-waybill YT0000000000009 of {desk.no}: is used; no parcel left under it"
    ]


def test_the_reconciler_names_an_e_waybill_that_nobody_was_asked_for(desk: Desk) -> None:
    desk.told("outbound.accepted")
    spoil("delete from outbox where kind = 'waybill'")

    assert [each.sentence for each in reconcile()] == [
        f"e-waybill for package 1 of {desk.no}: nothing was written to waybill"
    ]


def test_a_parcel_may_be_corrected_to_its_own_number_only(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()
    ((_, number, _),) = desk.waybills()
    report(desk.pool, {"YT0000000000001": {1: 2}})
    desk.send()

    with transaction() as conn:
        renumber_parcel(conn, Correction("YT0000000000001", number), why())

    assert desk.waybills() == [(1, number, "used")]
    assert reconcile() == []
    desk.pool.execute("update waybill set document_id = 99, number = 'YT1234567890123'")
    desk.pool.execute(
        "insert into outbound_document select 99, 'OB99', warehouse_id, shop_id, batch_id, revision, state,"
        " carrier, 'rcv', ship_by, deadline_at, created_at from outbound_document"
    )
    with transaction() as conn, pytest.raises(SetupError, match="it is the e-waybill of OB99"):
        renumber_parcel(conn, Correction(number, "YT1234567890123"), why())


def test_a_number_that_was_given_back_may_come_for_another_document(desk: Desk) -> None:
    desk.told("outbound.accepted")
    desk.send()
    ((_, number, _),) = desk.waybills()
    desk.told("outbound.cancelled")
    desk.send()
    desk.pool.execute(
        """insert into waybill (document_id, package_no, service, carrier, number, order_key, state, task_id,
             service_no, wanted_at)
           select 99, 1, service, carrier, number, 'OB99-1-a', 'got', '', '', wanted_at from waybill"""
    )

    with transaction() as conn:
        assert owner_of(conn, [number]) == {number: 99}
