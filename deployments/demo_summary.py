"""What the demo came to: counted in the pool, held against the sandbox's own books."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from deployments.demo_baskets import FILE_SHOP
from deployments.demo_runs import RunStory
from models.database import Connection

LEAST_ORDERS = 2400
LEAST_SHOPS = 7

_ORDERS = """
    with first as (
      select order_id, min(at) at from event where what in ('validated', 'cancelled') group by 1)
    select s.code, o.external_id, o.order_no,
           exists (select 1 from event e where e.order_id = o.id and e.what = 'accepted' and e.at = first.at),
           coalesce((select h.code from hold h where h.order_id = o.id and h.placed_at = first.at
                     order by h.id limit 1), case when first.at is null then 'NOT_VALIDATED' else 'CLOSED' end),
           exists (select 1 from hold h where h.order_id = o.id and h.code in ('SHORT_STOCK', 'SHORT_ROUTE')),
           t.stage = 'dispatched',
           t.stage = 'dispatched' and not exists (
             select 1 from allocation a left join outbound_document d on d.id = a.document_id
             where a.order_id = o.id and d.state is distinct from 'shipped'),
           coalesce((select bool_and(p.stage = 'delivered') from parcel_line l join parcel p on p.id = l.parcel_id
                     where l.order_id = o.id), false),
           coalesce((select jsonb_object_agg(h.code, h.sentence) from hold h
                     where h.order_id = o.id and h.placed_at = first.at), '{}')
    from orders o join shop s on s.id = o.shop_id join order_state t on t.order_id = o.id
    left join first on first.order_id = o.id order by o.id"""

_QUARANTINED = """select s.code, q.external_id from quarantined_order q join shop s on s.id = q.shop_id
    where q.released_at is null"""


@dataclass(frozen=True, slots=True)
class OrderFact:
    """How far one order came; `held_code` says why it was not accepted at its first validate.

    `holds` are all its holds of that moment: the sentences by code.
    """

    shop: str
    external_id: str
    order_no: str
    accepted: bool
    held_code: str
    short: bool
    dispatched: bool
    shipped: bool
    delivered: bool
    holds: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """The figures of one shop, or of all.

    `held_by_code` counts each order once, under its first code; `holds` counts it under every code, with an example.
    """

    orders_in: int = 0
    accepted: int = 0
    held: int = 0
    held_by_code: dict[str, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    short: int = 0
    dispatched: int = 0
    shipped: int = 0
    delivered: int = 0
    quarantined: int = 0
    lost: int = 0
    doubled: int = 0
    failed_runs: int = 0
    retried_runs: int = 0
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        """Count another shop's figures in, without its seconds: shops run side by side."""
        codes = Counter(self.held_by_code) + Counter(other.held_by_code)
        holds = Counter(self.holds) + Counter(other.holds)
        for name, value in asdict(other).items():
            if isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)
        self.held_by_code = dict(codes.most_common())
        self.holds = dict(holds.most_common())
        self.examples = other.examples | self.examples


@dataclass(frozen=True, slots=True)
class Books:
    """What the outside holds and received, in the form the demo compares with."""

    orders: dict[str, set[str]]  # per shop
    shipped: dict[str, set[tuple[str, str]]]  # per shop, (order number, waybill)
    ship_backs: dict[str, Counter[tuple[str, str]]]  # per shop, (order number, waybill)
    documents: Counter[tuple[str, str]]  # documents per (order number, warehouse)
    resent: Counter[str]  # documents that came under more than one key, per order number
    followed: Counter[str]  # subscriptions per waybill


def read_orders(conn: Connection) -> list[OrderFact]:
    """Every order of the pool."""
    return [OrderFact(*row) for row in conn.execute(_ORDERS).fetchall()]


def read_quarantine(conn: Connection) -> dict[str, set[str]]:
    """The platform ids in quarantine, per shop."""
    found: dict[str, set[str]] = {}
    for shop, external_id in conn.execute(_QUARANTINED):
        found.setdefault(shop, set()).add(external_id)
    return found


def read_books(books: Mapping[str, Any], file_orders: Sequence[str]) -> Books:
    """Read the sandbox's books; the file shop's orders are those of the exported file."""
    orders = {code: set(book["orders"]) for code, book in books["shops"].items()} | {FILE_SHOP: set(file_orders)}
    shop_of = {no: code for code, nos in orders.items() for no in nos}
    found = Books(orders, {code: set() for code in orders}, {}, Counter(), Counter(), Counter())
    for code, book in books["shops"].items():
        found.ship_backs[code] = Counter((row["order_no"], row["waybill"]) for row in book["ship_backs"])
    seen: set[tuple[str, int]] = set()
    for warehouse, document in _documents(books):
        key = (document["outbound_no"], document["version"])
        for no in document["order_nos"]:
            if key in seen:
                found.resent[no] += 1
            else:
                found.documents[no, warehouse] += 1
            found.shipped[shop_of[no]] |= {(no, waybill) for waybill in document["waybills"]}
        seen.add(key)
    for row in books["carriers"]["kuaidi100"]["subscriptions"]:
        found.followed[str(row["number"])] += int(row["count"])
    return found


