"""What a person on call does after a fault: wait for the parts, retry what failed, let the rest of the work be done."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from tests.chaos.accounts import ship_backs, taken_back
from tests.chaos.site import LAG_S, SHOPS, Site

MOST_RETRIES = 6
STARTING_S = 60.0
"""How long a run may be pending without a process before it counts as dead: to start one takes a while."""
ENDING_S = 5.0
"""How long a run may be running without a process: its worker tells how it ended."""

BY_LIVE = "run by the live process"
UNDELIVERED = "not delivered to"
"""In the message of a run that could not hand something over."""

MESSAGES_IN, MESSAGES_OUT = "messages in", "messages out"
ON_THEIR_WAY, WAIT_OVER = "orders on their way", "holds that ended"
AT_WAREHOUSES = "documents at warehouses"
TURNS = {
    MESSAGES_IN: "track_parcels/every-minute",
    MESSAGES_OUT: "deliver_outbox/every-minute",
    ON_THEIR_WAY: "resume_orders/every-minute",
    WAIT_OVER: "resume_orders/every-minute",
}
"""What the schedule of which deployment would have done."""


class Drain:
    """Works until nothing is left; what it did is counted."""

    def __init__(self, site: Site, patience_s: float) -> None:
        self._site = site
        self._until = time.monotonic() + patience_s
        self.retried: Counter[str] = Counter()
        self.called_dead: list[str] = []

    def run(self) -> None:
        """Return once the pool holds and has handed on everything; AssertionError says what is left."""
        self._site.outside.behave()
        # what came in the last moment is not read before the lag is over
        time.sleep(LAG_S + 1)
        while not self._is_done():
            time.sleep(1)

    def _is_done(self) -> bool:
        self._site.await_parts()
        try:
            under_way, left = [*self._tended()], leftovers(self._site)
        except (httpx.HTTPError, psycopg.Error) as error:
            # a part that answered a moment ago is not through with its recovery
            under_way, left = [repr(error)], {}
        if not under_way and not left:
            return True
        assert time.monotonic() < self._until, f"left: {left}; under way: {under_way}; retried: {dict(self.retried)}"
        if not under_way:
            self._do_the_rest(left)
        return False

    def _tended(self) -> Iterator[str]:
        """The runs that are under way, after dead ones were called dead and those that failed were retried."""
        alive = self._site.flow_processes()
        for run in self._runs():
            kind = run["state_type"]
            if kind in {"RUNNING", "PENDING", "CANCELLING"} and self._is_dead(run, alive):
                self._site.prefect.call("POST", f"flow_runs/{run['id']}/set_state", _crash())
                self.called_dead.append(run["name"])
                kind = "CRASHED"
            if kind == "FAILED" and self._is_left_to_people(run):
                # the accounts ask whether there is a reason
                continue
            if kind in {"FAILED", "CRASHED"}:
                self._retry(run)
            if kind not in {"COMPLETED", "CANCELLED"}:
                yield f"{run['name']} {kind}"

    def _is_left_to_people(self, run: dict[str, Any]) -> bool:
        """Whether a run could not hand over what nobody takes now; a Retry is tried while it may help."""
        is_refused = UNDELIVERED in str(run["state"]["message"])
        return is_refused and (not undelivered(self._site) or self.retried[run["id"]] == MOST_RETRIES)

    def _runs(self) -> list[dict[str, Any]]:
        soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        chosen = {"expected_start_time": {"before_": soon}}
        body = {"flow_runs": chosen, "sort": "EXPECTED_START_TIME_DESC", "limit": 200}
        found: list[dict[str, Any]] = self._site.prefect.call("POST", "flow_runs/filter", body)
        return found

    def _is_dead(self, run: dict[str, Any], alive: dict[str, Any]) -> bool:
        if run["id"] in alive:
            return False
        since = datetime.fromisoformat(run["state"]["timestamp"])
        if any(BY_LIVE in message for _, message in self._site.prefect.history(run["id"])[:1]):
            return datetime.fromisoformat(run["created"]) < self._began("live")
        pending = run["state_type"] == "PENDING"
        if pending and since < self._began("worker"):
            return True
        return datetime.now(UTC) - since > timedelta(seconds=STARTING_S if pending else ENDING_S)

    def _began(self, part: str) -> datetime:
        return datetime.fromtimestamp(self._site.process(part).create_time(), UTC)

    def _retry(self, run: dict[str, Any]) -> None:
        self.retried[run["id"]] += 1
        said = f"{run['name']} {run['state_name']}: {run['state']['message']}"
        assert self.retried[run["id"]] <= MOST_RETRIES, f"retried {MOST_RETRIES} times, and still {said}"
        self._site.prefect.retry(run["id"])

    def _do_the_rest(self, left: dict[str, int]) -> None:
        """Start what the schedules would start, when they would: nothing else is left to wait for."""
        self._site.let_waits_pass()
        for shop in SHOPS:
            if left.get(unread_of(shop)):
                self._site.prefect.start("process_orders/orders", {"shop": shop})
        for deployment in {TURNS[what] for what in left if what in TURNS}:
            self._site.prefect.start(deployment, {})


def unread_of(shop: str) -> str:
    """The name of what is still to be read of a shop."""
    return f"orders of {shop}"


def leftovers(site: Site) -> dict[str, int]:
    """What is not done yet, by kind; empty when all is."""
    found = {unread_of(shop): _unread(site, shop) for shop in SHOPS}
    found[MESSAGES_IN] = site.number("select count(*) from inbox where state = 'new'")
    found[MESSAGES_OUT] = undelivered(site)
    found[ON_THEIR_WAY] = site.number(
        """select count(*) from order_state s where s.stage in ('ingested', 'validated', 'locked', 'routed')
           and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null)"""
    )
    found[WAIT_OVER] = site.number("select count(*) from hold where resume_due")
    found[AT_WAREHOUSES] = site.number(
        """select count(*) from outbound_document d where d.state in ('created', 'accepted') and not exists (
             select 1 from document_block b where b.document_id = d.id and b.lifted_at is null)"""
    )
    return {what: number for what, number in found.items() if number}


def undelivered(site: Site) -> int:
    """Messages that will still reach the outside; a shop hears of no parcel whose buyer takes the order back."""
    number = site.number("select count(*) from outbox where state = 'pending'")
    return number - sum(1 for shop, no in ship_backs(site, "pending") if taken_back(site, shop, no))


def _unread(site: Site, shop: str) -> int:
    """Orders of the shop that are not in the pool, or that changed after what it has read of the shop."""
    outside = site.outside.do("GET", f"shops/{shop}/orders")["orders"]
    ((read_until,),) = site.rows("select watermark from shop where code = %s", shop)
    known = {
        no for (no,) in site.rows("select order_no from orders o join shop s on s.id = o.shop_id where code = %s", shop)
    }
    # that an order is shipped is what we told the shop ourselves
    changed = [row for row in outside if row["no"] not in known or row["status"] != "shipped"]
    if read_until is None:
        return len(changed)
    return sum(
        1 for row in changed if row["no"] not in known or datetime.fromisoformat(row["modified_at"]) >= read_until
    )


def _crash() -> dict[str, Any]:
    return {"state": {"type": "CRASHED", "message": "the process of this run died"}, "force": False}
