"""validate: check a batch's data quality, review each order, hold the doubtful ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect import task
from psycopg.types.json import Jsonb

from connectors.registry import CHANNELS
from models.database import Connection, transaction
from models.errors import FeedError
from models.hold import Finding, place_holds
from models.incoming import LineState, PayState
from models.order import Cause, Stage, advance, write_events
from models.rules.address import resolve_fields
from models.rules.review import (
    address_finding,
    duplicate_finding,
    payment_finding,
    refund_finding,
    sku_finding,
    unplaced_refund_finding,
)
from models.sealing import unseal
from models.settings import settings
from tasks.batches import BatchRow, orders_in, take_batch, title
from tasks.quality import Unmet, unmet_expectations
from tasks.replay import replay_batch
from tasks.runs import cause, held_rows, is_retry, leave_table, stage_of, step_failed
from tasks.split_orders import settle_splits

if TYPE_CHECKING:
    import pandas as pd


def channels_like(channel: str) -> list[str]:
    """The channels that never give an order number of this one again; elsewhere each shop counts for itself."""
    name = CHANNELS[channel].shared_numbers
    return [other for other, kind in CHANNELS.items() if name and kind.shared_numbers == name]


@dataclass(frozen=True, slots=True)
class ValidateCount:
    """Orders without a hold, orders held, orders the platform had closed already."""

    accepted: int
    held: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    sku_code: str
    sku_id: int | None
    quantity: int
    unit_price_fen: int
    state: LineState


@dataclass(frozen=True, slots=True)
class _Order:
    id: int
    order_no: str
    pay_state: PayState
    platform_status: str
    total_fen: int
    freight_fen: int
    refunded_fen: int
    not_ready: str
    created_age_s: float
    paid_lag_s: float
    region: tuple[str, str, str, str]
    division_code: str
    phone: str
    lines: tuple[_Line, ...]


def validate_batch(conn: Connection, batch_id: int, why: Cause) -> ValidateCount:
    """Review the batch's ingested orders and move them on, with a hold for each reason to doubt.

    Safe to repeat: orders already validated are not looked at. One transaction. Raises FeedError and
    moves none when the batch as a whole is wrong and nobody has accepted it. Orders that the platform split give way
    to their children first.
    """
    batch = take_batch(conn, batch_id)
    split = settle_splits(conn, batch_id, why)
    ids = orders_in(conn, batch_id, Stage.INGESTED)
    _look_up_skus(conn, ids)
    orders = _load(conn, ids, why)
    closed = [order.id for order in orders if order.pay_state is PayState.CANCELLED]
    live = [order for order in orders if order.pay_state is not PayState.CANCELLED]
    unmet = unmet_expectations(_frame(live)) if live else []
    _judge_feed(batch, len(live), unmet)
    findings = _row_findings(unmet) + _review(conn, batch, live)
    place_holds(conn, findings, why)
    held = {order_id for order_id, _ in findings} | split
    advance(conn, closed, Stage.CANCELLED, why)
    advance(conn, [order.id for order in live], Stage.VALIDATED, why)
    accepted = [order.id for order in live if order.id not in held]
    write_events(conn, accepted, "accepted", why)
    return ValidateCount(len(accepted), len(live) - len(accepted), len(closed))


def record_feed_finding(batch_id: int, error: FeedError) -> None:
    """Keep what is wrong with the batch on its row, for those who look at it without Prefect."""
    with transaction() as conn:
        conn.execute("update batch set feed_findings = %s where id = %s", (Jsonb([str(error)]), batch_id))


def _look_up_skus(conn: Connection, order_ids: Sequence[int]) -> None:
    # a code that was unknown when the order came may have been imported since
    conn.execute(
        """update order_line l set sku_id = s.id from sku s
           where l.order_id = any(%s) and l.sku_id is null and s.code = l.sku_code""",
        (list(order_ids),),
    )


def _load(conn: Connection, order_ids: Sequence[int], why: Cause) -> list[_Order]:
    lines: dict[int, list[_Line]] = {}
    for row in conn.execute(
        """select order_id, line_no, sku_code, sku_id, quantity, unit_price_fen, state from order_line
           where order_id = any(%s) order by order_id, line_no""",
        (list(order_ids),),
    ):
        lines.setdefault(row[0], []).append(_Line(row[1], row[2], row[3], row[4], row[5], LineState(row[6])))
    rows = conn.execute(
        """select o.id, o.order_no, o.pay_state, o.platform_status, o.total_fen, o.freight_fen, o.created_at, o.paid_at,
                  r.province, r.city, r.district, r.town, r.address_enc, r.phone_enc is not null, r.masked,
                  o.refunded_fen, o.not_ready
           from orders o join receiver r on r.order_id = o.id
           where o.id = any(%s) and o.kind = 'goods' order by o.id""",
        (list(order_ids),),
    ).fetchall()
    orders = []
    for row in rows:
        address = unseal(row[12]) if row[12] else ""
        place = resolve_fields(row[8], row[9], row[10], row[11], "" if "*" in address else address)
        orders.append(
            _Order(
                id=row[0],
                order_no=row[1],
                pay_state=PayState(row[2]),
                platform_status=row[3],
                total_fen=row[4],
                freight_fen=row[5],
                refunded_fen=row[15],
                not_ready=row[16],
                created_age_s=(why.at - row[6]).total_seconds(),
                paid_lag_s=(row[7] - row[6]).total_seconds() if row[7] else 0.0,
                region=(row[8], row[9], row[10], row[11]),
                division_code=place.code if place else "",
                phone="masked" if row[13] and row[14] else "plain" if row[13] else "none",
                lines=tuple(lines.get(row[0], ())),
            )
        )
    _save_divisions(conn, orders)
    return orders


def _save_divisions(conn: Connection, orders: Sequence[_Order]) -> None:
    conn.execute(
        """update receiver r set division_code = d.code from unnest(%s::bigint[], %s::text[]) d(id, code)
           where r.order_id = d.id and r.division_code <> d.code""",
        ([order.id for order in orders], [order.division_code for order in orders]),
    )


def _frame(orders: Sequence[_Order]) -> "pd.DataFrame":
    import pandas as pd

    def prices(order: _Order) -> int:
        return sum(line.quantity * line.unit_price_fen for line in order.lines) + order.freight_fen

    return pd.DataFrame(
        {
            "order_id": [order.id for order in orders],
            "order_no": [order.order_no for order in orders],
            "total_fen": [order.total_fen for order in orders],
            "least_quantity": [min((line.quantity for line in order.lines), default=1) for order in orders],
            "lines": [len(order.lines) for order in orders],
            "total_to_prices": [
                order.total_fen / prices(order) if prices(order) > 0 and order.total_fen > 0 else 1.0
                for order in orders
            ],
            "phone": [order.phone for order in orders],
            "region": ["given" if any(order.region) else "none" for order in orders],
            "created_age_s": [order.created_age_s for order in orders],
            "paid_lag_s": [order.paid_lag_s for order in orders],
        }
    )


def _judge_feed(batch: BatchRow, rows: int, unmet: Sequence[Unmet]) -> None:
    if batch.accepted:
        return
    findings = [
        f"{finding.count} of {rows} orders: {finding.expected.sentence} ({finding.expected.name})"
        for finding in unmet
        if finding.expected.feed and _is_feed_wide(finding.count, rows)
    ]
    if _is_feed_wide(batch.rejected, rows + batch.rejected):
        findings.insert(0, f"{batch.rejected} of {rows + batch.rejected} orders could not be read (quarantined)")
    if findings:
        raise FeedError("; ".join(findings))


def _is_feed_wide(count: int, rows: int) -> bool:
    return count >= settings().feed_min_rows and count >= settings().feed_share * rows


def _row_findings(unmet: Sequence[Unmet]) -> list[tuple[int, Finding]]:
    return [
        (order_id, Finding(finding.expected.hold, finding.expected.sentence, {"expectation": finding.expected.name}))
        for finding in unmet
        if finding.expected.hold is not None
        for order_id in finding.order_ids
    ]


def _review(conn: Connection, batch: BatchRow, orders: Sequence[_Order]) -> list[tuple[int, Finding]]:
    earlier = _earlier_of_same_no(conn, batch, [order.id for order in orders])
    found: list[tuple[int, Finding | None]] = []
    for order in orders:
        states = [(line.number, line.state) for line in order.lines]
        open_lines = [line for line in order.lines if line.state is not LineState.CLOSED]
        found += [
            (order.id, payment_finding(order.pay_state, order.platform_status, order.not_ready)),
            (order.id, refund_finding([(line.number, line.state) for line in open_lines])),
            (order.id, unplaced_refund_finding(order.refunded_fen, states)),
            (order.id, sku_finding([(line.number, line.sku_code, line.sku_id) for line in open_lines])),
            (order.id, address_finding(order.division_code, *order.region[:3])),
            (order.id, duplicate_finding(order.order_no, earlier.get(order.id, []))),
        ]
    return [(order_id, finding) for order_id, finding in found if finding]


def _earlier_of_same_no(conn: Connection, batch: BatchRow, order_ids: Sequence[int]) -> dict[int, list[Any]]:
    rows = conn.execute(
        """select o.id, array_agg(s.code || ' ' || e.external_id order by e.id)
           from orders o join orders e on e.order_no = o.order_no and e.id < o.id
           join shop s on s.id = e.shop_id
           where o.id = any(%s) and (e.shop_id = o.shop_id or s.channel = any(%s)) group by 1""",
        (list(order_ids), channels_like(batch.channel)),
    ).fetchall()
    return dict(rows)


@task(persist_result=True, task_run_name=title("validate"), tags=["stage:validate"])
def validate(batch_id: int) -> ValidateCount:
    """The validate stage of a run."""
    with stage_of("validate", batch_id):
        try:
            if is_retry():
                with transaction() as conn:
                    replay_batch(conn, batch_id, cause("validate"))
            with transaction() as conn:
                count = validate_batch(conn, batch_id, cause("validate"))
        except FeedError as error:
            record_feed_finding(batch_id, error)
            leave_table("validate", batch_id, [{"batch": batch_id, "why": str(error)}], "Why the batch stays put")
            raise step_failed(
                f"validate: {error} - mend the feed and retry, or orderpool accept-batch {batch_id}"
            ) from error
    leave_table(
        "validate",
        batch_id,
        held_rows(batch_id),
        f"{count.accepted} accepted, {count.held} held, {count.cancelled} closed by the shop",
    )
    return count
