"""Orders that no warehouses can serve: why, when they are tried again, and what people can do about them meanwhile."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from models.database import Connection
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause
from models.rules.routing_plan import NoPlan, Why
from models.rules.routing_rules import RoutingRules
from models.rules.routing_shortage import Arrival, Option, shortage_options
from models.rules.routing_values import Wish
from models.rules.routing_words import no_plan_words
from models.rules.routing_world import World
from models.warehouse import OptionKind, OptionState
from tasks.lock_stock import sku_codes


class Refused(NamedTuple):
    """An order without a plan, and why."""

    wish: Wish
    refusal: NoPlan


@dataclass(frozen=True, slots=True)
class _Anything:
    """The limits of a shop that can be told of any parcels."""

    tracking_unit: str = "units"
    parcels_per_order: int | None = None
    numbers_at_once: bool = False


def hold_refused(conn: Connection, refused: Sequence[Refused], world: World, why: Cause) -> None:
    """Hold orders without a plan until their next try, and offer what could be done for them.

    `world` is what the plans of the others have left of stock and room.
    """
    if not refused:
        return
    skus = {item.sku_id for each in refused for item in each.wish.items}
    codes = sku_codes(conn, skus)
    findings = [(each.wish.order_id, _finding(each.refusal, codes)) for each in refused]
    place_holds(conn, findings, why, renew=True)
    arrivals = _arrivals(conn, skus)
    offers = {each.wish.order_id: shortage_options(each.wish, each.refusal, world, arrivals) for each in refused}
    _offer(conn, offers, why)


def _finding(refusal: NoPlan, codes: Mapping[int, str]) -> Finding:
    missing = {codes[sku]: {"wanted": wanted, "there": there} for sku, (wanted, there) in refusal.missing.items()}
    evidence = {
        "why": refusal.why.value,
        "rule_version": refusal.rule_version,
        "warehouses": {code: why.value for code, why in refusal.warehouses.items()},
        "fullest": refusal.fullest,
        "missing": missing,
    }
    sentence = "; ".join(no_plan_words(refusal, codes).en)
    return Finding(HoldCode.SHORT_ROUTE, sentence, evidence, refusal.next_try_at)


def _arrivals(conn: Connection, sku_ids: Collection[int]) -> list[Arrival]:
    rows = conn.execute(
        """select warehouse_id, sku_id, expected - received, expected_at from arrival
           where sku_id = any(%s) and closed_at is null and expected > received order by expected_at, id""",
        (list(sku_ids),),
    )
    return [Arrival(*row) for row in rows]


def _offer(conn: Connection, offers: Mapping[int, Sequence[Option]], why: Cause) -> None:
    """Let these be the open options of their orders; one that is open, chosen or dismissed already stays what it is.

    While a transfer that was chosen for an order is under way, no other is offered for it.
    """
    rows = conn.execute(
        """select o.id, o.order_id, o.kind, o.detail, o.state, o.state = 'chosen' and o.kind = 'transfer' and exists (
             select 1 from arrival a where a.closed_at is null and a.reference like 'transfer-' || o.id || '-%%')
           from shortage_option o where o.order_id = any(%s) and o.state <> 'gone'""",
        (list(offers),),
    ).fetchall()
    known = {_key(row[1], row[2], row[3]): (row[0], row[4]) for row in rows}
    moving = {row[1] for row in rows if row[5]}
    wanted = {
        _key(order_id, option.kind.value, option.to_json()): (order_id, option)
        for order_id, options in offers.items()
        for option in options
        if order_id not in moving or option.kind is not OptionKind.TRANSFER
    }
    _renew(conn, [(known[key][0], option) for key, (_, option) in wanted.items() if key in known])
    gone = [option_id for key, (option_id, state) in known.items() if state == "open" and key not in wanted]
    conn.execute("update shortage_option set state = 'gone' where id = any(%s)", (gone,))
    _add(conn, [each for key, each in wanted.items() if key not in known], why)


def _add(conn: Connection, fresh: Sequence[tuple[int, Option]], why: Cause) -> None:
    conn.execute(
        """insert into shortage_option (order_id, kind, state, cost_fen, ready_at, detail, made_at, decided_by)
           select o, k, 'open', c, r, d, %s, ''
           from unnest(%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[], %s::jsonb[]) n(o, k, c, r, d)""",
        (
            why.at,
            [order_id for order_id, _ in fresh],
            [option.kind.value for _, option in fresh],
            [option.cost_fen for _, option in fresh],
            [option.ready_at for _, option in fresh],
            [Jsonb(option.to_json()) for _, option in fresh],
        ),
    )


def _renew(conn: Connection, found: Iterable[tuple[int, Option]]) -> None:
    rows = list(found)
    conn.execute(
        """update shortage_option s set cost_fen = n.cost, ready_at = n.ready
           from unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) n(id, cost, ready)
           where s.id = n.id and s.state = 'open'""",
        (
            [option_id for option_id, _ in rows],
            [option.cost_fen for _, option in rows],
            [option.ready_at for _, option in rows],
        ),
    )


def _key(order_id: int, kind: str, detail: Mapping[str, Any]) -> tuple[Any, ...]:
    moves = tuple(tuple(move) for move in detail["moves"])
    return (order_id, kind, tuple(detail["warehouses"]), moves)


@dataclass(frozen=True, slots=True)
class StandingOptions:
    """Of a batch's orders: those with open options, and those a person lets leave in parts with what forbade it."""

    open: frozenset[int]
    splits: Mapping[int, Why | None]


def standing_options(conn: Connection, batch_id: int) -> StandingOptions:
    """What was offered or chosen for the batch's orders at earlier tries."""
    rows = conn.execute(
        """select o.order_id, o.state, o.kind, o.detail->>'obstacle' from shortage_option o
           join order_state s on s.order_id = o.order_id
           where o.state <> 'gone' and o.state in ('open', 'chosen') and s.batch_id = %s order by o.id""",
        (batch_id,),
    ).fetchall()
    chosen = [row for row in rows if row[1] == OptionState.CHOSEN and row[2] == OptionKind.SPLIT]
    return StandingOptions(
        frozenset(row[0] for row in rows if row[1] == OptionState.OPEN),
        {row[0]: Why(row[3]) if row[3] else None for row in chosen},
    )


def end_options(conn: Connection, order_ids: Sequence[int]) -> None:
    """Take back what was offered for orders that go on."""
    if order_ids:
        conn.execute(
            "update shortage_option set state = 'gone' where order_id = any(%s) and state <> 'gone' and state = 'open'",
            (list(order_ids),),
        )


def lenient(wish: Wish, obstacle: Why | None) -> Wish:
    """The wish of an order that a person lets leave in parts, also where its shop cannot be told of all of them."""
    return wish._replace(limits=_Anything()) if obstacle is Why.UNTELLABLE else wish


def lenient_rules(rules: RoutingRules) -> RoutingRules:
    """The rules for orders that a person lets leave in parts: as many as need be, of any worth."""
    return replace(rules, split=True, least_part_fen=0, max_parcels=max(rules.max_parcels, rules.exact_up_to))
