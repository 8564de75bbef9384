"""An own warehouse without a system, somebody who works in it, and the scans of a day."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from models.database import transaction
from models.messages import OutboxKind
from models.settings import clock
from tasks import desk
from tasks.floor_people import Signed, find_session, make_badge, sign_in
from tasks.floor_scan import Answer, ScanIn
from tasks.floor_scans import apply_scan
from tasks.floor_views import DocumentView, document_view
from tasks.floor_waves import make_waves, take_wave
from tasks.outbox import deliver_due
from tasks.send import send
from tasks.track import work_off_inbox
from tests.fakes import FakePool
from tests.tasks.merged import cause, finished, person, through, validated

TO_WAREHOUSES = (OutboxKind.OUTBOUND_CREATED, OutboxKind.OUTBOUND_CANCEL)


class House:
    """WH-A as an own warehouse with one picker who is signed in."""

    def __init__(self, pool: FakePool) -> None:
        self.pool = pool
        pool.execute("update warehouse set wms = 'handheld' where code = 'WH-A'")
        self.picker = self.hire("王芳")

    def hire(self, name: str) -> Signed:
        """Give somebody a badge, who signs in with it."""
        token = sign_in(make_badge("WH-A", name, cause()), "10.0.0.7")
        assert token is not None
        found = find_session(token, clock().now())
        assert found is not None
        return found

    def orders(self, *baskets: Mapping[str, int]) -> list[str]:
        """Orders of these units, each of another buyer, dispatched to the house; the numbers of their documents."""
        batch_id = validated(self.pool, *baskets, receiver=None)
        through(batch_id)
        finished(self.pool, batch_id)
        self.hand_over()
        rows = self.pool.rows("select no from outbound_document where batch_id = %s order by id", batch_id)
        return [row[0] for row in rows]

    def hand_over(self) -> None:
        """Deliver what waits for the house, and apply what it reports."""
        deliver_due(send, TO_WAREHOUSES, cause())
        with transaction() as conn:
            while work_off_inbox(conn, cause()) is not None:
                pass

    def waves(self) -> list[str]:
        return make_waves("WH-A", cause())

    def scan(self, kind: str, code: str = "", by: Signed | None = None, **fields: Any) -> Answer:
        """One scan, at the moment it is made."""
        at = clock().now()
        fields = {"id": uuid4(), "at": at, "applied_at": at, **fields}
        return apply_scan(by or self.picker, ScanIn(kind=kind, code=code, **fields))

    def said(self, kind: str, code: str = "", **fields: Any) -> str:
        return self.scan(kind, code, **fields).said

    def take(self, wave: str) -> None:
        take_wave(self.picker, wave, clock().now())

    def fetch(self, wave: str, **lacking: int) -> None:
        """Take a wave and walk it; units of SKUs that the shelf lacks are said to be missing."""
        self.take(wave)
        for sku, wanted in self.pool.rows(
            """select k.code, p.wanted from wave_pick p join wave v on v.id = p.wave_id join sku k on k.id = p.sku_id
               where v.no = %s order by 1""",
            wave,
        ):
            lacks = lacking.get(sku, 0)
            if wanted - lacks:
                assert self.said("pick", sku, wave=wave, quantity=wanted - lacks) == "picked"
            if lacks:
                assert self.said("missing", sku, wave=wave, quantity=lacks) == "noted"
        assert self.said("picked", wave=wave) == "picked"

    def check_all(self, no: str) -> None:
        """Scan every item of a document, one by one."""
        for line in self.view(no).lines:
            for _ in range(line.wanted - line.checked):
                assert self.said("check", line.sku, document=no) == "checked"

    def view(self, no: str) -> DocumentView:
        return document_view(self.picker.warehouse_id, no)

    def states(self) -> dict[str, tuple[str, str]]:
        """State of each document, for the pool and on the floor."""
        rows = self.pool.rows(
            """select d.no, d.state, coalesce(t.state, '') from outbound_document d
               left join floor_task t on t.document_id = d.id order by d.id"""
        )
        return {no: (state, task) for no, state, task in rows}

    def state(self, no: str) -> tuple[str, str]:
        return self.states()[no]

    def cancel(self, *nos: str) -> None:
        """A person cancels the orders of these documents at the desk, and the house hears of it."""
        rows = self.pool.rows(
            """select distinct a.order_id from allocation a join outbound_document d on d.id = a.document_id
               where d.no = any(%s)""",
            list(nos),
        )
        desk.cancel([row[0] for row in rows], "the buyer wants it no more", person())
        self.hand_over()

    def on_hand(self, sku: str) -> tuple[int, int]:
        """Units of a SKU on the shelf of the house, and locked."""
        ((on_hand, locked),) = self.pool.rows(
            """select s.on_hand, s.locked from stock s join sku k on k.id = s.sku_id
               where k.code = %s and warehouse_id = 1""",
            sku,
        )
        return on_hand, locked


def waybill(number: int) -> str:
    return f"YT{number:013d}"
