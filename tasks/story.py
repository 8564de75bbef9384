"""An order's whole story, read from the pool; personal data stays masked."""

from typing import Any

from models.database import Connection, transaction
from models.errors import SetupError
from models.masking import mask_name, mask_phone
from models.order import Cause
from models.rules.purposes import Purpose
from models.rules.routing_plan import plan_from
from models.rules.routing_words import area_words, plan_words
from models.sealing import unseal
from models.settings import SHANGHAI
from tasks.lock_stock import sku_codes
from tasks.openings import note_opening
from tasks.render import china_time, yuan


def find_stories(order_no: str, why: Cause) -> list[dict[str, Any]]:
    """Every order with this number, oldest first, with lines, holds, documents, parcels and events.

    Raises SetupError when there is none, neither in the pool nor in quarantine.
    """
    with transaction() as conn:
        rows = conn.execute(
            """select o.id, o.order_no, p.code, p.channel, o.platform_status, o.pay_state, o.total_fen, o.refunded_fen,
                      o.created_at, o.paid_at, s.stage, s.batch_id,
                      case when r.restricted_at is null then r.name_enc end,
                      case when r.restricted_at is null then r.phone_enc end,
                      r.province || r.city || r.district
               from orders o join shop p on p.id = o.shop_id
               left join order_state s on s.order_id = o.id left join receiver r on r.order_id = o.id
               where o.order_no = %s or o.external_id = %s order by o.id""",
            (order_no, order_no),
        ).fetchall()
        if not rows:
            raise SetupError(f"order {order_no}: {_quarantine(conn, order_no)}")
        note_opening(conn, Purpose.DISPLAY, why.actor, why.at, [row[0] for row in rows])
        return [_story(conn, row) for row in rows]


def _quarantine(conn: Connection, order_no: str) -> str:
    row = conn.execute(
        """select p.code, q.problem from quarantined_order q join shop p on p.id = q.shop_id
           where q.external_id = %s and q.released_at is null""",
        (order_no,),
    ).fetchone()
    return f"is in quarantine for {row[0]}: {row[1]}" if row else "is not in the pool"


def _story(conn: Connection, row: tuple[Any, ...]) -> dict[str, Any]:
    order_id = row[0]
    return {
        "order_no": row[1],
        "shop": row[2],
        "channel": row[3],
        "platform_status": row[4],
        "pay_state": row[5],
        "total": yuan(row[6]),
        "refunded": yuan(row[7]),
        "created_at": china_time(row[8]),
        "paid_at": china_time(row[9]),
        "stage": row[10],
        "batch": row[11],
        "receiver": {
            "name": mask_name(unseal(row[12])) if row[12] else "",
            "phone": mask_phone(unseal(row[13])) if row[13] else "",
            "region": row[14],
        },
        "lines": _named(
            conn, "line sku title quantity state",
            """select line_no, sku_code, title, quantity, state from order_line where order_id = %s order by 1""",
            order_id),
        "allocations": _named(
            conn, "line sku quantity warehouse carrier ship_day shipped",
            """select a.line_no, k.code, a.quantity, w.code, coalesce(d.carrier, a.carrier, w.carrier), a.ship_day,
                      a.shipped
               from allocation a join sku k on k.id = a.sku_id join warehouse w on w.id = a.warehouse_id
               left join outbound_document d on d.id = a.document_id
               where a.order_id = %s order by 1, w.code, 2""", order_id),
        "routing": _routing(conn, order_id),
        "holds": _named(
            conn, "code why since until by",
            """select code, sentence, placed_at, released_at, released_by from hold
               where order_id = %s order by id""", order_id),
        "documents": _named(
            conn, "no warehouse state created_at shipped_at blocked merged_with",
            """select distinct d.no, w.code, d.state, d.created_at, d.shipped_at, array(
                 select b.reason from document_block b where b.document_id = d.id and b.lifted_at is null order by 1),
                 array(select distinct o.order_no from allocation x join orders o on o.id = x.order_id
                       where x.document_id = d.id and x.order_id <> a.order_id order by 1)
               from allocation a
               join outbound_document d on d.id = a.document_id join warehouse w on w.id = d.warehouse_id
               where a.order_id = %s order by 1""", order_id),
        "parcels": _named(
            conn, "carrier waybill stage since",
            """select distinct p.carrier, p.waybill, p.stage, p.stage_at from allocation a
               join parcel p on p.document_id = a.document_id
               join parcel_line l on l.parcel_id = p.id and l.order_id = a.order_id
               where a.order_id = %s order by 2""", order_id),
        "returns": _named(
            conn, "no kind goods refund amount_fen waybill",
            """select r.no, r.kind, r.state, f.state, f.amount_fen, r.waybill
               from return_order r join refund f on f.return_id = r.id
               where r.order_id = %s order by r.id""", order_id),
        "replaced_by": _named(
            conn, "order_no kind",
            """select o.order_no, p.kind from replacement p join orders o on o.id = p.order_id
               where p.replaces = %s order by o.id""", order_id),
        "events": _named(
            conn, "at what by run rule detail",
            """select at, what, actor, flow_run_id, rule_version, detail from event
               where order_id = %s order by id""", order_id),
    }  # fmt: skip


