"""What people decide about orders that no warehouses can serve: transfer, split or wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import Connection
from models.errors import SetupError
from models.hold import HoldCode, release_holds
from models.order import Cause, write_events
from models.rules.routing_shortage import Option, option_from
from models.rules.routing_words import option_words
from models.settings import SHANGHAI
from models.warehouse import OptionKind, OptionState
from tasks.lock_stock import sku_codes
from tasks.shortages import end_options

TRANSFER_COLUMNS = ("from", "to", "sku", "units", "reference", "expected_at")


@dataclass(frozen=True, slots=True)
class OpenOption:
    """An option that can be chosen, with its order and shop; `sku_codes` are the codes of what it moves."""

    id: int
    shop: str
    order_no: str
    ship_by: datetime | None
    option: Option
    sku_codes: Mapping[int, str]

    def words(self) -> str:
        """What it does, costs and takes."""
        return "; ".join(option_words(self.option, self.sku_codes).en)


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of a decision: the option, and for a transfer one row of TRANSFER_COLUMNS for each thing to move."""

    chosen: OpenOption
    transfers: tuple[tuple[str, ...], ...] = ()


_OPEN = """
  select o.id, p.code, r.order_no, r.ship_by, o.kind, o.cost_fen, o.ready_at, o.detail
  from shortage_option o join orders r on r.id = o.order_id join shop p on p.id = r.shop_id
  where o.state <> 'gone' and o.state = 'open' and exists (
    select 1 from hold h where h.order_id = o.order_id and h.code = 'SHORT_ROUTE' and h.released_at is null)
"""


def open_options(conn: Connection) -> list[OpenOption]:
    """Every option that waits for a decision: the nearest promise first, of an order as they were ranked."""
    return _options(conn, conn.execute(f"{_OPEN} order by r.ship_by nulls last, r.id, o.id".encode()).fetchall())


def _options(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> list[OpenOption]:
    skus = {move[0] for row in rows for move in row[7]["moves"]}
    codes = sku_codes(conn, skus)
    return [
        OpenOption(row[0], row[1], row[2], row[3], option_from(OptionKind(row[4]), *row[5:]), codes) for row in rows
    ]


def choose(conn: Connection, option_id: int, why: Cause) -> Choice:
    """Decide for an option; the others of its order are taken back until its next try.

    A transfer becomes expected arrivals at the warehouse that is to ship: the order goes on when they are there. A
    split lets the order leave in parts at its next try, which comes within a minute. Waiting is only noted. Raises
    SetupError when the option cannot be chosen any more.
    """
    order_id, chosen = _take(conn, option_id, why, OptionState.CHOSEN)
    end_options(conn, [order_id])
    if chosen.option.kind is OptionKind.SPLIT:
        release_holds(conn, [order_id], [HoldCode.SHORT_ROUTE], why, resume=True)
    return Choice(chosen, _expect(conn, chosen) if chosen.option.kind is OptionKind.TRANSFER else ())


def dismiss(conn: Connection, option_id: int, why: Cause) -> Choice:
    """Decide against an option: it is not offered again. Raises SetupError when it is not open any more."""
    return Choice(_take(conn, option_id, why, OptionState.DISMISSED)[1])


def _take(conn: Connection, option_id: int, why: Cause, state: OptionState) -> tuple[int, OpenOption]:
    order = conn.execute("select order_id from shortage_option where id = %s", (option_id,)).fetchone()
    if order is None:
        raise SetupError(f"option {option_id}: is not known; `orderpool shortages` lists those that are open")
    # routing takes the order first too, then its options
    conn.execute("select 1 from order_state where order_id = %s for update", order)
    rows = conn.execute(f"{_OPEN} and o.id = %s for update of o".encode(), (option_id,)).fetchall()
    if not rows:
        raise SetupError(f"option {option_id}: cannot be decided any more; {_standing(conn, option_id)}")
    (found,) = _options(conn, rows)
    conn.execute(
        "update shortage_option set state = %s, decided_at = %s, decided_by = %s where id = %s",
        (state.value, why.at, why.actor, option_id),
    )
    detail = {"option": option_id, "kind": found.option.kind.value, "words": found.words()}
    write_events(conn, list(order), f"option_{state.value}", why, detail)
    return order[0], found


def _standing(conn: Connection, option_id: int) -> str:
    row = conn.execute(
        "select state, decided_by from shortage_option where id = %s and state in ('chosen', 'dismissed')", (option_id,)
    ).fetchone()
    return f"it was {row[0]} by {row[1]}" if row else "its order goes on without it"


def _expect(conn: Connection, chosen: OpenOption) -> tuple[tuple[str, ...], ...]:
    rows = []
    for move in chosen.option.moves:
        reference, ready = f"transfer-{chosen.id}-{move.source}", chosen.option.ready_at
        conn.execute(
            """insert into arrival (warehouse_id, sku_id, reference, expected, received, expected_at)
               select id, %s, %s, %s, 0, %s from warehouse where code = %s""",
            (move.sku_id, reference, move.units, ready, move.target),
        )
        sku = chosen.sku_codes[move.sku_id]
        by = ready.astimezone(SHANGHAI).isoformat(timespec="minutes")
        rows.append((move.source, move.target, sku, str(move.units), reference, by))
    return tuple(rows)
