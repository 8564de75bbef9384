"""The books of a load test: what the pool says went out, against what the simulated outside says came in."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from deployments.loadtest_verdict import Held
from models.database import transaction


@dataclass(frozen=True, slots=True)
class PoolBooks:
    """What the pool says: orders by (shop, number) that are held, per order its wait, and the fullest minute.

    `papers` are the (document number, order number) that were handed over.
    """

    waits_s: list[float]
    best_minute: int
    held: list[Held]
    stopped: frozenset[tuple[str, str]]
    papers: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Orders that nobody holds and no warehouse heard of; what came twice or should not have; parcels told to shops."""

    lost: int
    doubled: int
    shipped_back: int


def read_pool(began_at: datetime, listed_late: Mapping[str, int]) -> PoolBooks:
    """The pool's side, minutes counted from `began_at`.

    An order's wait begins with its payment, in shops of `listed_late` so many seconds later. It ends when the last of
    its instructions was noted as delivered, which is a moment after its warehouse had it: that is noted by the chunk.
    """
    with transaction() as conn:
        handed = conn.execute(
            """select extract(epoch from max(x.delivered_at) - o.paid_at)::float
                        - coalesce((%(late)s::jsonb->>p.code)::float, 0),
                      floor(extract(epoch from max(x.delivered_at) - %(began)s) / 60)::int
               from orders o join shop p on p.id = o.shop_id
               join (select distinct order_id, document_id from allocation) a on a.order_id = o.id
               join outbox x on x.kind = 'outbound.created' and x.subject_id = a.document_id
               group by o.id, p.code having bool_and(x.state = 'delivered')""",
            {"began": began_at, "late": Jsonb(dict(listed_late))},
        ).fetchall()
        papers = conn.execute(
            """select distinct d.no, o.order_no from allocation a join orders o on o.id = a.order_id
               join outbound_document d on d.id = a.document_id
               join outbox x on x.kind = 'outbound.created' and x.subject_id = d.id and x.state = 'delivered'"""
        ).fetchall()
        stopped = conn.execute(
            """select p.code, o.order_no, min(h.code) from hold h join orders o on o.id = h.order_id
               join shop p on p.id = o.shop_id where h.released_at is null group by 1, 2"""
        ).fetchall()
    minutes = Counter(minute for _, minute in handed)
    reasons = Counter(code for _, _, code in stopped)
    return PoolBooks(
        [wait for wait, _ in handed],
        max(minutes.values(), default=0),
        [Held(why, count) for why, count in reasons.most_common()],
        frozenset((shop, no) for shop, no, _ in stopped),
        frozenset((document, order) for document, order in papers),
    )


def compare(pool: PoolBooks, books: Mapping[str, Any], given: Mapping[str, int]) -> Difference:
    """Hold the pool's side against the sandbox's books; `given` are the orders that were put into each shop."""
    told: Counter[tuple[str, str]] = Counter()
    repeated = 0
    for warehouse in books["warehouses"].values():
        seen: set[tuple[str, int]] = set()
        for paper in warehouse["documents"]:
            version = (paper["outbound_no"], paper["version"])
            repeated += version in seen
            if version not in seen:
                told.update((paper["outbound_no"], order_no) for order_no in paper["order_nos"])
            seen.add(version)
    reached = {order_no for _, order_no in told}
    shops = {code: shop["orders"] for code, shop in books["shops"].items()}
    lost = sum((code, no) not in pool.stopped and no not in reached for code, nos in shops.items() for no in nos)
    lost += sum(max(count - len(shops[code]), 0) for code, count in given.items())
    lost += len(pool.papers - told.keys())
    strays = len(told.keys() - pool.papers)
    backs = [back for shop in books["shops"].values() for back in shop["ship_backs"]]
    distinct = {(back["order_no"], back["waybill"], tuple(back["line_nos"] or ())) for back in backs}
    return Difference(lost, repeated + strays + len(backs) - len(distinct), len(backs))
