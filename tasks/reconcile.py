"""reconcile: recompute every fact from what owns it, and name the facts that differ.

Each quantity is compared with what its owners say, never with another derived quantity, so one wrong row
gives one finding: stock by opening and movements, locks by order lines and the order's way, stages by events.
"""

from collections.abc import Callable
from dataclasses import dataclass

from models.database import Connection, connect
from tasks.reconcile_facts import gather
from tasks.reconcile_returns import RETURN_CHECKS
from tasks.reconcile_stock import STOCK_CHECKS
from tasks.reconcile_waybills import WAYBILL_CHECKS

_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "order stage",
        """select format('order %s of %s: stage is %s; its events say %s', o.order_no, p.code,
                         coalesce(s.stage, 'missing'), coalesce(t.stage, 'nothing'))
           from order_state s full join told_stage t on t.order_id = s.order_id
           join orders o on o.id = coalesce(s.order_id, t.order_id) join shop p on p.id = o.shop_id
           where s.stage is distinct from t.stage order by o.id""",
    ),
    (
        "order rows",
        """select format('order %s of %s: has no %s', o.order_no, p.code,
                         case when s.order_id is null then 'state' else 'receiver' end)
           from orders o join shop p on p.id = o.shop_id
           left join order_state s on s.order_id = o.id left join receiver r on r.order_id = o.id
           where (s.order_id is null and not exists (select 1 from told_stage t where t.order_id = o.id))
              or r.order_id is null order by o.id""",
    ),
    *STOCK_CHECKS,
    *RETURN_CHECKS,
    (
        "document",
        """select format('order %s: was dispatched, yet %s', string_agg(o.order_no, ', ' order by o.id),
                         case when d.id is null then 'has no outbound document'
                              else d.no || ' was never handed over' end)
           from told_stage t join orders o on o.id = t.order_id
           join (select distinct order_id, document_id from allocation) a on a.order_id = t.order_id
           left join outbound_document d on d.id = a.document_id
           left join outbox x on x.kind = 'outbound.created' and x.subject_id = d.id
           where t.stage = 'dispatched' and (d.id is null or x.id is null)
           group by coalesce(d.id, -o.id), d.id, d.no order by min(o.id)""",
    ),
    (
        "merge",
        # who is in a merge owns which orders share a document; a row in the wrong place is told once, with its merge
        """with paper as (
             select p.document_id, min(m.group_id) as group_id,
                    count(distinct coalesce(m.group_id, -p.order_id)) as units,
                    array_agg(p.order_id order by p.order_id) as orders
             from (select distinct document_id, order_id from allocation
                   where document_id is not null and turn = 1) p
             left join merge_member m on m.order_id = p.order_id and m.left_at is null group by 1
             having count(*) > 1 or min(m.group_id) is not null),
           company as (
             select m.group_id, count(distinct m.order_id) as members, bool_and(a.document_id is null) as undispatched,
                    count(distinct a.warehouse_id) > 1
                      or count(distinct a.order_id) not in (0, count(distinct m.order_id)) as scattered
             from merge_member m left join allocation a on a.order_id = m.order_id and a.turn = 1
             where m.left_at is null group by 1),
           wrong as (
             select distinct coalesce(p.group_id, -p.document_id) as id,
                    'its orders do not share one document, or others do' as why
             from paper p left join (select group_id, array_agg(order_id order by order_id) as orders from merge_member
                                     where left_at is null group by 1) c on c.group_id = p.group_id
             where p.units > 1 or c.orders is distinct from p.orders),
           all_wrong as (
             select * from wrong
             union all
             select g.id, case when g.ended_at is not null then 'it ended, and orders are in it'
                               when coalesce(c.members, 0) < 2 then 'it did not end, and has fewer than two orders'
                               else 'its orders are not routed to one warehouse' end
             from merge_group g left join company c on c.group_id = g.id
             where g.id not in (select id from wrong)
               and ((g.ended_at is null) <> (coalesce(c.members, 0) > 1) or c.undispatched and c.scattered))
           select case when w.id < 0 then format('document %s: %s', d.no, 'several orders share it that are not merged')
                       else format('merge %s of %s: %s', w.id, p.code, w.why) end
           from all_wrong w left join merge_group g on g.id = w.id left join shop p on p.id = g.shop_id
           left join outbound_document d on d.id = -w.id order by w.id""",
    ),
    (
        "room wait",
        """select format('order %s: waits for room in %s, yet it is %s', o.order_no, w.code,
                         case t.stage when 'routed' then 'not to leave from there'
                         else coalesce(t.stage, 'nothing') end)
           from release_wait r join orders o on o.id = r.order_id join warehouse w on w.id = r.warehouse_id
           left join told_stage t on t.order_id = r.order_id
           where t.stage is distinct from 'routed' or not exists (
             select from allocation a where a.order_id = r.order_id and a.warehouse_id = r.warehouse_id)
           order by o.id""",
    ),
    (
        "floor",
        """select case when (t.state = 'done') <> (d.state in ('shipped', 'short', 'rejected', 'cancelled'))
                       then format('document %s: is %s, yet on the floor of its warehouse it is %s',
                                   d.no, d.state, t.state)
                       else format('document %s: %s units were scanned out, yet %s lie in its parcels',
                                   d.no, u.boxed, coalesce(p.units, 0)) end
           from floor_task t join outbound_document d on d.id = t.document_id
           cross join lateral (select sum(boxed) as boxed from floor_unit where document_id = t.document_id) u
           left join (select p.document_id, sum(l.quantity) as units from parcel p
                      join parcel_line l on l.parcel_id = p.id group by 1) p on p.document_id = t.document_id
           where (t.state = 'done') <> (d.state in ('shipped', 'short', 'rejected', 'cancelled'))
              or u.boxed is distinct from coalesce(p.units, 0)
           order by t.document_id""",
    ),
    (
        "amended lines",
        """select format('order %s: lines that the shop changed after its dispatch are kept, yet it is %s',
                         o.order_no, coalesce(t.stage, 'nothing'))
           from (select distinct order_id from amended_line) a join orders o on o.id = a.order_id
           left join told_stage t on t.order_id = a.order_id
           where t.stage is distinct from 'dispatched' order by o.id""",
    ),
    (
        "effect",
        """select format('parcel %s of %s: nothing was written to %s', p.waybill, d.no, missing.kind)
           from parcel p join outbound_document d on d.id = p.document_id
           left join told_shop s on s.shop_id = d.shop_id
           left join (select distinct pl.parcel_id from parcel_line pl join allocation a on a.order_id = pl.order_id
                      left join outbound_document x on x.id = a.document_id
                      where coalesce(x.state, '') not in ('shipped', 'short') and not exists (
                        select from remainder r where r.document_id = x.id and r.order_id = pl.order_id)
                      union
                      select pl.parcel_id from parcel_line pl join remainder r on r.order_id = pl.order_id
                      where r.state = 'open' and r.way in ('reroute', 'back_order')) more on more.parcel_id = p.id
           cross join lateral (values ('ship_back'), ('subscribe')) missing(kind)
           where (missing.kind = 'subscribe'
                  or s.shop_id is not null and (not s.numbers_at_once or more.parcel_id is null)
                    and not exists (select 1 from parcel_line l join replacement r on r.order_id = l.order_id
                                    where l.parcel_id = p.id))
             and not exists (select 1 from outbox x where x.kind = missing.kind and x.subject_id = p.id)
           order by p.id, 1""",
    ),
    *WAYBILL_CHECKS,
)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A fact that its owner contradicts: what kind of fact, and the sentence that names it."""

    kind: str
    sentence: str


def reconcile(progress: Callable[[str], None] = lambda kind: None) -> list[Mismatch]:
    """Every fact of the pool that differs from what owns it, from one snapshot; empty when all agree.

    Runs beside a working system: it sees only whole transactions, so it raises no false alarm under load.
    """
    found = []
    with connect() as conn:
        conn.execute("set transaction isolation level repeatable read")
        conn.execute("set local statement_timeout = 0")
        gather(conn)
        for kind, query in _CHECKS:
            progress(kind)
            found += [Mismatch(kind, row[0]) for row in _rows(conn, query)]
        conn.rollback()
    return found


def _rows(conn: Connection, query: str) -> list[tuple[str]]:
    return conn.execute(query.encode()).fetchall()
