"""What the reconciler compares: every fact of orders and stock once, beside what its owners make of it.

A unit of stock that an order has is written down several times on its way: in the order's line, in the lock of the
SKU pool, in the allocation, in the lock of the warehouse. Where one of them differs, it is the one that is wrong, and
sums are compared with what the others say; so one wrong row gives one finding.
"""

from models.database import Connection
from tasks.shop_settings import capabilities_of

# The stage an order must have is that of its last stage event; its locks moved to warehouses when it was last routed.
_STAGE = """
  create temp table told_stage on commit drop as
    select order_id, (array_agg(what order by id desc))[1] as stage,
           max(at) filter (where what = 'routed') as routed_at
    from event where what in ('ingested', 'validated', 'locked', 'routed', 'dispatched', 'cancelled')
    group by order_id;
  create unique index on told_stage (order_id);
  analyze told_stage"""

# Per allocation, and per lock of a warehouse that belongs to the order's present route, or was opened later for what
# a document lacked. `left_told` is what the allocation says of what left, `left_boxed` what lies in parcels. Units that
# another document took over count there; `whole` is what was allocated at first.
_SHARE = """
  create temp table share on commit drop as
    with placed as (
      select k.order_id, k.line_no, k.sku_id, k.warehouse_id, k.turn, k.quantity, k.state from lock k
      join told_stage t on t.order_id = k.order_id
      where k.warehouse_id is not null
        and (k.state = 'open' or t.stage in ('routed', 'dispatched')
             and (k.turn = 1 and k.locked_at = t.routed_at or k.turn > 1 and k.locked_at >= t.routed_at))),
    boxed as (
      select l.order_id, l.line_no, l.sku_id, p.document_id, sum(l.quantity)::bigint as units
      from parcel_line l join parcel p on p.id = l.parcel_id group by 1, 2, 3, 4)
    select order_id, line_no, sku_id, warehouse_id, turn, a.quantity - coalesce(r.moved_on, 0) as allocated,
           k.quantity - coalesce(r.moved_on, 0) as placed, k.state as state, a.quantity as whole,
           coalesce(a.shipped, 0) as left_told, coalesce(b.units, 0) as left_boxed,
           coalesce(d.state = 'short', false) or r.units is not null as closed_short
    from allocation a full join placed k using (order_id, line_no, sku_id, warehouse_id, turn)
    left join (select id as document_id, state from outbound_document) d using (document_id)
    left join (select document_id, order_id, line_no, sku_id, units,
                      case when state = 'placed' then units end as moved_on from remainder) r
      using (document_id, order_id, line_no, sku_id)
    left join boxed b using (order_id, line_no, sku_id, document_id);
  create index on share (order_id, line_no, sku_id);
  analyze share"""

