"""The messages that tell shops what their listings show: written, rendered, and their answers noted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from connectors.base import StockLevel, StockOutcome, StockVerdict
from models.database import Connection, transaction
from models.errors import OutcomeUnknown, PipelineError, PutOff
from models.settings import clock
from tasks.outbox_calls import Pending, RefusedAlone, Shared

REMEMBERED = timedelta(days=1)
"""Messages that are over are forgotten after so long, when their listing gets another."""


@dataclass(frozen=True, slots=True)
class Push:
    """A listing of a shop (code) that is to show so many units, at this stock version under this formula version."""

    listing_id: int
    shop: str
    units: int
    version: int
    formula: int

    @property
    def key(self) -> str:
        """The idempotency key of its message: never the quantity, which may come back to what it was."""
        return f"{self.shop}:{self.listing_id}:{self.version}:{self.formula}"


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that waits, or was refused, with the SKU of its listing, the units it is to show and the obstacle."""

    message_id: int
    state: str
    attempts: int
    next_at: datetime
    sku: str
    item_id: str
    units: int
    obstacle: str
    fault: str


@dataclass(frozen=True, slots=True)
class Telling:
    """What one message tells a platform, and the version of the stock and of the formula that it was decided at."""

    message_id: int
    listing_id: int
    version: int
    formula: int
    level: StockLevel


class Shop(Protocol):
    """The part of a channel that is told of stock."""

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units; raises ChannelError types."""


def save_pushes(conn: Connection, pushes: Sequence[Push], at: datetime) -> None:
    """Write what listings are to be told, with a message each; one that is older than what is written has no effect.

    A message that waits for the same listing is withdrawn: what it would have said is out of date. A push that has the
    key of an earlier message (the same stock told again) makes that one due again.
    """
    _lock(conn, pushes)
    rows = conn.execute(
        """insert into stock_push as p (listing_id, units, version, formula, sent, decided_at)
           select n.*, false, %(at)s from unnest(%(ids)s::int[], %(units)s::int[], %(versions)s::bigint[],
             %(formulas)s::int[]) as n(listing_id, units, version, formula) order by 1
           on conflict (listing_id) do update
             set units = excluded.units, version = excluded.version, formula = excluded.formula, sent = false,
                 decided_at = case when p.sent then excluded.decided_at else p.decided_at end
             where (p.version, p.formula) <= (excluded.version, excluded.formula)
           returning listing_id""",
        {**_columns(pushes), "at": at},
    ).fetchall()
    written = {row[0] for row in rows}
    _post(conn, [push for push in pushes if push.listing_id in written], at)


def note_newer(conn: Connection, pushes: Sequence[Push]) -> None:
    """Note that listings are to show, at a newer version, what they were to show anyway; nothing is told."""
    _lock(conn, pushes)
    conn.execute(
        """update stock_push p set version = n.version, formula = n.formula
           from unnest(%(ids)s::int[], %(units)s::int[], %(versions)s::bigint[], %(formulas)s::int[])
             as n(listing_id, units, version, formula)
           where p.listing_id = n.listing_id and p.units = n.units
             and (p.version, p.formula) < (n.version, n.formula)""",
        _columns(pushes),
    )


def _lock(conn: Connection, of: Sequence[Push] | Sequence["Telling"]) -> None:
    # in one order, for whoever decides and whoever notes answers work on many rows at once
    ids = [entry.listing_id for entry in of]
    conn.execute("select 1 from stock_push where listing_id = any(%s) order by listing_id for update", (ids,))


def _columns(pushes: Sequence[Push]) -> dict[str, list[int]]:
    return {
        "ids": [push.listing_id for push in pushes],
        "units": [push.units for push in pushes],
        "versions": [push.version for push in pushes],
        "formulas": [push.formula for push in pushes],
    }


def _post(conn: Connection, pushes: Sequence[Push], at: datetime) -> None:
    given = {
        "ids": [push.listing_id for push in pushes],
        "keys": [push.key for push in pushes],
        "counterparts": [f"shop:{push.shop}" for push in pushes],
        "at": at,
        "forgotten": at - REMEMBERED,
    }
    conn.execute(
        """select 1 from outbox where kind = 'stock' and subject_id = any(%(ids)s)
           and state in ('pending', 'refused') order by id for update""",
        given,
    )
    conn.execute(
        """delete from outbox where kind = 'stock' and subject_id = any(%(ids)s) and key <> all(%(keys)s)
             and state in ('delivered', 'withdrawn') and created_at < %(forgotten)s""",
        given,
    )
    conn.execute(
        """update outbox set state = 'withdrawn' where kind = 'stock' and subject_id = any(%(ids)s)
             and key <> all(%(keys)s) and state in ('pending', 'refused')""",
        given,
    )
    conn.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, batch_id, state, attempts, in_doubt,
                               next_at, last_error, created_at)
           select 'stock', counterpart, listing_id, 1, key, null, 'pending', 0, false, %(at)s, '', %(at)s
           from unnest(%(ids)s::int[], %(counterparts)s::text[], %(keys)s::text[])
             with ordinality as n(listing_id, counterpart, key, position) order by position
           on conflict (key) do update set state = 'pending', attempts = 0, next_at = excluded.next_at, last_error = '',
             fault = '', created_at = excluded.created_at, delivered_at = null""",
        given,
    )


