"""Goods that come back: announced, on their way, arrived, inspected. Only what was inspected as good is stock again.

Each function is one change of one return, in the transaction of its caller; the money is no concern of any of them
(`tasks.refunds`). Rows are taken in this order: the return, SKU pools, shelves, what was shipped of the order.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg.errors import UniqueViolation

from models.database import Connection
from models.errors import SetupError
from models.feeds import Counts
from models.masking import brief
from models.order import Cause, write_own_events
from models.rules.returns import (
    EXPECTED,
    OPEN,
    ExchangeShips,
    Line,
    ReturnKind,
    ReturnState,
    Verdict,
    is_fair,
    is_settled,
)
from models.rules.stock_feed import RETURNED
from tasks.lock_stock import sku_codes
from tasks.replacements import (
    exchange_ships_of,
    leaves_by_itself,
    make_exchange,
    standing_replacement,
    wish_instead,
)
from tasks.return_money import room_of
from tasks.return_rows import NewReturn, ReturnRow, move, open_return, require_step, take_return, warehouse_id_of
from tasks.returned_units import Unit, kits_of, returned_units, take_shipped
from tasks.stock_feed import Feed, Told, apply_feed
from tasks.written_waybills import read_waybill

SOURCE = "return"
"""Who says that returned units are stock again: one report per return."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Pieces of an order's lines that come back, by line number, and why.

    `instead`: pieces per SKU code that an exchange sends out, the same goods where nothing is said. `refund_fen`: what
    the buyer is to get, None for what was paid. `warehouse`: where the goods are to go, "" for where they came from.
    """

    order_id: int
    pieces: Mapping[int, int]
    reason: str
    kind: ReturnKind = ReturnKind.RETURN
    carrier: str = ""
    waybill: str = ""
    warehouse: str = ""
    refund_fen: int | None = None
    instead: Mapping[str, int] = field(default_factory=dict)


def announce(conn: Connection, wish: Wish, why: Cause) -> ReturnRow:
    """Open a return for goods that a buyer sends back.

    Raises SetupError, naming the order, the units and the obstacle, when more would come back than was shipped, or more
    money be asked for than may go back.
    """
    no = _order_no(conn, wish.order_id)
    reason = brief(wish.reason)
    if not reason:
        raise SetupError(f"order {no}: cannot be returned without a reason; say why")
    if wish.kind is ReturnKind.INTERCEPTED:
        raise SetupError(f"order {no}: a parcel that the carrier brings back opens its return by itself")
    if wish.instead and wish.kind is not ReturnKind.EXCHANGE:
        raise SetupError(f"order {no}: only an exchange sends other goods out")
    if wish.refund_fen is not None and wish.refund_fen < 0:
        raise SetupError(f"order {no}: cannot refund less than nothing")
    shipped = take_shipped(conn, wish.order_id)
    units = _wanted(conn, no, wish)
    _refuse_more_than_shipped(conn, no, units, shipped, returned_units(conn, wish.order_id))
    _refuse_more_than_paid(conn, no, wish)
    place = warehouse_id_of(conn, wish.warehouse) if wish.warehouse else _came_from(conn, wish.order_id, units)
    found = open_return(conn, NewReturn(wish.order_id, wish.kind, units, reason, place, wish.refund_fen), why)
    if wish.kind is ReturnKind.EXCHANGE:
        wish_instead(conn, found, wish.pieces, wish.instead)
    return record_waybill(conn, found.id, wish.carrier, wish.waybill, why) if wish.waybill else found


def _order_no(conn: Connection, order_id: int) -> str:
    row = conn.execute("select order_no from orders where id = %s", (order_id,)).fetchone()
    if row is None:
        raise SetupError(f"order id {order_id}: is not in the pool")
    return str(row[0])


def _wanted(conn: Connection, no: str, wish: Wish) -> dict[Unit, int]:
    """The physical units of the pieces that come back."""
    lines: dict[int, int | None] = dict(
        conn.execute("select line_no, sku_id from order_line where order_id = %s", (wish.order_id,)).fetchall()
    )
    kits = kits_of(conn, wish.order_id)
    units: dict[Unit, int] = {}
    for line_no, pieces in wish.pieces.items():
        if line_no not in lines:
            raise SetupError(f"order {no}: cannot return line {line_no}; it has no such line")
        if pieces < 0:
            raise SetupError(f"order {no}: cannot return {pieces} of line {line_no}")
        sku_id = lines[line_no]
        made_of = kits.get(line_no) or ({sku_id: 1} if sku_id is not None else {})
        units |= {(line_no, sku): pieces * per_piece for sku, per_piece in made_of.items() if pieces}
    if not units:
        raise SetupError(f"order {no}: nothing of it is to come back; name lines and how many pieces of each")
    return units


def _refuse_more_than_shipped(
    conn: Connection, no: str, units: Mapping[Unit, int], shipped: Counter[Unit], returned: Counter[Unit]
) -> None:
    over = [unit for unit in sorted(units) if units[unit] > shipped[unit] - returned[unit]]
    if not over:
        return
    codes = sku_codes(conn, {sku_id for _, sku_id in over})
    told = [
        f"line {line_no}: {units[line_no, sku_id]} of {codes[sku_id]} wanted, {shipped[line_no, sku_id]} shipped, "
        f"{returned[line_no, sku_id]} of them returned already"
        for line_no, sku_id in over
    ]
    raise SetupError(f"order {no}: cannot return more than was shipped ({'; '.join(told)})")


def _refuse_more_than_paid(conn: Connection, no: str, wish: Wish) -> None:
    room = room_of(conn, wish.order_id)
    if wish.refund_fen and wish.refund_fen > room.left_fen:
        asked, paid, gone = (f"{fen / 100:.2f}" for fen in (wish.refund_fen, room.paid_fen, room.gone_fen))
        raise SetupError(
            f"order {no}: cannot refund {asked} yuan; the buyer paid {paid} for it in all, and {gone} of them "
            "went back or are promised already"
        )


def _came_from(conn: Connection, order_id: int, units: Mapping[Unit, int]) -> int | None:
    """The warehouse that shipped the most of these units."""
    row = conn.execute(
        """select warehouse_id from allocation where order_id = %s and line_no = any(%s) and shipped > 0
           group by 1 order by sum(shipped) desc, 1 limit 1""",
        (order_id, [line_no for line_no, _ in units]),
    ).fetchone()
    return int(row[0]) if row else None


def record_waybill(conn: Connection, return_id: int, carrier: str, waybill: str, why: Cause) -> ReturnRow:
    """Note under which number the goods travel back; again, it corrects the number. Told twice it changes nothing.

    Raises SetupError when the goods have arrived, or another open return has the number.
    """
    found = take_return(conn, return_id)
    carrier, waybill = read_waybill(carrier, waybill)
    if (found.carrier, found.waybill) == (carrier, waybill):
        return found
    if found.state not in EXPECTED:
        raise SetupError(f"return {found.no}: cannot be given a waybill; it is {found.state}")
    owner = conn.execute(
        "select no from return_order where waybill = %s and id <> %s and state = any(%s)",
        (waybill, return_id, [state.value for state in OPEN]),
    ).fetchone()
    if owner is not None:
        raise SetupError(f"return {found.no}: cannot be given waybill {waybill}; {owner[0]} has it")
    try:
        with conn.transaction():
            conn.execute(
                "update return_order set carrier = %s, waybill = %s where id = %s", (carrier, waybill, return_id)
            )
    except UniqueViolation as error:
        raise SetupError(f"return {found.no}: cannot be given waybill {waybill}; another just got it") from error
    if found.state is ReturnState.ANNOUNCED:
        move(conn, found, ReturnState.ON_THE_WAY, why, carrier=carrier, waybill=waybill)
    else:
        said = {"return": found.no, "carrier": carrier, "waybill": waybill, "was": found.waybill}
        write_own_events(conn, [(found.order_id, "return_renumbered", said)], why)
    return take_return(conn, return_id)


def arrive(conn: Connection, return_id: int, warehouse: str, why: Cause, at: datetime | None = None) -> ReturnRow:
    """Note that the goods are there: in this warehouse, or without one where they were expected.

    Told twice it changes nothing. An exchange of a shop that ships at arrival leaves now. Raises SetupError when they
    cannot arrive any more, or nobody knows where.
    """
    found = take_return(conn, return_id)
    there = _arrive(conn, found, warehouse, why, at)
    if found.state in EXPECTED and exchange_ships_of(conn, found.order_id) is ExchangeShips.AT_ARRIVAL:
        _exchange(conn, found, why)
    return there


def _arrive(conn: Connection, found: ReturnRow, warehouse: str, why: Cause, at: datetime | None) -> ReturnRow:
    place = warehouse_id_of(conn, warehouse) if warehouse else found.warehouse_id
    if place is None:
        raise SetupError(f"return {found.no}: cannot arrive; name the warehouse")
    if found.state is ReturnState.ARRIVED and found.warehouse_id == place:
        return found
    require_step(found, ReturnState.ARRIVED, "noted as arrived")
    conn.execute(
        "update return_order set warehouse_id = %s, arrived_at = %s where id = %s",
        (place, min(at or why.at, why.at), found.id),
    )
    code = take_return(conn, found.id).warehouse
    move(conn, found, ReturnState.ARRIVED, why, warehouse=code)
    return take_return(conn, found.id)


def inspect(
    conn: Connection,
    return_id: int,
    verdicts: Mapping[Unit, Verdict],
    why: Cause,
    *,
    warehouse: str = "",
    note: str = "",
    at: datetime | None = None,
) -> ReturnRow:
    """Say what came of each line (by line number and SKU id); good units are stock of that warehouse from now on.

    Goods that nobody noted as arrived arrive by it. Lines that are not named did not come. The same verdicts told again
    change nothing, by however many people at once; others are refused. Where all that came is good again the return is
    closed; an exchange leaves if all announced units came back. Raises SetupError.
    """
    found = take_return(conn, return_id)
    lines = load_lines(conn, return_id)
    _refuse_strange(conn, found, lines, verdicts)
    if found.state in (ReturnState.INSPECTED, ReturnState.CLOSED):
        if {unit: line.verdict for unit, line in lines.items() if line.verdict.units} == _said(verdicts):
            return found
        raise SetupError(f"return {found.no}: cannot be inspected again; it is {found.state}, with other findings")
    if found.state in EXPECTED:
        found = _arrive(conn, found, warehouse, why, at)
    require_step(found, ReturnState.INSPECTED, "inspected now")
    if warehouse and warehouse != found.warehouse:
        place = warehouse_id_of(conn, warehouse)
        conn.execute("update return_order set warehouse_id = %s where id = %s", (place, return_id))
        found = take_return(conn, return_id)
    judged = {unit: line._replace(verdict=verdicts.get(unit, Verdict())) for unit, line in lines.items()}
    _write_verdicts(conn, found, judged, brief(note), why, min(at or why.at, why.at))
    put_back(conn, found, judged, why, min(at or why.at, why.at))
    _go_on(conn, found, judged, why)
    return take_return(conn, return_id)


def load_lines(conn: Connection, return_id: int) -> dict[Unit, Line]:
    """The lines of a return by line number and SKU id."""
    rows = conn.execute(
        """select line_no, sku_id, quantity, good, defect, wrong, empty from return_line
           where return_id = %s order by 1, 2""",
        (return_id,),
    ).fetchall()
    return {(row[0], row[1]): Line(row[2], Verdict(*row[3:])) for row in rows}


def all_good_of(conn: Connection, return_id: int) -> dict[Unit, Verdict]:
    """Verdicts that all that was announced came, and is good."""
    return {unit: Verdict(good=line.announced) for unit, line in load_lines(conn, return_id).items()}


def _said(verdicts: Mapping[Unit, Verdict]) -> dict[Unit, Verdict]:
    return {unit: verdict for unit, verdict in verdicts.items() if verdict.units}


def _refuse_strange(
    conn: Connection, found: ReturnRow, lines: Mapping[Unit, Line], verdicts: Mapping[Unit, Verdict]
) -> None:
    """Refuse verdicts on what was not announced, on more than was, on less than nothing, or on nothing at all."""
    codes = sku_codes(conn, {sku_id for _, sku_id in verdicts})
    for (line_no, sku_id), verdict in verdicts.items():
        what = f"{codes.get(sku_id, f'SKU id {sku_id}')} of line {line_no}"
        line = lines.get((line_no, sku_id))
        if min(verdict) < 0:
            raise SetupError(f"return {found.no}: cannot be inspected; {what} has a number below 0")
        if line is None and verdict.units:
            raise SetupError(f"return {found.no}: cannot be inspected; {what} was not announced")
        if line is not None and verdict.units > line.announced:
            raise SetupError(
                f"return {found.no}: cannot be inspected; {line.announced} of {what} were announced, and "
                f"{verdict.units} are judged: announce a return of their own for what came beyond"
            )
    if not _said(verdicts):
        raise SetupError(f"return {found.no}: cannot be inspected; say what came, a box without goods is empty")


def _write_verdicts(
    conn: Connection, found: ReturnRow, judged: Mapping[Unit, Line], note: str, why: Cause, at: datetime
) -> None:
    rows = [(found.id, *unit, *line.verdict) for unit, line in judged.items()]
    conn.cursor().executemany(
        """update return_line set good = %s, defect = %s, wrong = %s, empty = %s
           where return_id = %s and line_no = %s and sku_id = %s""",
        [(*row[3:], *row[:3]) for row in rows],
    )
    conn.execute(
        "update return_order set inspected_at = %s, inspected_by = %s, note = %s where id = %s",
        (at, why.actor, note, found.id),
    )
    totals = Verdict(*(sum(numbers) for numbers in zip(*(line.verdict for line in judged.values()), strict=True)))
    told = {name: units for name, units in totals._asdict().items() if units}
    missing = sum(line.announced - line.verdict.units for line in judged.values())
    said = told | ({"missing": missing} if missing else {}) | ({"reason": note} if note else {})
    move(conn, found, ReturnState.INSPECTED, why, warehouse=found.warehouse, **said)


def put_back(conn: Connection, found: ReturnRow, judged: Mapping[Unit, Line], why: Cause, at: datetime) -> None:
    """Book the good units of an inspected return into its warehouse, each return once."""
    assert found.warehouse_id is not None  # what arrived, arrived somewhere
    good: Counter[int] = Counter()
    for (_, sku_id), line in judged.items():
        good[sku_id] += line.verdict.good
    told = [
        Told((found.warehouse_id, sku_id), units, at, found.no, RETURNED)
        for sku_id, units in sorted(good.items())
        if units
    ]
    if told:
        apply_feed(conn, Feed(SOURCE, found.no, Counts.CHANGE, at), told, why)


def _go_on(conn: Connection, found: ReturnRow, judged: Mapping[Unit, Line], why: Cause) -> None:
    if is_settled(judged.values()):
        move(conn, found, ReturnState.CLOSED, why)
    # last: it takes what was shipped, and shipping takes the stock before that
    if is_fair(judged.values()):
        _exchange(conn, found, why)


def _exchange(conn: Connection, found: ReturnRow, why: Cause) -> None:
    """Let an exchange leave unless a person has to look at it first."""
    if found.kind is ReturnKind.EXCHANGE and leaves_by_itself(conn, found.id):
        make_exchange(conn, found.id, why)


def close(conn: Connection, return_id: int, note: str, why: Cause) -> ReturnRow:
    """Say what became of the goods that could not go back into stock: scrapped, sent back, kept for the supplier.

    Raises SetupError without a note, and when the goods were not inspected.
    """
    found = take_return(conn, return_id)
    said = brief(note)
    if not said:
        raise SetupError(f"return {found.no}: cannot be closed; say what became of the goods")
    if found.state is ReturnState.CLOSED:
        return found
    require_step(found, ReturnState.CLOSED, "closed now")
    move(conn, found, ReturnState.CLOSED, why, reason=said)
    return take_return(conn, return_id)


def call_off(conn: Connection, return_id: int, reason: str, why: Cause) -> ReturnRow:
    """End a return whose goods do not come.

    Raises SetupError without a reason, when they arrived, and while an exchange of it is on its way out.
    """
    found = take_return(conn, return_id)
    said = brief(reason)
    if not said:
        raise SetupError(f"return {found.no}: cannot be called off without a reason; say why")
    if found.state is ReturnState.CALLED_OFF:
        return found
    require_step(found, ReturnState.CALLED_OFF, "called off")
    replacement = standing_replacement(conn, return_id)
    if replacement:
        raise SetupError(f"return {found.no}: cannot be called off; order {replacement} was made for it: cancel that")
    move(conn, found, ReturnState.CALLED_OFF, why, reason=said)
    return take_return(conn, return_id)
