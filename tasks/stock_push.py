"""push_stock: decide what each listing is to show, and have the shops told of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.database import Connection, transaction
from models.errors import StepFailed
from models.messages import OutboxKind
from models.order import Cause
from models.rules.faults import WISHES, Fault
from models.rules.stock_formula import Rule
from models.rules.stock_shown import NOTHING, Showing, cannot_wait, show
from models.settings import clock
from tasks.outbox import SECOND_ATTEMPT_S, deliver
from tasks.runs import cause, in_plain_words, is_retry, leave_table, step_failed, with_runbook
from tasks.send import send
from tasks.stock_figures import load_figures
from tasks.stock_formula import formula_in_force
from tasks.stock_listings import SellingListing, offers_of, selling_listings
from tasks.stock_messages import Push, Unsent, note_newer, only_decider, save_pushes, unsent
from tasks.windows import find_shop

TOLD_AGAIN_AFTER = timedelta(hours=1)
"""A listing is told again after so long, though nothing changed: somebody may have changed the number there."""

_CHANGED = """
    with part as (
      select l.id, p.version, coalesce(c.component_id, l.sku_id) as sku_id
      from stock_push p join listing l on l.id = p.listing_id left join kit_component c on c.kit_id = l.sku_id
      where l.active),
    shelves as (select sku_id, sum(version) as version from stock group by 1),
    changed as (
      select part.id from part left join sku_pool k on k.sku_id = part.sku_id
      left join shelves s on s.sku_id = part.sku_id
      group by part.id, part.version
      -- fewer: a kit is made of something else now, and changes of that must be seen
      having sum(coalesce(k.version, 0) + coalesce(s.version, 0)) <> part.version)
    select id, array_agg(sku_id) from part where id in (select id from changed) group by 1
"""


@dataclass(frozen=True, slots=True)
class PushCount:
    """Listings looked at, and per shop how many of them are to be told something."""

    listings: int
    to_tell: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShopCount:
    """Listings of a shop that waited to be told, and those of them that were."""

    shop: str
    waiting: int
    told: int


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a listing should show now, by which rule."""

    listing: SellingListing
    rule: Rule
    showing: Showing
    push: Push

    @property
    def is_newer(self) -> bool:
        """Whether it should show what it was to show already, at a newer version."""
        decided, push = self.listing.decided, self.push
        if decided is None or decided.units != push.units:
            return False
        return (decided.version, decided.formula) < (push.version, push.formula)

    def must_be_told(self, at: datetime) -> bool:
        """Whether it shows something else, never confirmed what it shows, or was not told for an hour."""
        decided, long_ago = self.listing.decided, at - TOLD_AGAIN_AFTER
        if decided is None or decided.units != self.push.units:
            return True
        if decided.sent:
            shown_at = self.listing.shown_at
            return self.listing.shown != decided.units or shown_at is None or shown_at <= long_ago
        if decided.message_at is None:  # its message was overtaken while it was under way
            return True
        return decided.message == "refused" and decided.message_at <= long_ago

    def cannot_wait(self) -> bool:
        """Whether it must be told before the next sweep; what it was last to be told counts as what it shows."""
        decided = self.listing.decided
        return decided is not None and cannot_wait(self.rule, decided.units, self.showing)


def decide_all(conn: Connection, why: Cause, shop: str | None = None, *, everything: bool = False) -> PushCount:
    """Write a push for every listing (of one shop) that must be told; with `everything` for each.

    Safe to repeat: what waits already is not written again. Only one process decides at a time, from what is committed
    by then, so no decision is older than the one it replaces. Raises SetupError when there is no such shop.
    """
    if shop is not None:
        find_shop(conn, shop)
    only_decider(conn)
    decisions = [
        decision
        for decision in _decisions(conn, selling_listings(conn), why.at)
        if shop is None or decision.listing.shop == shop
    ]
    telling = [decision.push for decision in decisions if everything or decision.must_be_told(why.at)]
    # what shows the same at a newer version need not be looked at again before its stock changes
    note_newer(conn, [decision.push for decision in decisions if decision.is_newer])
    return PushCount(len(decisions), _save(conn, telling, why.at))


def decide_crossed(conn: Connection, why: Cause) -> PushCount:
    """Write a push for every listing that cannot wait for the next sweep, of those whose stock changed. As safe."""
    only_decider(conn)
    decisions = _changed(conn, why.at)
    return PushCount(len(decisions), _save(conn, [d.push for d in decisions if d.cannot_wait()], why.at))


def shows_stock() -> bool:
    """Whether any listing was ever to be told anything."""
    with transaction() as conn:
        row = conn.execute("select exists (select from stock_push)").fetchone()
    return bool(row and row[0])


def has_crossed(at: datetime) -> bool:
    """Whether `decide_crossed` would write anything now; reads only."""
    with transaction() as conn:
        return any(decision.cannot_wait() for decision in _changed(conn, at))