def only_decider(conn: Connection) -> None:
    """Let nobody else decide what listings show until the end of the transaction."""
    conn.execute("select pg_advisory_xact_lock(hashtext('stock push'))")


def hold_answers(conn: Connection, shop_ids: Sequence[int]) -> None:
    """Let no answer be noted for listings of these shops until the end of the transaction.

    To be called before listings are changed: who notes an answer locks the push first and the listing then.
    """
    conn.execute(
        """select 1 from stock_push p join listing l on l.id = p.listing_id
           where l.shop_id = any(%s) order by p.listing_id for update of p""",
        (list(shop_ids),),
    )


def forget_shown(conn: Connection, listing_ids: Sequence[int]) -> None:
    """Take back what listings wait to be told and forget what they show: they are to sell something else, or nothing.

    The caller is the only decider and holds the answers of their shops.
    """
    ids = list(listing_ids)
    conn.execute("delete from stock_push where listing_id = any(%s)", (ids,))
    conn.execute(
        """select 1 from outbox where kind = 'stock' and subject_id = any(%s)
             and state in ('pending', 'refused') order by id for update""",
        (ids,),
    )
    conn.execute(
        """update outbox set state = 'withdrawn' where kind = 'stock' and subject_id = any(%s)
             and state in ('pending', 'refused')""",
        (ids,),
    )
    conn.execute(
        """update listing set shown = null, shown_version = 0, shown_formula = 0, shown_at = null, obstacle = ''
           where id = any(%s)""",
        (ids,),
    )


def unsent(conn: Connection, counterpart: str, *, refused: bool = False) -> list[Unsent]:
    """The messages that a shop was not told, with the refused ones or without, by id."""
    rows = conn.execute(
        """select o.id, o.state, o.attempts, o.next_at, k.code, l.item_id, coalesce(p.units, 0), o.last_error,
                  o.fault
           from outbox o join listing l on l.id = o.subject_id join sku k on k.id = l.sku_id
           left join stock_push p on p.listing_id = l.id
           where o.counterpart = %s and o.kind = 'stock' and (o.state = 'pending' or %s and o.state = 'refused')
           order by o.id""",
        (counterpart, refused),
    ).fetchall()
    return [Unsent(*row) for row in rows]


def stock_calls(conn: Connection, shop: Shop, code: str, pending: Sequence[Pending]) -> dict[int, Shared]:
    """One call for all these messages; what they say is read now, so none says what is out of date by now."""
    tellings = _render(conn, pending)
    call = Shared(tuple(telling.message_id for telling in tellings), lambda: _tell(shop, code, tellings))
    return {telling.message_id: call for telling in tellings}


