"""Orders of one receiver at routing: which of a batch leave together, who waits for another, who is fetched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection
from models.hold import Finding, HoldCode, release_holds
from models.order import Cause, write_own_events
from models.rules.merging import Candidate, key_of, siblings
from models.rules.waiting import latest_end
from tasks.batches import BatchRow
from tasks.merges import join, leave, mates, numbers
from tasks.shop_settings import capabilities_of, handling_of, is_on, number_of

WAIT_BY_HAND = timedelta(hours=24)
"""How long orders that a person merged wait for those of them that are not there yet."""


@dataclass(frozen=True, slots=True)
class MergeTerms:
    """How a shop merges orders.

    `wanted`: by itself at all. `tellable`: it can be told of a parcel of several orders. `tokens`: its platform says by
    a token who receives an order. `most`: no more orders leave in one parcel. `wait`: how long an order waits for
    another one of its receiver. `handling`: what a warehouse needs to send an order off.
    """

    wanted: bool
    tellable: bool
    tokens: bool
    most: int
    wait: timedelta
    handling: timedelta


def terms_of(shop_code: str, channel: str, stored: Mapping[str, Any]) -> MergeTerms:
    """How a shop with these stored settings merges orders."""
    capabilities = capabilities_of(shop_code, channel, stored.get("capabilities") or {})
    return MergeTerms(
        capabilities.merged_parcels and is_on(stored, "merge"),
        capabilities.merged_parcels,
        capabilities.merge_token in ("field", "call"),
        int(number_of(stored, "merge_most_orders")),
        timedelta(minutes=number_of(stored, "merge_wait_minutes")),
        handling_of(stored),
    )


# `{orders}` names the orders; what a person decided of them comes with them
_CANDIDATES = """
  select o.id, o.buyer_key, o.cod_fen > 0, r.merge_key, r.receiver_hash, r.masked,
         exists (select 1 from kept_apart k where k.order_id = o.id), m.group_id,
         exists (select 1 from replacement p where p.order_id = o.id)
  from orders o join receiver r on r.order_id = o.id
  left join merge_member m on m.order_id = o.id and m.left_at is null
  where {orders} order by o.id"""

# held for nothing but a sibling, or for want of a route, which is judged anew; the run of its batch is past its routing
_WAITING = """
  select h.order_id from hold h join order_state s on s.order_id = h.order_id
  join orders o on o.id = h.order_id and o.shop_id = %(shop)s
  where h.code = 'SIBLING' and h.released_at is null and s.stage = 'locked' and s.batch_id <> %(batch)s
    and not exists (select 1 from hold other where other.order_id = h.order_id and other.released_at is null
                    and other.code not in ('SIBLING', 'SHORT_ROUTE'))"""

# those of the batch who could know somebody: of these receivers, or merged by a person with one of these
_OWN = """o.id in (
    select s.order_id from order_state s join receiver q on q.order_id = s.order_id
    where s.batch_id = %(batch)s and s.stage = 'locked' and (
      q.merge_key = any(%(tokens)s) or q.receiver_hash = any(%(receivers)s) or exists (
        select 1 from merge_member n
        where n.order_id = s.order_id and n.left_at is null and n.group_id = any(%(groups)s)))
      and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null
                      and h.code not in ('SIBLING', 'SHORT_ROUTE')))"""


def candidates(conn: Connection, order_ids: Collection[int]) -> list[Candidate]:
    """What merging goes by of these orders, by id."""
    rows = conn.execute(_CANDIDATES.format(orders="o.id = any(%s)").encode(), (list(order_ids),))
    return [Candidate(*row) for row in rows]


def fetch_waiting(conn: Connection, batch: BatchRow, terms: MergeTerms, why: Cause) -> int:
    """Take orders of other batches into this one that wait for an order of it; returns how many.

    They and those they waited for are locked together in order of their ids; no other order of the batch may have been
    locked before.
    """
    arguments = {"shop": batch.shop_id, "batch": batch.id}
    somebody = "select 1 from hold where code = 'SIBLING' and released_at is null limit 1"
    if conn.execute(somebody).fetchone() is None:
        return 0
    waiting = [row[0] for row in conn.execute(_WAITING.encode(), arguments)]
    if not waiting:
        return 0
    found = _found(conn, batch, terms, candidates(conn, waiting))
    if not found:
        return 0
    own = [row[0] for row in conn.execute(
        "select order_id from order_state where batch_id = %s and stage = 'locked'", (batch.id,)
    )]  # fmt: skip
    conn.execute(
        "select 1 from order_state where order_id = any(%s) order by order_id for update",
        (sorted({*own, *(order_id for of in found for order_id in of)}),),
    )
    there = {row[0] for row in conn.execute(_WAITING.encode(), arguments)}
    coming = sorted(there.intersection(order_id for of in found for order_id in of))
    conn.execute("update order_state set batch_id = %s where order_id = any(%s)", (batch.id, coming))
    write_own_events(conn, ((order_id, "resumed", {"batch": batch.id}) for order_id in coming), why)
    release_holds(conn, sorted({order_id for of in found for order_id in of}), [HoldCode.SIBLING], why)
    return len(coming)


def _found(conn: Connection, batch: BatchRow, terms: MergeTerms, waiting: Sequence[Candidate]) -> list[tuple[int, ...]]:
    """The groups that hold orders of the batch and orders that wait elsewhere."""
    keys = {
        "batch": batch.id,
        "tokens": sorted({each.token for each in waiting if each.token}),
        "receivers": [each.receiver for each in waiting if each.receiver is not None],
        "groups": [each.group for each in waiting if each.group is not None],
    }
    own = [Candidate(*row) for row in conn.execute(_CANDIDATES.format(orders=_OWN).encode(), keys)]
    there, here = {each.order_id for each in waiting}, {each.order_id for each in own}
    known = [each for each in (*waiting, *own) if terms.wanted or each.group is not None]
    groups = [
        of for of in siblings(known, tokens=terms.tokens, most=terms.most)
        if there.intersection(of) and here.intersection(of)
    ]  # fmt: skip
    # of a merge that a person made nobody goes before all are there
    absent = mates(conn, [order_id for of in groups for order_id in of]).keys() - {each.order_id for each in known}
    partial = set(mates(conn, absent))
    return [of for of in groups if partial.isdisjoint(of)]


@dataclass(frozen=True, slots=True)
class Company:
    """Who of a batch's orders leaves with whom, as far as that can be said before warehouses are looked at.

    `groups` are orders that one parcel is to be found for. `waits` says why an order waits for another, and how long.
    `by_hand` are the merges that a person made and that end their waiting now: all their orders, here or not.
    """

    groups: tuple[tuple[int, ...], ...] = ()
    waits: Mapping[int, Finding] = field(default_factory=dict)
    by_hand: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


# those that have a receiver in common with another, or may still come to have one, or were merged by a person
_SOCIABLE = """
  select order_id from (
    select q.order_id, count(*) over (partition by q.k) as alike from (
      select r.order_id, case when %(tokens)s and r.merge_key <> '' then 't' || r.merge_key
                              when not r.masked then 'r' || encode(r.receiver_hash, 'hex') end as k
      from receiver r where %(wanted)s and r.order_id = any(%(ids)s)) q
    where q.k is not null) one where alike > 1 or %(waits)s
  union select order_id from merge_member where left_at is null and order_id = any(%(ids)s)"""


def company_of(conn: Connection, batch: BatchRow, order_ids: Sequence[int], terms: MergeTerms, why: Cause) -> Company:
    """Which of these locked orders leave together or wait for another; of those that do neither nothing is said."""
    waits = terms.wait > timedelta()
    arguments = {"ids": list(order_ids), "tokens": terms.tokens, "wanted": terms.wanted, "waits": waits}
    found = [row[0] for row in conn.execute(_SOCIABLE.encode(), arguments)]
    if not found:
        return Company()
    known = candidates(conn, found)
    by_hand, late = _by_hand(conn, known, terms, why)
    groups = [of for of in siblings(known, tokens=terms.tokens, most=terms.most) if by_hand.keys().isdisjoint(of)]
    if waits and terms.wanted:
        together = {order_id for of in groups for order_id in of}
        lonely = [
            each for each in known if each.order_id not in together and each.group is None and not each.apart
            and key_of(each, tokens=terms.tokens) is not None
        ]  # fmt: skip
        by_hand |= _waits(conn, [each.order_id for each in lonely], terms, why)
    return Company(tuple(groups), by_hand, late)


def _waits(conn: Connection, order_ids: Sequence[int], terms: MergeTerms, why: Cause) -> dict[int, Finding]:
    """How long each of these orders waits for one of its receiver; none waits twice."""
    rows = conn.execute(
        """select o.id, o.ship_by from orders o where o.id = any(%s) and not exists (
             select 1 from hold h where h.order_id = o.id and h.code = 'SIBLING') order by 1""",
        (list(order_ids),),
    ).fetchall()
    ends = {row[0]: latest_end(why.at + terms.wait, row[1], terms.handling) for row in rows}
    return {
        order_id: Finding(HoldCode.SIBLING, "waits for another order of its receiver", {}, end)
        for order_id, end in ends.items()
        if end is not None and end > why.at
    }


def _by_hand(
    conn: Connection, known: Sequence[Candidate], terms: MergeTerms, why: Cause
) -> tuple[dict[int, Finding], dict[int, tuple[int, ...]]]:
    """Of orders that a person merged: who waits for the rest, and the merges whose orders wait no longer, whole."""
    here = {each.order_id for each in known if each.group is not None}
    members: dict[int, list[int]] = {}
    for order_id, group_id in mates(conn, here).items():
        members.setdefault(group_id, []).append(order_id)
    ends = _ends(conn, [group_id for group_id, of in members.items() if not here.issuperset(of)], terms)
    nos = numbers(conn, [order_id for group_id in ends for order_id in members[group_id]])
    waits: dict[int, Finding] = {}
    for group_id, end in ends.items():
        if end > why.at:
            absent = [nos[order_id] for order_id in members[group_id] if order_id not in here]
            finding = Finding(
                HoldCode.SIBLING,
                f"is to leave together with order {', '.join(absent)}, which cannot leave yet",
                {"with": absent},
                end,
            )
            waits |= {order_id: finding for order_id in members[group_id] if order_id in here}
    going = {group_id: tuple(of) for group_id, of in members.items() if waits.keys().isdisjoint(of)}
    return waits, going


def _ends(conn: Connection, group_ids: Sequence[int], terms: MergeTerms) -> dict[int, datetime]:
    """Until when the orders of a merge wait for each other: none past its promise, none whose wait a person ended."""
    rows = conn.execute(
        """select g.id, g.made_at, min(o.ship_by),
                  coalesce(bool_or(exists (select 1 from hold h where h.order_id = m.order_id and h.code = 'SIBLING'
                                           and h.placed_at >= g.made_at and h.released_at is not null)), false)
           from merge_group g join merge_member m on m.group_id = g.id and m.left_at is null
           join orders o on o.id = m.order_id where g.id = any(%s) group by 1, 2""",
        (list(group_ids),),
    ).fetchall()
    return {
        group_id: made_at if over else latest_end(made_at + WAIT_BY_HAND, ship_by, terms.handling) or made_at
        for group_id, made_at, ship_by, over in rows
    }


def waits_over(conn: Connection) -> list[int]:
    """Orders that wait for others they were merged with by a person, and have no reason to any more.

    The others left the merge, or wait as well and belong to no run: then all go on together.
    """
    rows = conn.execute(
        """select h.order_id from hold h
           where h.code = 'SIBLING' and h.released_at is null and h.evidence ? 'with' and not exists (
             select 1 from merge_member m join merge_member other on other.group_id = m.group_id
             join order_state s on s.order_id = other.order_id join batch b on b.id = s.batch_id
             where m.order_id = h.order_id and m.left_at is null
               and other.left_at is null and other.order_id <> m.order_id
               and (s.stage <> 'locked' or b.state = 'open' or exists (
                 select 1 from hold x where x.order_id = other.order_id and x.released_at is null
                 and x.code <> 'SIBLING')))
           order by 1"""
    )
    return [row[0] for row in rows]


def settle_company(
    conn: Connection, batch: BatchRow, company: Company, together: Sequence[Sequence[int]], why: Cause
) -> None:
    """Make merges of the groups that found one parcel; end those of a person that did not, or whose rest is late."""
    shipped = {order_id for of in together for order_id in of}
    failed = [i for of in company.by_hand.values() if shipped.isdisjoint(of) for i in of]
    late = [i for of in company.by_hand.values() if not shipped.isdisjoint(of) for i in of if i not in shipped]
    leave(conn, failed, why, "they cannot leave in one parcel")
    leave(conn, late, why, "the others did not wait any longer")
    merged = {order_id for of in company.by_hand.values() for order_id in of}
    new = [of for of in together if merged.isdisjoint(of)]
    if new:
        join(conn, batch.shop_id, new, why)
