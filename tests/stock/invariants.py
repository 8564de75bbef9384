"""What must be true of stock after every committed step, each by its number, asked of the pool itself."""

from models.database import Connection

_FACTS = """
  with held as (  -- what a part shipment took out is not locked any more
    select k.order_id, k.line_no, k.sku_id, k.warehouse_id, k.quantity - coalesce(a.shipped, 0) as units
    from lock k left join allocation a on a.order_id = k.order_id and a.line_no = k.line_no
      and a.sku_id = k.sku_id and a.warehouse_id = k.warehouse_id
    where k.state = 'open'),
  of_line as (
    select order_id, line_no, sku_id, sum(units) as kept, sum(units) filter (where warehouse_id is null) as unrouted
    from held group by 1, 2, 3),
  owed as (select order_id, line_no, sku_id, quantity as units from promise where state = 'open'),
  served as (
    select order_id, line_no, sku_id, sum(quantity) as allocated, sum(shipped) as shipped from allocation
    group by 1, 2, 3),
  boxed as (
    select l.order_id, l.line_no, l.sku_id, p.document_id, sum(l.quantity) as units
    from parcel_line l join parcel p on p.id = l.parcel_id group by 1, 2, 3, 4),
  line as (
    select s.stage, u.order_id, u.line_no, u.sku_id, u.quantity as wanted, coalesce(k.kept, 0) as kept,
      coalesce(k.unrouted, 0) as unrouted, coalesce(a.allocated, 0) as allocated, coalesce(o.units, 0) as owed
    from line_unit u join order_state s on s.order_id = u.order_id
    left join of_line k on (k.order_id, k.line_no, k.sku_id) = (u.order_id, u.line_no, u.sku_id)
    left join served a on (a.order_id, a.line_no, a.sku_id) = (u.order_id, u.line_no, u.sku_id)
    left join owed o on (o.order_id, o.line_no, o.sku_id) = (u.order_id, u.line_no, u.sku_id)
    where u.sku_id is not null),
  shelf as (
    select s.*, coalesce((select sum(units) from held h
                          where (h.warehouse_id, h.sku_id) = (s.warehouse_id, s.sku_id)), 0) as due_locked,
      s.opening + coalesce((select sum(quantity) from stock_movement m
                            where (m.warehouse_id, m.sku_id) = (s.warehouse_id, s.sku_id)), 0) as due_on_hand
    from stock s)
"""