def _documents(books: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for code, warehouse in books["warehouses"].items():
        for document in warehouse["documents"]:
            yield code, document


def tally_shops(
    orders: Sequence[OrderFact], quarantine: Mapping[str, set[str]], books: Books, runs: Sequence[RunStory]
) -> dict[str, Tally]:
    """The figures per shop, in the order in which the outside names them."""
    return {code: _tally(code, orders, quarantine.get(code, set()), books, runs) for code in books.orders}


def _tally(
    code: str, orders: Sequence[OrderFact], quarantined: set[str], books: Books, runs: Sequence[RunStory]
) -> Tally:
    mine = [order for order in orders if order.shop == code]
    accepted = [order for order in mine if order.accepted]
    held = Counter(order.held_code for order in mine if not order.accepted)
    holds = Counter(code for order in mine for code in order.holds)
    own_runs = [run for run in runs if run.shop == code]
    return Tally(
        orders_in=len({order.external_id for order in mine}),
        accepted=len(accepted),
        held=sum(held.values()),
        held_by_code=dict(held.most_common()),
        holds=dict(holds.most_common()),
        examples=_examples(mine),
        short=sum(order.short for order in accepted),
        dispatched=sum(order.dispatched for order in mine),
        shipped=sum(order.shipped for order in mine),
        delivered=sum(order.delivered for order in mine),
        quarantined=len(quarantined),
        lost=len(books.orders[code] - {order.external_id for order in mine} - quarantined),
        doubled=_doubled(code, books),
        failed_runs=sum(run.failed_first for run in own_runs),
        retried_runs=sum(run.came_through for run in own_runs),
        seconds=round(sum(run.seconds for run in own_runs), 1),
    )


def _examples(orders: Sequence[OrderFact]) -> dict[str, str]:
    found: dict[str, str] = {}
    for order in orders:
        for code, sentence in order.holds.items():
            found.setdefault(code, f"{order.order_no}: {sentence}")
    return found


def _doubled(code: str, books: Books) -> int:
    documents = sum(number - 1 for (no, _), number in books.documents.items() if no in books.orders[code])
    resent = sum(books.resent[no] for no in books.orders[code])
    told = sum(times - 1 for times in books.ship_backs.get(code, Counter()).values())
    followed = sum(max(books.followed[waybill] - 1, 0) for _, waybill in books.shipped[code])
    return documents + resent + told + followed


def total_of(shops: Mapping[str, Tally], runs: Sequence[RunStory], seconds: float) -> Tally:
    """The figures of all shops, with the runs that belong to none."""
    total = Tally()
    for tally in shops.values():
        total.add(tally)
    total.failed_runs = sum(run.failed_first for run in runs)
    total.retried_runs = sum(run.came_through for run in runs)
    total.seconds = round(seconds, 1)
    return total


def what_is_wrong(total: Tally, shops: Mapping[str, Tally], orders: Sequence[OrderFact], books: Books) -> list[str]:
    """One sentence for each fact that does not hold; none when the demo is what it says it is."""
    filled = sum(tally.orders_in > 0 for tally in shops.values())
    checks = [
        (total.orders_in >= LEAST_ORDERS, f"{total.orders_in} orders came in, not {LEAST_ORDERS} or more"),
        (filled >= LEAST_SHOPS, f"{filled} shops had orders, not {LEAST_SHOPS} or more"),
        (total.lost == 0, f"{total.lost} orders are neither in the pool nor in quarantine"),
        (total.doubled == 0, f"{total.doubled} effects reached the outside twice"),
        (
            total.accepted + total.held == total.orders_in,
            f"{total.accepted} accepted and {total.held} held orders do not add up to {total.orders_in}",
        ),
        (
            sum(total.held_by_code.values()) == total.held,
            f"the held orders by code do not add up to {total.held}",
        ),
        (total.failed_runs > 0, "no run failed, although a warehouse was away"),
        (
            total.retried_runs == total.failed_runs,
            f"{total.retried_runs} of {total.failed_runs} failed runs completed by Retry",
        ),
    ]
    return [sentence for holds, sentence in checks if not holds] + list(_differences(orders, books))


def _differences(orders: Sequence[OrderFact], books: Books) -> Iterator[str]:
    dispatched = {order.order_no for order in orders if order.dispatched}
    instructed = {no for no, _ in books.documents}
    if dispatched != instructed:
        yield f"{len(dispatched)} orders are dispatched; the warehouses have {len(instructed)}"
    shipped = {order.order_no for order in orders if order.shipped}
    left = {no for pairs in books.shipped.values() for no, _ in pairs}
    if shipped != left:
        yield f"{len(shipped)} orders are shipped in the pool; {len(left)} left the warehouses"
    for code, told in books.ship_backs.items():
        wanted = books.shipped[code]
        wrong = [pair for pair in wanted if told[pair] != 1]
        if wrong:
            yield f"{len(wrong)} of {len(wanted)} parcels were not reported to {code} exactly once"
        if set(told) - wanted:
            yield f"{code} was told of {len(set(told) - wanted)} parcels that no warehouse shipped"
