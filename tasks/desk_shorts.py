"""Orders of which a warehouse shipped too little: a person decides what becomes of the rest."""

from collections.abc import Sequence

from models.database import Connection
from models.order import Cause
from models.remainder import ShortWay
from tasks.decided import Decided
from tasks.desk_orders import missing, said
from tasks.place_again import place_remainders, rerouting
from tasks.short_ships import OpenRemainder, choose_way, open_remainders, take_orders

_WISHES = {
    ShortWay.HOLD: "leave what lacks of it to a person",
    ShortWay.REROUTE: "reroute what lacks of it",
    ShortWay.REFUND: "refund what lacks of it",
    ShortWay.BACK_ORDER: "back-order what lacks of it",
}


def settle_short_orders(conn: Connection, order_ids: Sequence[int], way: ShortWay, reason: str, why: Cause) -> Decided:
    """Give what documents of these orders lacked another way, whatever the rule said.

    What is rerouted is sent at once, or refused when nothing can send it; what is back-ordered goes with the next
    resume run that finds stock; what is refunded is closed for the buyer. Refused are orders of which nothing lacks
    any more. Raises SetupError without a reason.
    """
    reason = said(reason, "settled")
    take_orders(conn, order_ids)
    rows = conn.execute(
        """select s.order_id, o.order_no from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) order by s.order_id""",
        (sorted(order_ids),),
    ).fetchall()
    nos: dict[int, str] = dict(rows)
    lacking = open_remainders(conn, nos)
    decided = Decided(list(lacking), missing(order_ids, nos))
    for order_id, no in nos.items():
        if order_id not in lacking:
            decided.refused[order_id] = f"order {no}: cannot {_WISHES[way]}; nothing does, or it is settled"
    choose_way(conn, decided.done, way, why, reason=reason)
    if way is ShortWay.REROUTE:
        _send_now(conn, decided, nos, lacking, why)
    return decided


def _send_now(
    conn: Connection, decided: Decided, nos: dict[int, str], lacking: dict[int, OpenRemainder], why: Cause
) -> None:
    placed = place_remainders(conn, why, decided.done)
    for order_id, obstacle in placed.refused.items():
        decided.refused[order_id] = f"order {nos[order_id]}: cannot reroute {lacking[order_id]}; {obstacle}"
    waiting = placed.refused.keys() & decided.done
    decided.done = [order_id for order_id in decided.done if order_id not in waiting]
    # what nothing can send is left to a person already, and its hold says why
    choose_way(conn, rerouting(conn, waiting), ShortWay.HOLD, why)