_RULES: tuple[tuple[str, str], ...] = (
    (
        "I1: the pool of a SKU",
        """select format('SKU %s: %s of %s locked', sku_id, locked, on_hand) from sku_pool
           where locked < 0 or locked > on_hand""",
    ),
    (
        "I1: a shelf",
        """select format('SKU %s in %s: %s of %s locked, %s missing', sku_id, warehouse_id, locked, on_hand, missing)
           from stock where locked < 0 or locked > on_hand or missing < 0 or missing > locked""",
    ),
    (
        "I1: what lacks is told",
        """select format('SKU %s in %s: %s missing, shortfall of %s', s.sku_id, s.warehouse_id, s.missing, f.missing)
           from stock s full join (select * from shortfall where closed_at is null) f
             on (f.warehouse_id, f.sku_id) = (s.warehouse_id, s.sku_id)
           where coalesce(s.missing, 0) > 0 and f.id is null or coalesce(s.missing, 0) = 0 and f.id is not null""",
    ),
    (
        "I2: locked of a SKU",
        """select format('SKU %s: %s locked, its locks have %s', sku_id, locked, due) from (
             select p.*, coalesce((select sum(units) from held h where h.sku_id = p.sku_id), 0) as due
             from sku_pool p) x where locked <> due""",
    ),
    (
        "I2: locked of a shelf",
        """select format('SKU %s in %s: %s locked, its locks have %s', sku_id, warehouse_id, locked, due_locked)
           from shelf where locked <> due_locked""",
    ),
    (
        "I2: on hand of a shelf",
        """select format('SKU %s in %s: %s on hand, it should be %s', sku_id, warehouse_id, on_hand, due_on_hand)
           from shelf where on_hand <> due_on_hand""",
    ),
    (
        "I2: sums of a SKU",
        """select format('SKU %s: %s on hand, %s safety; its shelves have %s and %s', p.sku_id, p.on_hand, p.safety,
                         s.on_hand, s.safety)
           from sku_pool p left join (select sku_id, sum(on_hand) on_hand, sum(safety) safety from stock group by 1) s
             on s.sku_id = p.sku_id
           where (p.on_hand, p.safety) is distinct from (coalesce(s.on_hand, 0), coalesce(s.safety, 0))""",
    ),
    (
        "I3: an end has a time",
        "select format('lock %s is %s', id, state) from lock where (state = 'open') <> (ended_at is null)",
    ),
    (
        "I4: never more than is wanted",
        """select format('order %s line %s SKU %s: %s kept and %s promised of %s', order_id, line_no, sku_id, kept,
                         owed, wanted)
           from line where stage in ('ingested', 'validated', 'locked', 'routed') and kept + owed > wanted""",
    ),
    (
        "I4: nothing is kept for what nobody wants",
        """select format('order %s line %s SKU %s (%s): %s kept', k.order_id, k.line_no, k.sku_id, s.stage, k.kept)
           from of_line k join order_state s on s.order_id = k.order_id
           where s.stage <> 'dispatched' and not exists (
             select 1 from line l where (l.order_id, l.line_no, l.sku_id) = (k.order_id, k.line_no, k.sku_id))""",
    ),
    (
        "I6: nothing is kept for an order that ended",
        """select format('order %s is cancelled: %s kept, %s promised', s.order_id, k.kept, o.units)
           from order_state s left join of_line k on k.order_id = s.order_id left join owed o on o.order_id = s.order_id
           where s.stage = 'cancelled' and (k.kept > 0 or o.units > 0)""",
    ),
    (
        "I6: a locked order has all it wants, of the pool",
        """select format('order %s line %s SKU %s: %s of %s kept', order_id, line_no, sku_id, unrouted, wanted)
           from line where stage = 'locked' and (unrouted <> wanted or kept <> wanted)""",
    ),
    (
        "I6: a routed order has all it wants, of warehouses",
        """select format('order %s line %s SKU %s: %s of %s kept, %s allocated', order_id, line_no, sku_id, kept,
                         wanted, allocated)
           from line where stage = 'routed' and (unrouted <> 0 or kept <> wanted or allocated <> wanted)""",
    ),
    (
        "I6: what a document still has to ship is kept, and no more",
        # a remainder is what a document closed short lacks, or what came back of it while other parts of its order stay
        """select format('order %s line %s SKU %s in %s: %s of %s open in a document that is %s, %s remain', a.order_id,
                         a.line_no, a.sku_id, a.warehouse_id, coalesce(h.units, 0), a.quantity - a.shipped, d.state,
                         coalesce(r.units, 0))
           from allocation a join outbound_document d on d.id = a.document_id
           left join held h on (h.order_id, h.line_no, h.sku_id, h.warehouse_id)
                             = (a.order_id, a.line_no, a.sku_id, a.warehouse_id)
           left join remainder r on (r.document_id, r.order_id, r.line_no, r.sku_id)
                                  = (a.document_id, a.order_id, a.line_no, a.sku_id)
           where coalesce(h.units, 0) <> a.quantity - a.shipped - coalesce(r.units, 0)""",
    ),
    (
        "I6: who waits says why",
        """select format('order %s is %s without a hold', s.order_id, s.stage) from order_state s
           join batch b on b.id = s.batch_id and b.state = 'closed'
           where s.stage in ('validated', 'locked') and not exists (
             select 1 from hold h where h.order_id = s.order_id and (h.released_at is null or h.resume_due))""",
    ),
    (
        "I7: who paid has not expired",
        """select format('order %s is paid and expired', o.id) from orders o join order_state s on s.order_id = o.id
           where o.pay_state = 'paid' and s.stage <> 'ingested' and exists (
             select 1 from lock k where k.order_id = o.id and k.state = 'open' and k.expires_at is not null)""",
    ),
    (
        "I8: nothing shown beyond the version that is",
        """select format('listing %s: shown at version %s of %s', l.id, l.shown_version, v.version) from listing l
           join lateral (select coalesce((select sum(version) from sku_pool p where p.sku_id = l.sku_id), 0)
                              + coalesce((select sum(version) from stock s where s.sku_id = l.sku_id), 0) as version) v
             on true
           where l.shown_version > v.version
             and not exists (select 1 from kit_component c where c.kit_id = l.sku_id)""",
    ),
    (
        "I14: shipped is what lies in parcels",
        """select format('order %s line %s SKU %s: %s shipped, %s in parcels', a.order_id, a.line_no, a.sku_id,
                         a.shipped, b.units)
           from allocation a left join boxed b on (b.order_id, b.line_no, b.sku_id, b.document_id)
                                               = (a.order_id, a.line_no, a.sku_id, a.document_id)
           where a.shipped <> coalesce(b.units, 0)""",
    ),
    (
        "I14: ordered is open, shipped and given up",
        """select format('order %s line %s SKU %s: %s ordered, %s kept, %s allocated, %s shipped', l.order_id,
                         l.line_no, l.sku_id, l.wanted, l.kept, l.allocated, a.shipped)
           from line l join served a on (a.order_id, a.line_no, a.sku_id) = (l.order_id, l.line_no, l.sku_id)
           where l.kept + a.shipped > greatest(l.wanted, l.allocated) or a.shipped < 0""",
    ),
    (
        "promises: those that are open",
        """select format('SKU %s: %s promised of %s, open promises have %s', sku_id, promised, limit_units, due) from (
             select p.*, coalesce((select sum(units) from owed o where o.sku_id = p.sku_id), 0) as due
             from promise_pool p) x
           where promised <> due or promised > limit_units""",
    ),
    (
        "promises: only to who waits",
        """select format('order %s is %s and has an open promise', o.order_id, s.stage) from owed o
           join order_state s on s.order_id = o.order_id
           where s.stage not in ('ingested', 'validated')""",
    ),
    (
        "capacity: what is planned for a day",
        """select format('warehouse %s on %s: %s of %s used, allocations say %s', warehouse_id, day, used,
                         limit_documents, due) from (
             select d.*, (select count(distinct coalesce(-m.group_id, a.order_id)) from allocation a
                          left join merge_member m on m.order_id = a.order_id and m.left_at is null
                          where (a.warehouse_id, a.ship_day) = (d.warehouse_id, d.day)) as due
             from warehouse_day d) x
           where used <> due or used > limit_documents""",
    ),
    (
        "I26: who was routed by a plan has it stored",
        """select format('order %s: no plan', order_id) from allocation a
           where basis = 'p' and not exists (select 1 from route_plan p where p.order_id = a.order_id)""",
    ),
)

QUERY = (
    _FACTS
    + "\nunion all\n".join(
        f"select * from (select '{rule}', what from ({query}) found(what)) r{number}"
        for number, (rule, query) in enumerate(_RULES)
    )
).encode()
"""Every rule in one statement, so that all of them see the same moment."""


def broken_rules(conn: Connection) -> list[str]:
    """Which of the rules the pool breaks now, with the row that breaks it; empty when it breaks none."""
    return [f"{rule}: {what}" for rule, what in conn.execute(QUERY, prepare=True).fetchall()]
