"""reconcile: recompute every fact from what owns it, and name the facts that differ.

Each quantity is compared with what its owners say, never with another derived quantity, so one wrong row
gives one finding: stock by opening and movements, locks by order lines and the order's way, stages by events.
"""

from collections.abc import Callable
from dataclasses import dataclass

from models.database import Connection, connect
from tasks.shop_settings import capabilities_of

# The stage an order must have is that of its last stage event; its present life began with its last "ingested".
_STAGE = """
  create temp table told_stage on commit drop as
    select order_id, (array_agg(what order by id desc))[1] as stage,
           max(at) filter (where what = 'ingested') as began_at
    from event where what in ('ingested', 'validated', 'locked', 'routed', 'dispatched', 'cancelled')
    group by order_id;
  create unique index on told_stage (order_id);
  analyze told_stage;
"""

# The locks there must be. Of the pool: open while an order is locked, moved once it is routed. Of the warehouse:
# open until the document is closed, consumed when all of it left. What a part shipment took out is not locked.
_LOCKS = """
  create temp table due_lock on commit drop as
    select l.order_id, l.line_no, null::int as warehouse_id, l.sku_id, l.quantity, 'open' as state, 0 as shipped
    from told_stage t join order_line l on l.order_id = t.order_id
    where t.stage = 'locked' and l.state <> 'closed'
    union all
    select distinct a.order_id, a.line_no, null::int, l.sku_id, l.quantity, 'moved', 0
    from allocation a join told_stage t on t.order_id = a.order_id
    join order_line l on l.order_id = a.order_id and l.line_no = a.line_no
    where t.stage in ('routed', 'dispatched')
    union all
    select a.order_id, a.line_no, a.warehouse_id, l.sku_id, l.quantity,
           case when coalesce(p.units, 0) = a.quantity then 'consumed' when d.state = 'short' then 'released'
                else 'open' end,
           coalesce(p.units, 0)
    from allocation a join told_stage t on t.order_id = a.order_id
    join order_line l on l.order_id = a.order_id and l.line_no = a.line_no
    left join outbound_document d on d.id = a.document_id
    left join (select document_id, order_id, line_no, sum(quantity) units
               from parcel_line join parcel on parcel.id = parcel_id group by 1, 2, 3) p
      on p.document_id = a.document_id and p.order_id = a.order_id and p.line_no = a.line_no
    where t.stage in ('routed', 'dispatched');
  create index on due_lock (order_id, line_no);
  analyze due_lock;
"""

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
    (
        "lock",
        """select format('lock of order %s line %s (SKU %s, %s): %s', o.order_no, coalesce(d.line_no, k.line_no),
                         u.code, coalesce(w.code, 'pool'),
                         case when k.order_id is null then format('is missing; want %s units %s', d.quantity, d.state)
                              when d.order_id is null then format('is open with %s units for nothing', k.quantity)
                              else format('is %s with %s units of %s; its order wants %s units %s',
                                          k.state, k.quantity, n.code, d.quantity, d.state) end)
           from due_lock d
           full join (select k.* from lock k join told_stage t on t.order_id = k.order_id
                      where k.state = 'open' or (k.locked_at >= t.began_at and (
                        k.warehouse_id is not null or k.state = 'moved' or t.stage in ('routed', 'dispatched')))) k
             on k.order_id = d.order_id and k.line_no = d.line_no
             and k.warehouse_id is not distinct from d.warehouse_id
           join orders o on o.id = coalesce(d.order_id, k.order_id)
           join sku u on u.id = coalesce(d.sku_id, k.sku_id)
           left join sku n on n.id = k.sku_id
           left join warehouse w on w.id = coalesce(d.warehouse_id, k.warehouse_id)
           where (k.quantity, k.sku_id, k.state) is distinct from (d.quantity, d.sku_id, d.state)
             and (d.order_id is not null or k.state = 'open') order by o.id, 1""",
    ),
    (
        "stock",
        """select format('stock of SKU %s in %s: %s', u.code, w.code, concat_ws(' and ',
                     case when s.on_hand <> s.opening + coalesce(m.units, 0)
                       then format('on hand is %s; opening and movements give %s',
                                   s.on_hand, s.opening + coalesce(m.units, 0)) end,
                     case when s.locked <> coalesce(d.units, 0)
                       then format('locked is %s; its orders lock %s', s.locked, coalesce(d.units, 0)) end))
           from stock s join sku u on u.id = s.sku_id join warehouse w on w.id = s.warehouse_id
           left join (select warehouse_id, sku_id, sum(quantity) units from stock_movement group by 1, 2) m
             on m.warehouse_id = s.warehouse_id and m.sku_id = s.sku_id
           left join (select warehouse_id, sku_id, sum(quantity - shipped) units from due_lock
                      where state = 'open' group by 1, 2) d
             on d.warehouse_id = s.warehouse_id and d.sku_id = s.sku_id
           where s.on_hand <> s.opening + coalesce(m.units, 0) or s.locked <> coalesce(d.units, 0)
           order by u.code, w.code""",
    ),
    (
        "SKU pool",
        """select format('pool of SKU %s: %s', u.code, concat_ws(' and ',
                     case when p.on_hand not in (coalesce(s.told, 0), coalesce(s.there, 0))
                       then format('on hand is %s; its warehouses give %s', p.on_hand, coalesce(s.told, 0)) end,
                     case when p.locked <> coalesce(d.units, 0)
                       then format('locked is %s; its orders lock %s', p.locked, coalesce(d.units, 0)) end))
           from sku_pool p join sku u on u.id = p.sku_id
           left join (select s.sku_id, sum(s.opening + coalesce(m.units, 0)) told, sum(s.on_hand) there from stock s
                      left join (select warehouse_id, sku_id, sum(quantity) units from stock_movement group by 1, 2) m
                        on m.warehouse_id = s.warehouse_id and m.sku_id = s.sku_id group by 1) s on s.sku_id = p.sku_id
           left join (select sku_id, sum(quantity - shipped) units from due_lock where state = 'open' group by 1) d
             on d.sku_id = p.sku_id
           where p.on_hand not in (coalesce(s.told, 0), coalesce(s.there, 0)) or p.locked <> coalesce(d.units, 0)
           order by u.code""",
    ),
    (
        "allocation",
        """select format('order %s line %s: %s units of it are in parcels; its allocation says %s were shipped',
                         o.order_no, a.line_no, coalesce(p.units, 0), a.shipped)
           from (select order_id, line_no, sum(shipped) shipped from allocation group by 1, 2) a
           join orders o on o.id = a.order_id
           left join (select order_id, line_no, sum(quantity) units from parcel_line group by 1, 2) p
             on p.order_id = a.order_id and p.line_no = a.line_no
           where a.shipped <> coalesce(p.units, 0) order by o.id""",
    ),
    (
        "document",
        """select format('order %s: was dispatched, yet %s', o.order_no,
                         case when d.id is null then 'has no outbound document'
                              else d.no || ' was never handed over' end)
           from told_stage t join orders o on o.id = t.order_id
           left join allocation a on a.order_id = t.order_id left join outbound_document d on d.id = a.document_id
           left join outbox x on x.kind = 'outbound.created' and x.subject_id = d.id
           where t.stage = 'dispatched' and (d.id is null or x.id is null) order by o.id""",
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
                      where coalesce(x.state, '') not in ('shipped', 'short')) more on more.parcel_id = p.id
           cross join lateral (values ('ship_back'), ('subscribe')) missing(kind)
           where (missing.kind = 'subscribe'
                  or s.shop_id is not null and (not s.numbers_at_once or more.parcel_id is null))
             and not exists (select 1 from outbox x where x.kind = missing.kind and x.subject_id = p.id)
           order by p.id, 1""",
    ),
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
        conn.execute(_STAGE.encode())
        conn.execute(_LOCKS.encode())
        _list_told_shops(conn)
        for kind, query in _CHECKS:
            progress(kind)
            found += [Mismatch(kind, row[0]) for row in _rows(conn, query)]
        conn.rollback()
    return found


def _list_told_shops(conn: Connection) -> None:
    """The shops that are told of parcels, and whether each of them only when an order is complete."""
    conn.execute("create temp table told_shop (shop_id int primary key, numbers_at_once bool not null) on commit drop")
    shops = conn.execute("select id, code, channel, settings->'capabilities' from shop").fetchall()
    for shop_id, code, channel, own in shops:
        capabilities = capabilities_of(code, channel, own or {})
        if capabilities.reports_shipping:
            conn.execute("insert into told_shop values (%s, %s)", (shop_id, capabilities.numbers_at_once))


def _rows(conn: Connection, query: str) -> list[tuple[str]]:
    return conn.execute(query.encode()).fetchall()