def _changed(conn: Connection, at: datetime) -> list[_Decision]:
    """Decisions on the listings whose stock changed since they were decided on."""
    changed: dict[int, list[int]] = dict(conn.execute(_CHANGED).fetchall())
    if not changed:
        return []
    # those that share a SKU with them bear on their shares
    around = selling_listings(conn, sorted({sku for skus in changed.values() for sku in skus}))
    return [decision for decision in _decisions(conn, around, at) if decision.listing.id in changed]


def _decisions(conn: Connection, listings: Sequence[SellingListing], at: datetime) -> list[_Decision]:
    force = formula_in_force(conn)
    skus = sorted({sku for listing in listings for sku in listing.parts})
    figures = load_figures(conn, at, skus, paced=force.is_paced)
    offers = offers_of(listings, force.formula)
    showings = show(offers, figures, at)
    decisions = []
    for listing, offer in zip(listings, offers, strict=True):
        showing = showings[listing.id]
        version = sum(figures.get(sku, NOTHING).version for sku in listing.parts)
        if listing.decided is not None:
            # the components of a kit that is made of something else now may have changed less often
            version = max(version, listing.decided.version)
        push = Push(listing.id, listing.shop, showing.units, version, force.version)
        decisions.append(_Decision(listing, offer.rule, showing, push))
    return decisions


def _save(conn: Connection, pushes: Sequence[Push], at: datetime) -> dict[str, int]:
    save_pushes(conn, pushes, at)
    return dict(Counter(push.shop for push in pushes))


def tell_listings(shop: str, why: Cause, *, forced: bool = False) -> tuple[ShopCount, list[Unsent]]:
    """Make the first two attempts at what a shop's listings wait to be told; with what could not be told.

    `forced` (a person's Retry) ignores next-attempt times and tries refused ones again. Raises ChannelUnavailable when
    another run is still telling the shop after minutes.
    """
    counterpart = f"shop:{shop}"
    with transaction() as conn:
        before = {row.message_id for row in unsent(conn, counterpart, refused=forced)}
    deliver(counterpart, send, (OutboxKind.STOCK,), why, forced=forced)
    soon = clock().now() + timedelta(seconds=SECOND_ATTEMPT_S)
    with transaction() as conn:
        again = [row for row in unsent(conn, counterpart) if row.attempts and row.next_at <= soon]
    if again:
        sleep(SECOND_ATTEMPT_S)
        deliver(counterpart, send, (OutboxKind.STOCK,), why)
    with transaction() as conn:
        left = [row for row in unsent(conn, counterpart, refused=True) if row.message_id in before]
    # the obstacle of one that was tried says more than that another was not
    left.sort(key=lambda row: (row.obstacle == "", row.message_id))
    return ShopCount(shop, len(before), len(before) - len(left)), left


def shops_to_tell(*, refused: bool = False) -> list[str]:
    """The active shops that have a listing waiting to be told, or refused."""
    with transaction() as conn:
        rows = conn.execute(
            """select distinct s.code from outbox o join shop s on o.counterpart = 'shop:' || s.code
               where o.kind = 'stock' and s.active and (o.state = 'pending' or %s and o.state = 'refused')
               order by 1""",
            (refused,),
        ).fetchall()
    return [row[0] for row in rows]


# a Retry must look again at what is there now, so no result is taken over
@task(task_run_name="decide what is shown", tags=["stage:push_stock"], cache_policy=NO_CACHE)
def decide_stock(shop: str | None, everything: bool, at_once: bool) -> PushCount:
    """Decide on all listings, or with `at_once` on those that cannot wait."""
    why = cause("push_stock")
    with in_plain_words("push_stock", "listings"), transaction() as conn:
        if at_once:
            return decide_crossed(conn, why)
        return decide_all(conn, why, shop, everything=everything)


@task(task_run_name="tell {shop}", tags=["stage:push_stock"], cache_policy=NO_CACHE)
def tell_shop(shop: str) -> ShopCount:
    """Tell a shop what its listings show; fails when some of them could not be told, with a table of those."""
    with in_plain_words("push_stock", f"listings of {shop}"):
        count, left = tell_listings(shop, cause("push_stock"), forced=is_retry())
    if left:
        raise _not_told(shop, count, left)
    return count


def _not_told(shop: str, count: ShopCount, left: Sequence[Unsent]) -> StepFailed:
    faults = [Fault(row.fault or Fault.ANOTHER_RUN) for row in left]
    rows = [
        {"sku": row.sku, "item": row.item_id, "shows not": row.units, "why": row.obstacle, "what to do": WISHES[fault]}
        for row, fault in zip(left, faults, strict=True)
    ]
    title = f"Listings of {shop} that could not be told"
    leave_table("push_stock", shop, rows, with_runbook(title, faults))
    missing = count.waiting - count.told
    obstacle = left[0].obstacle.removeprefix(f"{shop}: ")
    return step_failed(f"push_stock: {missing} of {count.waiting} not told to {shop}: {obstacle}", faults[0])
