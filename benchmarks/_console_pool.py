"""A pool of many orders for measuring the console: 50 days of a seller's history, nearly all of it finished.

Everything is written set-wise and follows from the orders' numbers, so the same size gives the same pool. Of the newest
day a part is unpaid, held, short, in process or at the warehouse; three days are on their way; the rest arrived, came
back or was cancelled. Stock is left out: no page of orders reads its counters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from models.database import Connection, connect, copy_rows, transaction
from models.rules.divisions import divisions, place
from models.sealing import phone_hash, seal

DAYS = 50
SKUS = 2_000
PEOPLE = 100_000
BATCH = 2_000
SHOPS = (
    ("tmall-1", "taobao", 40),
    ("jd-1", "jd", 25),
    ("pdd-1", "pinduoduo", 20),
    ("douyin-1", "douyin", 10),
    ("web-1", "woocommerce", 4),
    ("web-2", "woocommerce", 1),
)
"""Code, channel and share of the orders in percent."""

_BIG = "orders order_line receiver order_state event hold allocation outbound_document parcel parcel_line lock".split()

_PLAN = """
  create temporary table plan as
  select g as id, %(now)s::timestamptz - interval '1 day' * %(days)s * (%(count)s - g) / %(count)s as created_at,
         %(days)s::float * (%(count)s - g) / %(count)s as age,
         (g * 7919 + g / 1000 * 31) %% 1000 as u, (g * 104729 + g / 97) %% 100 as v,
         1 + (g * 7477) %% %(people)s as person, 0 as shop_id, '' as fate
  from generate_series(1::bigint, %(count)s) g;
  update plan set
    shop_id = case when v < 40 then 1 when v < 65 then 2 when v < 85 then 3 when v < 95 then 4 when v < 99 then 5
                   else 6 end,
    fate = case
      when age < 0.02 then 'process'
      when age < 1 then case when u < 60 then 'unpaid' when u < 120 then 'held' when u < 160 then 'short'
                             when u < 180 then 'cancelled' when u < 700 then 'warehouse' when u < 720 then 'part'
                             else 'moving' end
      when age < 4 then case when u < 5 then 'held' when u < 20 then 'cancelled' when u < 60 then 'warehouse'
                             when u < 70 then 'problem' when u < 1000 - 230 * age then 'moving' else 'delivered' end
      else case when u < 15 then 'cancelled' when u < 25 then 'returned' else 'delivered' end end;
  create index on plan (id);
  analyze plan
