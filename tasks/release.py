"""Holds that a person ends: one code of several orders, or all that approving them says something about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.database import Connection
from models.errors import SetupError
from models.hold import HoldCode, release_holds
from models.order import Cause
from models.rules.hold_ends import ENDED_BY_NAME, ENDS_OTHERWISE, MAY_END, REVIEWED
from tasks.decided import Decided
from tasks.desk_orders import missing, said
from tasks.short_ships import drop


@dataclass(frozen=True, slots=True)
class _Held:
    """A held order: its number, its open codes, and the whole that it was split from and that is on its way, or ""."""

    no: str
    codes: frozenset[HoldCode]
    split_from: str

    def stays(self, code: HoldCode) -> str:
        """What ends a hold instead, where no person may; else ""."""
        if code is HoldCode.DUPLICATE and self.split_from:
            return f"it ends when order {self.split_from}, which it was split from, turns out not to leave"
        return ENDS_OTHERWISE[code][0] if code in ENDS_OTHERWISE else ""


def release_orders(conn: Connection, order_ids: Sequence[int], code: str, reason: str, why: Cause) -> Decided:
    """End one open hold of each of these orders for a person, with the reason in their stories; others stay.

    Orders without another hold go on with the next resume run, and a document that CHANGED_LATE stopped goes as it is.
    What lacks of one that was SHIPPED_SHORT counts as settled, and is not sent any more.
    Refused are orders not held for that, and holds that no person may end. Raises SetupError when there is no such
    code, or no reason.
    """
    hold, reason = as_hold_code(code), said(reason, "released")
    found = _take(conn, order_ids)
    decided = Decided(refused=missing(order_ids, found))
    for order_id, held in found.items():
        if hold not in held.codes:
            decided.refused[order_id] = f"order {held.no}: cannot release {hold}; it is not held for that"
        elif obstacle := held.stays(hold):
            decided.refused[order_id] = f"order {held.no}: cannot release {hold} by hand; {obstacle}"
        else:
            decided.done.append(order_id)
    release_holds(conn, decided.done, [hold], why, resume=True, reason=reason)
    if hold is HoldCode.SHIPPED_SHORT:
        drop(conn, decided.done, why, reason)
    return decided


def approve_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """End every open hold of these orders that approving them says something about, with the reason in their stories.

    Done is an order that nothing holds any more; of the others it is told which holds are left and what ends them.
    Raises SetupError when there is no reason.
    """
    reason = said(reason, "approved")
    found = _take(conn, order_ids)
    decided = Decided(refused=missing(order_ids, found))
    ended: dict[HoldCode, list[int]] = {}
    for order_id, held in found.items():
        going = {code for code in held.codes if code in REVIEWED and not held.stays(code)}
        for code in going:
            ended.setdefault(code, []).append(order_id)
        if not held.codes:
            decided.refused[order_id] = f"order {held.no}: cannot approve; it is not held"
        elif left := held.codes - going:
            decided.refused[order_id] = _what_is_left(held, going, left)
        else:
            decided.done.append(order_id)
    for code in sorted(ended):
        release_holds(conn, ended[code], [code], why, resume=True, reason=reason)
    return decided


def as_hold_code(written: str) -> HoldCode:
    """A hold's code as a person writes it, in any case. Raises SetupError naming those that a person may end."""
    try:
        return HoldCode(written.strip().upper())
    except ValueError as error:
        codes = ", ".join(code for code in HoldCode if code in MAY_END)
        raise SetupError(f"there is no hold {written.strip()}; the codes are {codes}") from error


def _what_is_left(held: _Held, going: set[HoldCode], left: frozenset[HoldCode]) -> str:
    rest = "; ".join(f"{code}: {held.stays(code) or ENDED_BY_NAME[code][0]}" for code in sorted(left))
    if not going:
        return f"order {held.no}: cannot approve; {rest}"
    return f"order {held.no}: approved ({', '.join(sorted(going))}), and still held - {rest}"


def _take(conn: Connection, order_ids: Sequence[int]) -> Mapping[int, _Held]:
    ids = sorted(order_ids)
    # whoever amends an order holds this row: its news is in the hold before we end it, or opens another
    conn.execute("select 1 from order_state where order_id = any(%s) order by order_id for update", (ids,))
    rows = conn.execute(
        """select o.id, o.order_no, coalesce(array_agg(h.code) filter (where h.id is not null), '{}'),
                  coalesce(max(h.evidence->>'split_from') filter (where h.code = 'DUPLICATE'), '')
           from orders o left join hold h on h.order_id = o.id and h.released_at is null
           where o.id = any(%s) group by o.id order by o.id""",
        (ids,),
    ).fetchall()
    return {row[0]: _Held(row[1], frozenset(map(HoldCode, row[2])), row[3]) for row in rows}
