"""What the reconciler asks of returns: each query gives one sentence per fact that its owners contradict.

Where the goods and the money of a return are, its events own; what may come back, the order's shipped units; what is
stock again, the verdicts. A shelf whose own movements do not add up is told as such, and not once more here.
"""

from models.rules.returns import RefundState, ReturnState

_GOODS = ", ".join(f"'return_{state}'" for state in ReturnState)
_MONEY = ", ".join(f"'refund_{state}'" for state in RefundState)

RETURN_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "return",
        f"""select format('return %s: its goods are %s; its events say %s', coalesce(r.no, t.no),
                          coalesce(r.state, 'missing'), coalesce(t.state, 'nothing'))
            from return_order r full join (
              select detail->>'return' as no, substr((array_agg(what order by id desc))[1], 8) as state
              from event where what in ({_GOODS}) group by 1) t on t.no = r.no
            where r.state is distinct from t.state order by 1""",
    ),
    (
        "refund",
        f"""select format('return %s: its refund is %s; its events say %s', r.no, coalesce(f.state, 'missing'),
                          coalesce(t.state, 'none'))
            from return_order r left join refund f on f.return_id = r.id left join (
              select detail->>'return' as no, substr((array_agg(what order by id desc))[1], 8) as state
              from event where what in ({_MONEY}) group by 1) t on t.no = r.no
            where f.state is distinct from coalesce(t.state, 'none') order by r.id""",
    ),
    (
        "return line",
        """select format('order %s line %s: %s of %s are returned; %s were shipped', o.order_no, f.line_no, b.units,
                         k.code, greatest(f.left_told, f.left_boxed))
           from line_fact f join orders o on o.id = f.order_id join sku k on k.id = f.sku_id
           join (select r.order_id, l.line_no, l.sku_id,
                        sum(case when r.state = 'called_off' then 0
                                 when r.state in ('inspected', 'closed') then l.good + l.defect
                                 else l.quantity end) as units
                 from return_order r join return_line l on l.return_id = r.id group by 1, 2, 3) b
             on b.order_id = f.order_id and b.line_no = f.line_no and b.sku_id = f.sku_id
           where f.allocated = f.due and b.units > greatest(f.left_told, f.left_boxed) order by o.id, f.line_no""",
    ),
    (
        "returned stock",
        """with good as (
             select r.no, r.warehouse_id, l.sku_id, sum(l.good) as units
             from return_order r join return_line l on l.return_id = r.id group by 1, 2, 3),
           booked as (
             select reference as no, warehouse_id, sku_id, sum(quantity) as units from stock_movement
             where reason = 'returned' group by 1, 2, 3),
           off as (
             select no, warehouse_id, sku_id, coalesce(g.units, 0) as good, coalesce(b.units, 0) as booked
             from good g full join booked b using (no, warehouse_id, sku_id)
             where coalesce(g.units, 0) <> coalesce(b.units, 0))
           select format('return %s: %s', r.no, string_agg(format('%s of %s in %s are good, %s came into stock',
                           f.good, k.code, coalesce(w.code, 'no warehouse'), f.booked), '; ' order by k.code, w.code))
           from off f join return_order r on r.no = f.no join sku k on k.id = f.sku_id
           left join warehouse w on w.id = f.warehouse_id
           left join stock s on s.warehouse_id = f.warehouse_id and s.sku_id = f.sku_id
           where coalesce(s.on_hand = s.opening + (
             select coalesce(sum(m.quantity), 0) from stock_movement m
             where m.warehouse_id = s.warehouse_id and m.sku_id = s.sku_id), true)
           group by r.id, r.no order by r.id""",
    ),
    (
        "replacement",
        """select format('order %s: %s', o.order_no, case
                    when t.no is null then format('%s replaces it; its events say nothing of it', p.no)
                    else format('its events say that %s replaces it; nothing does', t.no) end)
           from (select x.replaces as order_id, n.order_no as no from replacement x
                 join orders n on n.id = x.order_id) p
           full join (select order_id, detail->>'order' as no from event
                      where what in ('exchange_made', 'reship_made')) t using (order_id, no)
           join orders o on o.id = order_id where p.no is null or t.no is null order by o.id""",
    ),
)