def _routing(conn: Connection, order_id: int) -> list[str]:
    """Why an order is served as it is, in words; nothing when it is not routed."""
    row = conn.execute(
        """select p.plan, exists (select from allocation where order_id = %s)
           from (select) one left join route_plan p on p.order_id = %s""",
        (order_id, order_id),
    ).fetchone()
    stored, routed = row or (None, False)
    if not routed:
        return []
    if stored is None:
        return [area_words()[0]]
    if "sentence" in stored:  # all that was kept of decisions of old
        return [stored["sentence"]]
    plan = plan_from(order_id, stored)
    codes = sku_codes(conn, {sku_id for part in plan.parts for _, sku_id in part.units})
    return list(plan_words(plan, codes).en)


def _named(conn: Connection, names: str, query: str, order_id: int) -> list[dict[str, Any]]:
    return [dict(zip(names.split(), row, strict=True)) for row in conn.execute(query.encode(), (order_id,))]


def as_text(story: dict[str, Any], ui_url: str) -> str:
    """The story as a person reads it in a terminal, in China's time, runs as links where Prefect's address is known."""
    to = story["receiver"]
    out = [
        f"order {story['order_no']} · {story['shop']} ({story['channel']}) · stage {story['stage']} · "
        f"{story['total']} yuan, refunded {story['refunded']} · {story['pay_state']} ({story['platform_status']})",
        f"  to {to['name']} {to['phone']} {to['region']}",
        f"  created {story['created_at']}, paid {story['paid_at'] or '-'}",
    ]
    for line in story["lines"]:
        out.append(f"  line {line['line']}: {line['quantity']} x {line['sku'] or '(no code)'} {line['state']}")
        out += [_allocation(at, line["sku"]) for at in story["allocations"] if at["line"] == line["line"]]
    out += [f"  routing: {words}" for words in story["routing"]]
    for hold in story["holds"]:
        end = f"until {_minute(hold['until'])} by {hold['by']}" if hold["until"] else "OPEN"
        out.append(f"  hold {hold['code']} since {_minute(hold['since'])}, {end}: {hold['why']}")
    for document in story["documents"]:
        blocked = f", blocked: {', '.join(document['blocked'])}" if document["blocked"] else ""
        others = f", with order {', '.join(document['merged_with'])}" if document["merged_with"] else ""
        out.append(f"  document {document['no']} in {document['warehouse']}: {document['state']}{blocked}{others}")
    for parcel in story["parcels"]:
        out.append(
            f"  parcel {parcel['carrier']} {parcel['waybill']}: {parcel['stage']} since {_minute(parcel['since'])}"
        )
    for back in story["returns"]:
        out.append(f"  return {back['no']} ({back['kind']}): {back['goods']}, refund {back['refund']}")
    out += [f"  {other['kind']} by order {other['order_no']}" for other in story["replaced_by"]]
    out += [_event(event, ui_url) for event in story["events"]]
    return "\n".join(out)


def _allocation(at: dict[str, Any], sku: str) -> str:
    goods = f"{at['quantity']}" if at["sku"] == sku else f"{at['quantity']} x {at['sku']}"
    day = f" on {at['ship_day']}" if at["ship_day"] else ""
    return f"    {goods} from {at['warehouse']} by {at['carrier']}{day}, {at['shipped']} shipped"


def _event(event: dict[str, Any], ui_url: str) -> str:
    run = event["run"] or ""
    link = f" {ui_url}/runs/flow-run/{run}" if ui_url and run and ":" not in run else f" run {run}" if run else ""
    told = sorted((event["detail"] or {}).items(), key=lambda one: one[0] != "fields")  # what changed goes first
    detail = ", ".join(_detail(key, value) for key, value in told if value != {})
    return f"  {_minute(event['at'])} {event['what']} by {event['by']}{link}" + (f" · {detail}" if detail else "")


def _detail(key: str, value: Any) -> str:
    """One piece of an event's detail; what an amendment changed reads as `goods re_review, + 2 x TEA (line 12)`."""
    match key, value:
        case "fields", dict():
            return ", ".join(f"{field} {effect}" for field, effect in value.items())
        case "lines", dict():
            return ", ".join(_line_news(kind, line) for kind, lines in value.items() for line in lines)
        case _, list():
            return f"{key} {', '.join(str(one) for one in value)}"
        case _:
            return f"{key} {value}"


def _line_news(kind: str, line: dict[str, Any]) -> str:
    if kind == "changed":
        pairs = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in _pairs(line))
        return f"line {line['line']}: {pairs}"
    sign = "+" if kind == "added" else "-"
    return f"{sign} {line['quantity']} x {line['sku'] or '(no code)'} (line {line['line']})"


def _pairs(line: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(name, line[name]) for name in ("sku", "quantity", "state") if name in line]


def _minute(at: Any) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M:%S}"
