"""What the reconciler asks of stock: each query gives one sentence per fact that its owners contradict."""

_PLACE = "join orders o on o.id = f.order_id join sku u on u.id = f.sku_id"

STOCK_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "order line",
        f"""select format('order %s line %s: wants %s; its locks and allocations have %s', o.order_no, f.line_no,
                          string_agg(f.wanted || ' of ' || u.code, ', ' order by u.code),
                          string_agg(f.due || ' of ' || u.code, ', ' order by u.code))
            from line_fact f {_PLACE}
            where f.is_routed and f.wanted <> f.due group by o.id, o.order_no, f.line_no order by o.id, f.line_no""",
    ),
    (
        "lock",
        f"""select format('lock of order %s line %s of the pool: has %s; its order is %s and wants %s',
                          o.order_no, f.line_no,
                          string_agg((f.pooled + f.moved) || ' of ' || u.code, ', ' order by u.code),
                          f.stage,
                          string_agg(case when f.owed > 0 then (f.due - f.owed) || ' of ' || u.code || ' beside '
                                       || f.owed || ' promised'
                                     when f.is_routed then f.due || ' of ' || u.code || ' moved'
                                     when f.stage = 'cancelled' then 'nothing' else f.due || ' of ' || u.code end,
                                     ', ' order by u.code))
            from line_fact f {_PLACE}
            where case when f.is_routed then f.moved <> f.due or f.pooled <> 0 or f.owed <> 0
                       when f.stage = 'locked' then f.pooled <> f.due or f.owed <> 0
                       when f.stage = 'validated' and f.owed > 0 then f.pooled + f.owed <> f.due
                       else f.pooled + f.owed > f.due end
            group by o.id, o.order_no, f.line_no, f.stage order by o.id, f.line_no""",
    ),
    (
        "lock",
        f"""select format('lock of order %s line %s of its warehouses: has %s; its order is %s and wants %s',
                          o.order_no, f.line_no,
                          string_agg(f.placed || ' of ' || u.code, ', ' order by u.code), f.stage,
                          string_agg(case when f.is_routed then f.due || ' of ' || u.code else 'none' end, ', '
                                     order by u.code))
            from line_fact f {_PLACE}
            where f.placed <> case when f.is_routed then f.due else 0 end
            group by o.id, o.order_no, f.line_no, f.stage order by o.id, f.line_no""",
    ),
    (
        "lock",
        """select format('lock of order %s line %s of %s (SKU %s): is %s; its order wants it %s', o.order_no, s.line_no,
                         w.code, u.code, s.state,
                         case when s.whole = s.left_told then 'consumed' when s.closed_short then 'released'
                              else 'open' end)
           from share s join orders o on o.id = s.order_id join sku u on u.id = s.sku_id
           join warehouse w on w.id = s.warehouse_id
           where s.allocated is not null and s.placed is not null
             and s.state <> case when s.whole = s.left_told then 'consumed' when s.closed_short then 'released'
                                 else 'open' end
             and s.state <> case when s.whole = s.left_boxed then 'consumed' when s.closed_short then 'released'
                                 else 'open' end
           order by o.id, 1""",
    ),
    (
        "allocation",
        f"""select format('allocation of order %s line %s: has %s; its order is %s and wants %s', o.order_no, f.line_no,
                          string_agg(f.allocated || ' of ' || u.code, ', ' order by u.code), f.stage,
                          string_agg(case when f.is_routed then f.due || ' of ' || u.code else 'none' end, ', '
                                     order by u.code))
            from line_fact f {_PLACE}
            where f.allocated <> case when f.is_routed then f.due else 0 end
            group by o.id, o.order_no, f.line_no, f.stage order by o.id, f.line_no""",
    ),
    (
        "allocation",
        """select format('order %s line %s: its locks lie in %s; its allocations are of %s', o.order_no, f.line_no,
                         string_agg(s.placed || ' of ' || u.code || ' in ' || w.code, ', ' order by w.code)
                           filter (where s.placed is not null),
                         string_agg(s.allocated || ' of ' || u.code || ' in ' || w.code, ', ' order by w.code)
                           filter (where s.allocated is not null))
           from line_fact f join share s using (order_id, line_no, sku_id) join orders o on o.id = f.order_id
           join sku u on u.id = f.sku_id join warehouse w on w.id = s.warehouse_id
           where f.allocated = f.due and f.placed = f.due group by o.id, o.order_no, f.line_no, f.sku_id
           having bool_or(s.placed is distinct from s.allocated) order by o.id, f.line_no""",
    ),
    (
        "allocation",
        """select format('order %s line %s: %s units of it are in parcels; its allocation says %s were shipped',
                         o.order_no, f.line_no, sum(f.left_boxed), sum(f.left_told))
           from line_fact f join orders o on o.id = f.order_id
           group by o.id, o.order_no, f.line_no
           having bool_or(f.left_boxed <> f.left_told) and bool_and(f.allocated > 0)
           order by o.id, f.line_no""",
    ),
    (
        "remainder",
        # what a document lacks and what it shipped are what it was to ship; what was placed again is in later turns
        """select format('order %s line %s: %s', o.order_no, f.line_no, string_agg(f.why, '; ' order by f.why))
           from (
             select order_id, line_no, format('%s of it lack in %s; its remainder says %s', a.quantity - a.shipped,
                                              d.no, coalesce(r.units, 0)) as why
             from allocation a join outbound_document d on d.id = a.document_id
             left join remainder r using (document_id, order_id, line_no, sku_id)
             where (d.state = 'short' or r.units is not null) and a.quantity - a.shipped <> coalesce(r.units, 0)
             union all
             select order_id, line_no, format('%s of it were placed again; later documents have %s',
                                              coalesce(r.units, 0), coalesce(a.units, 0))
             from (select order_id, line_no, sku_id, sum(units) as units from remainder where state = 'placed'
                   group by 1, 2, 3) r
             full join (select order_id, line_no, sku_id, sum(quantity) as units from allocation where turn > 1
                        group by 1, 2, 3) a using (order_id, line_no, sku_id)
             where r.units is distinct from a.units) f
           join orders o on o.id = f.order_id group by o.id, o.order_no, f.line_no order by o.id, f.line_no""",
    ),
    (
        "stock",
        """select format('stock of SKU %s in %s: %s', u.code, w.code, concat_ws(' and ',
                     case when s.on_hand <> s.opening + coalesce(m.units, 0)
                       then format('on hand is %s; opening and movements give %s',
                                   s.on_hand, s.opening + coalesce(m.units, 0)) end,
                     case when s.locked not in (coalesce(d.due, 0), coalesce(d.by_rows, 0))
                       then format('locked is %s; its orders lock %s', s.locked, coalesce(d.due, 0)) end))
           from stock s join sku u on u.id = s.sku_id join warehouse w on w.id = s.warehouse_id
           left join (select warehouse_id, sku_id, sum(quantity) units from stock_movement group by 1, 2) m
             using (warehouse_id, sku_id)
           left join shelf_locked d using (warehouse_id, sku_id)
           where s.on_hand <> s.opening + coalesce(m.units, 0)
              or s.locked not in (coalesce(d.due, 0), coalesce(d.by_rows, 0))
           order by u.code, w.code""",
    ),
    (
        "SKU pool",
        """select format('pool of SKU %s: %s', u.code, concat_ws(' and ',
                     case when p.on_hand not in (coalesce(s.told, 0), coalesce(s.there, 0))
                       then format('on hand is %s; its warehouses give %s', p.on_hand, coalesce(s.told, 0)) end,
                     case when p.safety <> coalesce(s.safety, 0)
                       then format('safety stock is %s; its warehouses give %s', p.safety, coalesce(s.safety, 0)) end,
                     case when not coalesce(d.fits, p.locked = 0)
                       then format('locked is %s; its orders lock %s', p.locked, coalesce(d.due, 0)) end))
           from sku_pool p join sku u on u.id = p.sku_id
           left join (select s.sku_id, sum(s.opening + coalesce(m.units, 0)) told, sum(s.on_hand) there,
                             sum(s.safety) safety from stock s
                      left join (select warehouse_id, sku_id, sum(quantity) units from stock_movement group by 1, 2) m
                        using (warehouse_id, sku_id) group by 1) s on s.sku_id = p.sku_id
           left join lateral (
             select l.due, p.locked in (l.due, l.by_rows) or p.locked between l.due - l.doubt and l.due as fits
             from pool_locked l where l.sku_id = p.sku_id) d on true
           where p.on_hand not in (coalesce(s.told, 0), coalesce(s.there, 0)) or p.safety <> coalesce(s.safety, 0)
              or not coalesce(d.fits, p.locked = 0)
           order by u.code""",
    ),
    (
        "shortfall",
        """select format('SKU %s in %s: %s units are missing, and %s', u.code, w.code, s.missing,
                         case when f.id is null then 'no shortfall says so' else 'a shortfall is open' end)
           from stock s join sku u on u.id = s.sku_id join warehouse w on w.id = s.warehouse_id
           left join shortfall f on f.warehouse_id = s.warehouse_id and f.sku_id = s.sku_id and f.closed_at is null
           where (s.missing > 0) <> (f.id is not null) order by u.code, w.code""",
    ),
    (
        "promise",
        """select format('promises of SKU %s: %s units are counted; its orders were promised %s', u.code, p.promised,
                         coalesce(d.by_rows, 0))
           from promise_pool p join sku u on u.id = p.sku_id left join promised d on d.sku_id = p.sku_id
           where p.promised not in (coalesce(d.by_rows, 0), coalesce(d.due, 0)) order by u.code""",
    ),
    (
        "capacity",
        # an allocation under a wrong day is too much there and too little here: one finding
        """with planned as (
             select a.warehouse_id, a.ship_day as day, count(distinct coalesce(-m.group_id, a.order_id)) as documents
             from allocation a left join merge_member m on m.order_id = a.order_id and m.left_at is null
             where a.ship_day is not null group by 1, 2),
           lost as (  -- of an order whose allocation is gone, the day is not known
             select s.warehouse_id, count(distinct s.order_id) as documents from share s
             where s.allocated is null group by 1),
           off as (
             select warehouse_id, day, coalesce(d.used, 0) as used, coalesce(p.documents, 0) as documents,
                    coalesce(d.used, 0) > coalesce(p.documents, 0) as more,
                    row_number() over (partition by warehouse_id, coalesce(d.used, 0) > coalesce(p.documents, 0)
                                       order by day) as place
             from warehouse_day d full join planned p using (warehouse_id, day)
             left join lost l using (warehouse_id)
             where coalesce(d.used, 0) not between coalesce(p.documents, 0)
                                               and coalesce(p.documents, 0) + coalesce(l.documents, 0))
           select format('days of %s: %s', w.code, string_agg(
                    format('%s has %s documents counted, %s planned', f.day, f.used, f.documents), '; ' order by f.day))
           from off f join warehouse w on w.id = f.warehouse_id group by w.code, f.place order by w.code, f.place""",
    ),
    (
        "plan",
        """select format('order %s: %s', o.order_no, case when a.by_plan then 'was routed by a plan, and none is stored'
                                                        else 'has a plan stored, and was not routed by one' end)
           from (select order_id, bool_or(basis = 'p') as by_plan, bool_and(basis = 'p') as wholly
                 from allocation where turn = 1 group by 1) a
           full join route_plan p using (order_id) join orders o on o.id = order_id
           left join told_stage t using (order_id)
           where case when a.order_id is null then coalesce(t.stage not in ('routed', 'dispatched'), true)
                      else a.by_plan <> a.wholly or a.by_plan <> (p.order_id is not null) end order by o.id""",
    ),
    (
        "listing",
        # the version of a kit's stock is that of its components, and goes back where its components change
        """with stock_version as (
             select p.sku_id, p.version + coalesce(sum(s.version), 0) as version from sku_pool p
             left join stock s using (sku_id)
             where not exists (select from kit_component k where k.kit_id = p.sku_id)
               and not exists (select from line_component c join order_line l using (order_id, line_no)
                               where l.sku_id = p.sku_id) group by 1)
           select format('listing %s of %s (SKU %s): shows version %s, decided is %s, its stock is at %s',
                         l.item_id, h.code, u.code, l.shown_version, d.version, v.version)
           from listing l join shop h on h.id = l.shop_id join sku u on u.id = l.sku_id
           left join stock_push d on d.listing_id = l.id left join stock_version v on v.sku_id = l.sku_id
           where l.shown_version > coalesce(d.version, 0) or coalesce(d.version, 0) > v.version order by l.id""",
    ),
)
