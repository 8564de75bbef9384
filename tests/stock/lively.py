"""A pool in which everything that can be true of stock is true of something, made by the real stages."""

from collections.abc import Sequence

from models.database import transaction
from models.feeds import Counts
from models.incoming import LineState, PayState
from models.rules.returns import ReturnKind, Verdict
from tasks.returns import Wish, announce, inspect, load_lines
from tasks.stock_feed import Feed, Told
from tests.fakes import FakePool
from tests.stock.world import STAGES, Version, World

Basket = dict[str, int]


def order(world: World, no: int, basket: Basket, *, pay: PayState = PayState.READY) -> Version:
    """An order of these units."""
    lines = tuple((sku, units, LineState.OPEN) for sku, units in basket.items())
    return Version(no, lines, pay, None if pay is PayState.UNPAID else world.at)


def taken(world: World, baskets: Sequence[Basket], first: int, to: str, pay: PayState = PayState.READY) -> int:
    """A batch of orders numbered on from `first`, taken through the stages up to `to`."""
    world.tick()
    batch = world.read(*(order(world, first + n, basket, pay=pay) for n, basket in enumerate(baskets)), run=f"r{first}")
    for stage in list(STAGES)[: list(STAGES).index(to) + 1]:
        world.tick()
        world.do(STAGES[stage], batch)
    return batch


def enliven(pool: FakePool, world: World) -> None:
    """Orders at every stage, kits, promises, splits, full days, part and short shipments, counts that found too few."""
    pool.execute("update shop set lock_unpaid = true")
    for sku, there in {"TEA": (60, 30), "CUP": (90, 40), "POT": (4, 3), "TIN": (30, 0), "BOX": (0, 0)}.items():
        pool.stock(**{sku: there[0], f"{sku}_B": there[1]})
    world.make_kits()
    world.serve_everywhere()
    pool.execute("update warehouse set daily_limit = 9 where code = 'WH-A'")
    pool.execute(
        """insert into promise_pool (sku_id, kind, limit_units, promised) select id, 'backorder', 20, 0 from sku
           where code in ('BOX', 'TIN')"""
    )
    pool.execute("update stock set safety = 2 where sku_id = (select id from sku where code = 'TEA')")
    pool.execute("update sku_pool set safety = 4 where sku_id = (select id from sku where code = 'TEA')")
    taken(world, [{"TEA": 1}, {"SET": 1}], 1, "review")
    taken(world, [{"TEA": 1, "SET": 2}, {"CUP": 2}], 11, "lock")
    taken(world, [{"TEA": 2}], 15, "lock", PayState.UNPAID)
    taken(world, [{"POT": 6}, {"SET": 1}, {"TEA": 1, "CUP": 1}], 21, "route")
    taken(world, [{"TIN": 2}, {"TEA": 3, "SET": 2}, {"TEA": 2}, {"CUP": 4}, {"TIN": 5}], 31, "track")
    taken(world, [{"BOX": 3, "TEA": 1}, {"BOX": 2}, {"TEA": 999}], 41, "lock")
    _merge(pool, world)
    _ship(world)
    _return(world)
    _amend(world)
    _count(world)
    pool.execute(
        """with told as (
             insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown, shown_version, shown_formula,
                                  obstacle)
             select s.id, k.id, k.code, '', true, 5, 1, 0, '' from shop s, sku k where k.code in ('TEA', 'CUP')
             returning id)
           insert into stock_push (listing_id, units, version, formula, sent, decided_at)
           select id, 5, 2, 0, true, %s from told""",
        world.at,
    )


def _merge(pool: FakePool, world: World) -> None:
    """Two orders of one receiver in one document, and two that were merged and are not any more."""
    pool.stock(PAN_B=9)
    for first, to in ((51, "track"), (53, "route")):
        batch = taken(world, [{"PAN": 1}, {"PAN": 2}], first, "review")
        pool.execute(
            """update receiver set receiver_hash = convert_to(%s, 'UTF8') from order_state s
               where s.order_id = receiver.order_id and s.batch_id = %s""",
            str(first),
            batch,
        )
        pool.execute("update orders set buyer_key = 'mei' where order_no in (%s, %s)", str(first), str(first + 1))
        for stage in list(STAGES)[1 : list(STAGES).index(to) + 1]:
            world.tick()
            world.do(STAGES[stage], batch)
    world.tick()
    world.read(order(world, 53, {"PAN": 1}, pay=PayState.CANCELLED), run="one goes")


def _ship(world: World) -> None:
    """One order leaves whole, one in part, one short."""
    documents = dict(
        world.rows(
            """select distinct o.order_no, d.no from outbound_document d join allocation a on a.document_id = d.id
               join orders o on o.id = a.order_id"""
        )
    )
    for no, units, final in (("31", {"1": 2}, True), ("32", {"1": 2, "3": 1}, False), ("34", {"1": 1}, True)):
        world.tick()
        box = [{"line_no": line, "qty": qty} for line, qty in units.items()]
        package = {"tracking_no": f"YT{no}", "carrier_code": "yuantong", "lines": box}
        assert world.report("shipped", documents[no], "WH-A", packages=[package], final=final) == ""


def _return(world: World) -> None:
    """One order's goods come back good and are exchanged, some of another's come back broken, the rest is announced."""
    ids = dict(world.rows("select order_no, id from orders"))

    def announced(no: str, pieces: int, kind: ReturnKind = ReturnKind.RETURN) -> int:
        world.tick()
        with transaction() as conn:
            return announce(conn, Wish(ids[no], {1: pieces}, "too large", kind), world.why()).id

    def judged(return_id: int, verdict: Verdict) -> None:
        world.tick()
        with transaction() as conn:
            inspect(conn, return_id, dict.fromkeys(load_lines(conn, return_id), verdict), world.why())

    judged(announced("32", 2, ReturnKind.EXCHANGE), Verdict(good=2))
    judged(announced("31", 1), Verdict(defect=1))
    announced("31", 1)


def _amend(world: World) -> None:
    """An order that was locked and one that was routed begin again and keep what they have; one is cancelled."""
    world.tick()
    world.read(order(world, 12, {"CUP": 5}), order(world, 23, {"TEA": 1, "CUP": 2}), run="news")
    world.tick()
    world.do(STAGES["review"], world.read(order(world, 22, {"SET": 1}, pay=PayState.CANCELLED), run="cancelled"))


def _count(world: World) -> None:
    """A count finds one TIN where five are locked."""
    world.tick()
    feed = Feed("WMS", "count", Counts.PHYSICAL, world.at)
    world.feed(feed, Told(world.shelf("A", "TIN"), 1, world.at))
    world.tick(minutes=1)