def _render(conn: Connection, pending: Sequence[Pending]) -> list[Telling]:
    messages = {message.subject_id: message for message in pending}
    rows = conn.execute(
        """select l.id, p.version, p.formula, l.item_id, l.sku_ref, k.code, p.units
           from stock_push p join listing l on l.id = p.listing_id join sku k on k.id = l.sku_id
           where l.id = any(%s) and l.active order by l.item_id, l.sku_ref""",
        (list(messages),),
    ).fetchall()
    return [
        Telling(
            messages[listing_id].id,
            listing_id,
            version,
            formula,
            StockLevel(item_id, sku_ref, sku_code, units, _level_key(messages[listing_id])),
        )
        for listing_id, version, formula, item_id, sku_ref, sku_code, units in rows
    ]


def _level_key(message: Pending) -> str:
    # a platform may take a key once, whatever came of it: what is told again, or is tried again, is not the same
    return f"{message.key}:{message.created_at.timestamp():.6f}:{message.attempts}"


def _tell(shop: Shop, code: str, tellings: Sequence[Telling]) -> dict[int, Exception]:
    """What stood in the way of which message; each answer is noted as it comes, so that none of them is lost."""
    waiting = {telling.level.key: telling for telling in tellings}
    errors: dict[int, Exception] = {}
    try:
        for outcomes in shop.push_stock([telling.level for telling in tellings]):
            answered = [(waiting.pop(outcome.level.key), outcome) for outcome in outcomes]
            with transaction() as conn:
                _note(conn, answered, clock().now())
            errors |= {
                telling.message_id: _obstacle(code, outcome)
                for telling, outcome in answered
                if outcome.verdict is not StockVerdict.ACCEPTED
            }
    except PipelineError as error:
        return errors | {telling.message_id: error for telling in waiting.values()}
    silence = OutcomeUnknown(code, "show stock", "the platform did not say what became of it")
    return errors | {telling.message_id: silence for telling in waiting.values()}


def _obstacle(code: str, outcome: StockOutcome) -> Exception:
    action = f"show {outcome.level.units} of {outcome.level.sku_code}"
    kind = RefusedAlone if outcome.verdict is StockVerdict.REFUSED else PutOff
    return kind(code, action, outcome.reason)


def _note(conn: Connection, answered: Sequence[tuple[Telling, StockOutcome]], at: datetime) -> None:
    shown = [telling for telling, outcome in answered if outcome.verdict is StockVerdict.ACCEPTED]
    refused = {
        telling.listing_id: outcome.reason for telling, outcome in answered if outcome.verdict is StockVerdict.REFUSED
    }
    _lock(conn, [telling for telling, _ in answered])
    note_shown(conn, shown, at)
    conn.execute(
        """update listing l set obstacle = left(n.reason, 500) from unnest(%s::int[], %s::text[]) as n(id, reason)
           where l.id = n.id""",
        (list(refused), list(refused.values())),
    )


def note_shown(conn: Connection, tellings: Sequence[Telling], at: datetime) -> None:
    """Note what platforms took; what was decided at an older version than the listing shows changes nothing.

    Nor does what was decided for another SKU than it sells by now.
    """
    given: Mapping[str, object] = {
        "ids": [telling.listing_id for telling in tellings],
        "units": [telling.level.units for telling in tellings],
        "versions": [telling.version for telling in tellings],
        "formulas": [telling.formula for telling in tellings],
        "at": at,
    }
    _lock(conn, tellings)
    conn.execute(
        """with told as (
             select * from unnest(%(ids)s::int[], %(units)s::int[], %(versions)s::bigint[], %(formulas)s::int[])
               as n(listing_id, units, version, formula)),
           noted as (
             update listing l set shown = n.units, shown_version = n.version, shown_formula = n.formula,
               shown_at = %(at)s, obstacle = ''
             from told n join stock_push d on d.listing_id = n.listing_id
               and (n.version, n.formula) <= (d.version, d.formula)
             where l.id = n.listing_id and (l.shown_version, l.shown_formula) <= (n.version, n.formula)
             returning l.id)
           update stock_push p set sent = true from told n
           where p.listing_id = n.listing_id and p.units = n.units and p.listing_id in (select id from noted)""",
        given,
    )