"""

_ROWS = """
  insert into batch (id, shop_id, origin, state, stored, joined, rejected, flow_run_id, created_at, closed_at)
  select b + 1, 1 + b %% 6, 'window', case when b = %(count)s / 2000 then 'open' else 'closed' end, 2000, 0, 0,
         lpad(to_hex(b), 8, '0') || '-0000-4000-8000-000000000000', %(now)s, %(now)s
  from generate_series(0, %(count)s / 2000) b;
  insert into orders (id, shop_id, external_id, order_no, kind, pay_state, platform_status, buyer_key, created_at,
                      paid_at, modified_at, ship_by, not_ready, split_from, goods_fen, discount_fen, freight_fen,
                      total_fen, paid_fen, refunded_fen, cod_fen, stored_at)
  select id, shop_id, (260000000000 + id * 37)::text, (260000000000 + id * 37)::text, 'goods',
         case fate when 'unpaid' then 'unpaid' when 'cancelled' then 'cancelled' else 'ready' end, 'WAIT',
         'b' || person, created_at, case when fate <> 'unpaid' then created_at + interval '5 minutes' end, created_at,
         created_at + interval '48 hours', '', '', 9900, 0, 0, 9900, 9900, 0, 0, created_at + interval '9 minutes'
  from plan order by id;
  insert into receiver (order_id, name_enc, phone_enc, address_enc, phone_hash, phone_last4, province, city, district,
                        town, division_code, oaid, masked, merge_key)
  select p.id, w.name_enc, w.phone_enc, w.address_enc, w.phone_hash, w.phone_last4, w.province, w.city, w.district, '',
         w.division_code, '', false, ''
  from plan p join people w on w.id = p.person order by p.id;
  insert into order_line (order_id, line_no, platform_line, sku_code, sku_id, title, quantity, unit_price_fen, paid_fen,
                          state)
  select id, n, n::text, 'S' || s, s, '云栖龙井 2026 明前特级 250 克', 1 + v %% 3, 4950, 4950, 'open'
  from (select p.*, n, 1 + ((p.id * 31 + n * 17) * (p.u + n)) %% %(skus)s as s
        from plan p
        cross join lateral generate_series(1, case when p.v < 50 then 1 when p.v < 83 then 2 else 3 end) n) l
  order by 1, 2;
  insert into order_state (order_id, batch_id, stage, rule_version)
  select id, 1 + id / 2000,
         case fate when 'unpaid' then 'validated' when 'held' then 'locked' when 'short' then 'validated'
                   when 'process' then 'locked' when 'cancelled' then 'cancelled' else 'dispatched' end, 1
  from plan order by id;
  insert into hold (id, order_id, code, sentence, evidence, rule_version, placed_at, released_at, released_by,
                    resume_due)
  select id, id, case fate when 'unpaid' then 'UNPAID' when 'short' then 'SHORT_STOCK'
                   else (array['REMARK', 'HIGH_VALUE', 'BAD_ADDRESS', 'ODD_PRICE', 'REPEATED'])[1 + id %% 5] end,
         'as the benchmark wants it', '{}', 1, created_at,
         case when age >= 4 then created_at + interval '1 hour' end, case when age >= 4 then 'person:li' end, false
  from plan where fate in ('unpaid', 'held', 'short') or (age >= 4 and u %% 10 = 0);
  insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, document_id)
  select l.order_id, l.line_no, l.sku_id, 1 + p.person %% 3, l.quantity,
         case when p.fate = 'warehouse' or (p.fate = 'part' and l.line_no > 1) then 0 else l.quantity end, 'a',
         case when p.fate = 'part' and l.line_no > 1 then %(count)s + p.id else p.id end
  from order_line l join plan p on p.id = l.order_id
  where p.fate in ('warehouse', 'part', 'problem', 'moving', 'delivered', 'returned')
  order by l.order_id, l.line_no;
  insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier, receiver_token,
                                 ship_by, deadline_at, created_at, shipped_at)
  select d.id, 'OB' || d.id, 1 + person %% 3, shop_id, 1 + p.id / 2000, 1,
         case when fate = 'warehouse' or d.id > %(count)s then (array['created', 'accepted', 'picking'])[1 + p.id %% 3]
              else 'shipped' end,
         'yuantong', 'rcv_' || d.id, created_at + interval '48 hours', created_at + interval '48 hours',
         created_at + interval '1 hour', case when fate <> 'warehouse' then created_at + interval '9 hours' end
  from (select distinct document_id as id, order_id from allocation) d join plan p on p.id = d.order_id
  order by p.id, d.id;
  insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at, renumbered,
                      former_waybills, told_waybill, salt_enc, callback_token, note)
  select id, id, '1', 'yuantong', 'YT' || (8800000000000 + id * 13),
         case fate when 'part' then 'in_transit' when 'moving' then (array['collected', 'in_transit',
           'out_for_delivery'])[1 + id %% 3] else fate end,
         created_at + interval '9 hours', created_at + interval '9 hours', created_at + interval '9 hours', 0, '{}', '',
         '\\x00', 'cb' || id, ''
  from plan where fate in ('part', 'problem', 'moving', 'delivered', 'returned') order by id;
  insert into parcel_line (parcel_id, order_id, line_no, sku_id, quantity)
  select document_id, order_id, line_no, sku_id, quantity from allocation
  where document_id <= %(count)s and shipped > 0
  order by order_id, line_no;
  insert into event (order_id, at, what, actor, flow_run_id, rule_version)
  select p.id, p.created_at + interval '9 minutes', w, 'stage:' || w,
         lpad(to_hex(p.id / 2000), 8, '0') || '-0000-4000-8000-000000000000', 1
  from plan p cross join unnest(array['ingested', 'validated', 'locked', 'routed', 'dispatched', 'parcel_delivered']) w
  where p.fate not in ('unpaid', 'held', 'short', 'process', 'cancelled') or w in ('ingested', 'validated')
  order by p.id