# Per order line and SKU: what its line wants, what its locks and allocations have of it, what it was promised.
# `is_routed`: on its way through a warehouse; a line closed after that is still what was decided on.
_LINE = """
  create temp table line_fact on commit drop as
    with wanted as (
      select l.order_id, l.line_no, coalesce(c.sku_id, l.sku_id) as sku_id, l.state = 'closed' as closed,
             l.quantity::bigint * coalesce(c.per_unit, 1) as units
      from order_line l left join line_component c on c.order_id = l.order_id and c.line_no = l.line_no
      where l.sku_id is not null),
    pooled as (
      select k.order_id, k.line_no, k.sku_id,
             coalesce(sum(k.quantity) filter (where k.state = 'open'), 0)::bigint as open_units,
             coalesce(sum(k.quantity) filter (where k.state = 'moved'), 0)::bigint as moved_units
      from lock k join told_stage t on t.order_id = k.order_id
      where k.warehouse_id is null and (k.state = 'open' or k.ended_at = t.routed_at and k.state = 'moved'
                                        and t.stage in ('routed', 'dispatched')) group by 1, 2, 3),
    shared as (
      select order_id, line_no, sku_id, coalesce(sum(allocated), 0)::bigint as allocated,
             coalesce(sum(placed), 0)::bigint as placed, sum(left_told) as left_told, sum(left_boxed) as left_boxed
      from share group by 1, 2, 3),
    owed as (
      select order_id, line_no, sku_id, sum(quantity)::bigint as units from promise
      where state = 'open' group by 1, 2, 3),
    whole as (
      select order_id, line_no, sku_id, t.stage, coalesce(t.stage in ('routed', 'dispatched'), false) as is_routed,
             coalesce(p.open_units, 0) as pooled, coalesce(p.moved_units, 0) as moved,
             coalesce(s.allocated, 0) as allocated, coalesce(s.placed, 0) as placed,
             coalesce(s.left_told, 0) as left_told, coalesce(s.left_boxed, 0) as left_boxed,
             coalesce(o.units, 0) as owed,
             case when t.stage = 'cancelled' then 0
                  when w.closed and (t.stage not in ('routed', 'dispatched') or coalesce(p.moved_units, 0) = 0
                                     and coalesce(s.allocated, 0) = 0 and coalesce(s.placed, 0) = 0) then 0
                  else greatest(coalesce(w.units, 0), 0) end as wanted
      from wanted w full join pooled p using (order_id, line_no, sku_id)
      full join shared s using (order_id, line_no, sku_id) full join owed o using (order_id, line_no, sku_id)
      left join told_stage t using (order_id))
    select *, case when is_routed and moved = allocated and allocated = placed then moved else wanted end as due
    from whole;
  create index on line_fact (order_id, line_no, sku_id);
  analyze line_fact"""

# What must be locked per SKU, and per shelf: by what orders are due, and by the rows of their locks. The two differ
# only where a row is wrong, and then that row is named.
_LOCKED = """
  create temp table shelf_locked on commit drop as
    select s.warehouse_id, s.sku_id,
           sum(case when f.allocated = f.due then
                 case when s.allocated is null or s.whole = s.left_boxed or s.closed_short then 0
                      else s.allocated - s.left_boxed end
               when s.state = 'open' then s.placed - s.left_boxed else 0 end)::bigint as due,
           sum(case when s.state = 'open' then s.placed - s.left_told else 0 end)::bigint as by_rows
    from share s join line_fact f using (order_id, line_no, sku_id) where f.is_routed or s.state = 'open' group by 1, 2;
  create temp table pool_locked on commit drop as
    select sku_id, sum(due)::bigint as due, sum(by_rows)::bigint as by_rows, sum(doubt)::bigint as doubt from (
      select sku_id, due, by_rows, 0 as doubt from shelf_locked
      union all
      select sku_id,
             case stage when 'locked' then due when 'ingested' then least(pooled, due)
                  when 'validated' then least(pooled, due) else 0 end,
             pooled,
             case when stage in ('ingested', 'validated') and pooled > due then due else 0 end
      from line_fact) units
    group by 1"""

_OWED = """
  create temp table promised on commit drop as
    select sku_id, sum(owed)::bigint as by_rows,
           sum(case when stage = 'validated' and owed > 0 then greatest(due - pooled, 0)
                    when stage in ('ingested', 'validated') then least(owed, due) else 0 end)::bigint as due
    from line_fact where owed > 0 group by 1"""


def gather(conn: Connection) -> None:
    """Make the tables of facts for the rest of the transaction."""
    for statement in (_STAGE, _SHARE, _LINE, _LOCKED, _OWED):
        conn.execute(statement.encode())
    _list_told_shops(conn)


def _list_told_shops(conn: Connection) -> None:
    """The shops that are told of parcels, and whether each of them only when an order is complete."""
    conn.execute("create temp table told_shop (shop_id int primary key, numbers_at_once bool not null) on commit drop")
    shops = conn.execute("select id, code, channel, settings->'capabilities' from shop").fetchall()
    for shop_id, code, channel, own in shops:
        capabilities = capabilities_of(code, channel, own or {})
        if capabilities.reports_shipping:
            conn.execute("insert into told_shop values (%s, %s)", (shop_id, capabilities.numbers_at_once))
