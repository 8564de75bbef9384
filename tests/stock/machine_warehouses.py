"""The warehouses' side of the machine: what they report, what is counted, what comes, and what may be sold of it."""

from collections import Counter
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from models.feeds import Counts
from tasks.safety_stock import import_safety
from tasks.stock_feed import Feed, Told
from tests.stock.machine_orders import Shopping
from tests.stock.world import PLACES, SKUS


class Warehousing(Shopping):
    """Documents that leave or do not, shelves that are counted, units that come, limits that change."""

    # -- what warehouses say

    @precondition(lambda self: self._documents())
    @rule(data=st.data(), word=st.sampled_from(["accepted", "picking", "packed", "rejected", "cancelled"]))
    def warehouse_says(self, data: st.DataObject, word: str) -> None:
        self.world.tick()
        no, place, _ = data.draw(st.sampled_from(self._documents()))
        if word in ("rejected", "cancelled") and self._is_awaited_or_has_left(no):
            return  # what becomes of it then has a table: tests/tasks/test_parts_back.py, test_document_table.py
        ignored = self.world.report(word, no, f"WH-{place}")
        if not ignored and word in ("rejected", "cancelled"):
            self._hold_document(no, "WMS_REFUSED")

    @precondition(lambda self: self._documents())
    @rule(data=st.data(), final=st.sampled_from([None, True, False]))
    def warehouse_ships(self, data: st.DataObject, final: bool | None) -> None:
        self.world.tick()
        no, place, lines = data.draw(st.sampled_from(self._documents()))
        if self._was_refused(no) and any((place, sku) in self.netted for _, sku, _ in lines):
            return  # whether such a count lacked units that were called off and then left is the warehouse's secret
        units = {
            number: data.draw(st.integers(0, open_units), label=f"line {number}")
            for number, (_, _, open_units) in enumerate(lines, 1)
        }
        box = [{"line_no": str(number), "qty": gone} for number, gone in units.items() if gone]
        package = {"tracking_no": f"YT{self.world.at.timestamp():.0f}", "carrier_code": "yuantong", "lines": box}
        told = {} if final is None else {"final": final}
        if self.world.report("shipped", no, f"WH-{place}", packages=[package], **told):
            return
        whole = not box and final is not False
        gone = [open_units if whole else units[number] for number, (_, _, open_units) in enumerate(lines, 1)]
        all_gone = all(left == open_units for left, (_, _, open_units) in zip(gone, lines, strict=True))
        closed = final is True or (final is None and all_gone)
        for left, (order_no, sku, open_units) in zip(gone, lines, strict=True):
            rest = open_units - left if closed else 0
            self.model.ship(place, order_no, Counter({sku: left}), Counter({sku: rest}), self.world.at)
        if closed and not all_gone:
            self._hold_document(no, "SHIPPED_SHORT")

    def _is_awaited_or_has_left(self, no: str) -> bool:
        """Whether a document was asked back, or a part of it has left."""
        return bool(
            self.world.rows(
                """select d.state = 'part_shipped' or exists (
                     select 1 from outbox x where x.key = d.no || '-r' || d.revision || '-cancel')
                   from outbound_document d where d.no = %s""",
                no,
            )[0][0]
        )

    def _was_refused(self, no: str) -> bool:
        return self.world.rows("select state from outbound_document where no = %s", no)[0][0] in (
            "rejected",
            "cancelled",
        )

    def _documents(self) -> list[tuple[str, str, list[tuple[int, str, int]]]]:
        """Every document's number and place, with its lines as it numbers them: order, SKU, open units."""
        found: dict[str, tuple[str, str, list[tuple[int, str, int]]]] = {}
        for no, place, order_no, sku, units in self.world.rows(
            """select d.no, right(w.code, 1), o.order_no::int, k.code,
                      case when d.state in ('shipped', 'short') then 0 else a.quantity - a.shipped end
               from allocation a join outbound_document d on d.id = a.document_id join orders o on o.id = a.order_id
               join warehouse w on w.id = d.warehouse_id join sku k on k.id = a.sku_id
               order by a.document_id, a.order_id, a.line_no, a.sku_id"""
        ):
            found.setdefault(no, (no, place, []))[2].append((order_no, sku, units))
        return list(found.values())

    def _hold_document(self, no: str, code: str) -> None:
        for document, _, lines in self._documents():
            if document == no:
                for order_no, _, _ in lines:
                    self.model.orders[order_no].holds.add(code)

    # -- what lies where

    @rule(
        place=st.sampled_from(PLACES),
        sku=st.sampled_from(SKUS),
        units=st.integers(0, 9),
        kind=st.sampled_from([Counts.PHYSICAL, Counts.PHYSICAL, Counts.NET_OF_SHIPPED, Counts.AVAILABLE]),
    )
    def shelf_is_counted(self, place: str, sku: str, units: int, kind: Counts) -> None:
        self.world.tick()
        kept = 0 if kind is Counts.PHYSICAL else self._kept(place, sku, kind)
        feed = Feed("WMS", f"count {self.world.at}", kind, self.world.at)
        self.feeds.append((feed, Told(self.world.shelf(place, sku), units, self.world.at), sku))
        assert not self.world.feed(*self.feeds[-1][:2]).again
        self.model.count(place, sku, units + kept, self.world.at)
        if kind is not Counts.PHYSICAL:
            self.netted.add((place, sku))
        self._adopt_given_back(sku)

    def _kept(self, place: str, sku: str, kind: Counts) -> int:
        """Units that lie in a place and that such a count lacks, by what the warehouse said of its documents."""
        mark = "packed_at" if kind is Counts.NET_OF_SHIPPED else "accepted_at"
        found = self.world.rows(
            f"""select coalesce(sum(a.quantity - a.shipped), 0)::int from allocation a
                join outbound_document d on d.id = a.document_id join warehouse w on w.id = d.warehouse_id
                join sku k on k.id = a.sku_id
                where w.code = %s and k.code = %s and d.{mark} is not null
                  and d.state not in ('shipped', 'short', 'rejected', 'cancelled')""",
            f"WH-{place}",
            sku,
        )
        return int(found[0][0])

    @precondition(lambda self: self.feeds)
    @rule(data=st.data())
    def report_comes_again(self, data: st.DataObject) -> None:
        self.world.tick()
        feed, told, sku = data.draw(st.sampled_from(self.feeds))
        assert self.world.feed(feed, told).again
        self.model.keep_promises([sku])

    @rule(place=st.sampled_from(PLACES), sku=st.sampled_from(SKUS), units=st.integers(0, 9), late_s=st.integers(1, 9))
    def old_count_comes_late(self, place: str, sku: str, units: int, late_s: int) -> None:
        self.world.tick()
        as_of = self.world.at - timedelta(seconds=late_s)
        counted = self.model.counted_at.get((place, sku))
        if counted is not None and as_of < counted:
            feed = Feed("WMS", f"late {self.world.at}", Counts.PHYSICAL, as_of)
            assert self.world.feed(feed, Told(self.world.shelf(place, sku), units, as_of)).late == 1
            self.model.keep_promises([sku])

    @rule(
        place=st.sampled_from(PLACES),
        sku=st.sampled_from(SKUS),
        units=st.integers(-2, 6).filter(bool),
        carried=st.booleans(),
    )
    def units_come_or_are_carried_over(self, place: str, sku: str, units: int, carried: bool) -> None:
        if carried:
            self.world.tick()
            self._move(-units, sku, next(other for other in PLACES if other != place))
        self.world.tick()
        self._move(units, sku, place)

    def _move(self, units: int, sku: str, place: str) -> None:
        name = f"move {self.world.at}"
        told = Told(self.world.shelf(place, sku), units, self.world.at, name)
        self.feeds.append((Feed("ERP", name, Counts.CHANGE, self.world.at), told, sku))
        self.world.feed(*self.feeds[-1][:2])
        self.model.move(place, sku, units, self.world.at)
        self._adopt_given_back(sku)

    def _adopt_given_back(self, sku: str) -> None:
        chosen = self.model.make_room([sku])
        batches = dict(
            self.world.rows("select o.order_no::int, s.batch_id from order_state s join orders o on o.id = s.order_id")
        )
        for order in chosen:
            if order.stage != "ingested":
                self.model.begin_again(order, batches[order.version.no])
                self.batches.append(order.batch)
        self.model.keep_promises([sku])

    @rule(
        what=st.sampled_from(["documents of a day", "safety stock", "promises"]),
        place=st.sampled_from(PLACES),
        sku=st.sampled_from(SKUS),
        units=st.integers(0, 4),
    )
    def limit_changes(self, what: str, place: str, sku: str, units: int) -> None:
        self.world.tick()
        match what:
            case "documents of a day":
                self.world.execute("update warehouse set daily_limit = %s where code = %s", units, f"WH-{place}")
            case "safety stock":
                import_safety(self.file(f"warehouse,sku,safety\nWH-{place},{sku},{units}\n"))
                self.model.safety[place, sku] = units
            case "promises":
                self.promise(sku, self.model.promised()[sku] + units)