"""


def fill(count: int, now: datetime) -> None:
    """Write `count` orders that end at `now`, with all that hangs on them, and analyse the tables."""
    with transaction() as conn:
        _fill_setup(conn, now)
        people = min(PEOPLE, max(1, count // 10))
        _fill_people(conn, people)
        values = {"count": count, "now": now, "days": DAYS, "people": people, "skus": SKUS}
        with without_indexes(conn):
            for statement in (*_PLAN.split(";"), *_ROWS.split(";")):
                conn.execute(statement.encode(), values if "%" in statement else None)
        for sequence in ("orders_id_seq", "batch_id_seq", "outbound_document_id_seq", "parcel_id_seq", "hold_id_seq"):
            conn.execute("select setval(%s, %s)", (sequence, 3 * count))
    with connect(autocommit=True) as conn:
        conn.execute("vacuum analyze")


def _fill_setup(conn: Connection, now: datetime) -> None:
    for code, channel, _ in SHOPS:
        conn.execute(
            """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
               values (%s, %s, '', true, false, 15, '{}', %s)""",
            (code, channel, now - timedelta(days=DAYS)),
        )
    for code in ("WH-E", "WH-N", "WH-S"):
        conn.execute(
            """insert into warehouse (code, name, division_code, address, sender_name, sender_phone, wms, carrier, kind,
                                      active, settings)
               values (%s, '', '330110', '', '', '', 'webhook', 'yuantong', 'own', true, '{}')""",
            (code,),
        )
    conn.execute(
        """insert into sku (code, name, barcode, weight_g)
           select 'S' || g, '龙井 ' || g, '', 300 from generate_series(1, %s) g""",
        (SKUS,),
    )


def _fill_people(conn: Connection, people: int) -> None:
    """Receivers that orders come back to: their sealed fields repeat, their phones do not."""
    conn.execute(
        """create temporary table people (id int primary key, name_enc bytea, phone_enc bytea, address_enc bytea,
             phone_hash bytea, phone_last4 text, province text, city text, district text, division_code text)"""
    )
    counties = [code for code, found in divisions().items() if found.level == "county"]
    sealed = [(seal("欧阳修远"), seal("梧桐里弄 8 号")) for _ in range(100)]
    rows = []
    for number in range(1, people + 1):
        phone = phone_of(number)
        where = place(counties[number * 7 % len(counties)])
        name, address = sealed[number % len(sealed)]
        named = (where.province, where.city, where.district, where.code)
        rows.append((number, name, seal(phone), address, phone_hash(phone), phone[-4:], *named))
    columns = "id name_enc phone_enc address_enc phone_hash phone_last4 province city district division_code".split()
    copy_rows(conn, "people", columns, rows)


def phone_of(person: int) -> str:
    """The phone of a receiver of the benchmark."""
    return f"139{person:08d}"


@contextmanager
def without_indexes(conn: Connection) -> Iterator[None]:
    """Take the plain indexes of the big tables away while they are filled, and build them anew after it."""
    rows = conn.execute(
        """select i.indexname, i.indexdef from pg_indexes i
           where i.schemaname = 'public' and i.tablename = any(%s) and not exists (
             select 1 from pg_constraint c where c.conindid = i.indexname::regclass)""",
        (_BIG,),
    ).fetchall()
    for name, _ in rows:
        conn.execute(f"drop index {name}".encode())
    yield
    conn.execute("set maintenance_work_mem = '512MB'")
    for _, definition in rows:
        conn.execute(definition.encode())
