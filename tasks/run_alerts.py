"""Runs that failed, crashed or did not begin, and shops whose orders stopped coming: what of it is an alert, and till
when.

Prefect tells of a run as it happens; `watch_deadlines` asks Prefect itself, so nothing is lost while nobody listened.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.registry import CHANNELS
from models.alert import AlertRule
from models.database import Connection
from models.errors import SetupError
from models.sealing import link_code
from models.settings import SHANGHAI, settings
from tasks.alerts import Found, raise_alerts
from tasks.failures import runbook_section

SILENT_POLLS = 3
SHORTEST_SILENCE = timedelta(minutes=45)
"""A shop is silent after so many polls without a window that was read, and not before this time is over."""

MESSAGE_CHARS = 600

_PREFIX = "Flow run encountered an exception: "

WATCHER = "watch_deadlines"
_ANNOUNCED = re.compile(r"watch: \d+ new of \d+ alerts: ")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A run in trouble: `work` says of what (its flow and deployment, and the shop it is about), `at` since when.

    `followed` means that a later run of the same work with the same parameters completed.
    """

    rule: AlertRule
    work: str
    run_id: str
    message: str
    at: datetime
    followed: bool = False

    def sentence(self, earlier: int = 0) -> str:
        """What a person reads: the work, what happened, why, how many runs of it did before, and the run's page."""
        happened = f"{self.work} {_HAPPENED[self.rule].format(at=_china(self.at))}"
        before = f"{earlier} more before it" if earlier else ""
        # a run that failed says itself what to do
        to_do = "" if self.rule is AlertRule.RUN_FAILED else runbook_section(GONE)
        return "; ".join(part for part in (happened, self.message, before, run_link(self.run_id), to_do) if part)


_HAPPENED: Mapping[AlertRule, str] = {
    AlertRule.RUN_FAILED: "failed {at}",
    AlertRule.RUN_CRASHED: "crashed {at}",
    AlertRule.RUN_LATE: "is late since {at}: no worker took it up",
}
RUN_RULES = tuple(_HAPPENED)

GONE = "crashed-or-late"
"""The section of the runbook about runs without a process."""


def announcement(new: Sequence[str], open_count: int, named: int) -> str:
    """How a run of `watch_deadlines` tells of new alerts, naming so many of them."""
    more = f" (+ {len(new) - named} more)" if len(new) > named else ""
    return f"watch: {len(new)} new of {open_count} alerts: {'; '.join(new[:named])}{more}"


def trouble_of(
    *,
    flow: str,
    deployment: str,
    shop: str,
    run_id: str,
    state_type: str,
    state_name: str,
    message: str,
    at: datetime,
    followed: bool = False,
) -> Trouble | None:
    """The trouble that a run is in, None when it is in none that anybody is alerted of.

    A run of no deployment was started by a person who sees it fail. A run that failed because it tells of new alerts
    is no alert itself, else each would make the next one.
    """
    rule = _rule(state_type, state_name)
    if rule is None or not deployment or (flow == WATCHER and _ANNOUNCED.match(message)):
        return None
    work = f"{flow}/{deployment}"
    if rule is AlertRule.RUN_LATE:
        return Trouble(rule, work, run_id, "", at)
    line = message.removeprefix(_PREFIX).partition("\n")[0][:MESSAGE_CHARS]
    return Trouble(rule, f"{work} of {shop}" if shop else work, run_id, line, at, followed)


def _rule(state_type: str, state_name: str) -> AlertRule | None:
    if state_name == "Late":
        return AlertRule.RUN_LATE
    return {"FAILED": AlertRule.RUN_FAILED, "CRASHED": AlertRule.RUN_CRASHED}.get(state_type)


def note(conn: Connection, trouble: Trouble, now: datetime) -> bool:
    """Have an alert of a run's trouble, as Prefect tells it; whether there is a new one.

    Told twice, or after it was over, it changes nothing.
    """
    opened = conn.execute(
        """insert into alert (rule, subject, sentence, run_id, opened_at)
           select %(rule)s, %(work)s, %(sentence)s, %(run)s, %(now)s
           where not exists (
             select 1 from alert where rule = %(rule)s and subject = %(work)s and closed_at >= %(since)s)
           on conflict (rule, subject) where closed_at is null
           do update set sentence = excluded.sentence, run_id = excluded.run_id
             where alert.sentence <> excluded.sentence
           returning xmax = 0""",
        {
            "rule": trouble.rule.value,
            "work": trouble.work,
            "sentence": trouble.sentence(),
            "run": trouble.run_id,
            "now": now,
            "since": trouble.at,
        },
    ).fetchone()
    return opened is not None and bool(opened[0])


def settle(
    conn: Connection, rule: AlertRule, troubles: Iterable[Trouble], now: datetime, flow_run_id: str | None
) -> int:
    """Have exactly the works alerted that are in trouble of this kind, as asked of Prefect at `now`; how many closed.

    What was told after that stays, and what was over by then stays over.
    """
    mine = [trouble for trouble in troubles if trouble.rule is rule]
    return raise_alerts(conn, rule, _standing(rule, mine), now, flow_run_id, asked_at=now).closed


def _standing(rule: AlertRule, troubles: Sequence[Trouble]) -> Callable[[Connection, datetime], dict[str, Found]]:
    def look(conn: Connection, _now: datetime) -> dict[str, Found]:
        stuck = _with_open_batches(conn, [trouble.run_id for trouble in troubles if trouble.followed])
        over = {} if rule is AlertRule.RUN_LATE else _last_closed(conn, rule, [trouble.work for trouble in troubles])
        return _by_work(
            trouble
            for trouble in troubles
            if (not trouble.followed or trouble.run_id in stuck)
            and not (trouble.work in over and trouble.at <= over[trouble.work])
        )

    return look


def _last_closed(conn: Connection, rule: AlertRule, works: Sequence[str]) -> dict[str, datetime]:
    """When the last alert of each work was over.

    Only so many of the runs that followed are looked at: one that was seen once is out of sight among later ones.
    """
    rows = conn.execute(
        "select subject, max(closed_at) from alert where rule = %s and subject = any(%s) and closed_at is not null "
        "group by 1",
        (rule.value, list(works)),
    ).fetchall()
    return dict(rows)


def _with_open_batches(conn: Connection, run_ids: Sequence[str]) -> set[str]:
    """The runs whose orders still wait for their Retry, whatever later runs did."""
    rows = conn.execute(
        "select distinct flow_run_id from batch where state = 'open' and flow_run_id = any(%s)", (list(run_ids),)
    ).fetchall()
    return {row[0] for row in rows}


def _by_work(troubles: Iterable[Trouble]) -> dict[str, Found]:
    """A sentence per work: that of its newest run in trouble, and how many more there are."""
    found: dict[str, list[Trouble]] = {}
    for trouble in sorted(troubles, key=lambda trouble: trouble.at, reverse=True):
        found.setdefault(trouble.work, []).append(trouble)
    return {
        work: Found(several[0].sentence(earlier=len(several) - 1), run_id=several[0].run_id)
        for work, several in found.items()
    }


def silent_shops(conn: Connection, now: datetime) -> dict[str, str]:
    """A sentence per shop of which nothing was read for three polls, and for 45 minutes at least."""
    read = [name for name, kind in CHANNELS.items() if kind.capabilities.pulls]
    rows = conn.execute(
        """select code, watermark is not null, coalesce(watermark, created_at) from shop
           where active and channel = any(%(read)s)
             and coalesce(watermark, created_at)
               < %(now)s - greatest(poll_minutes * %(polls)s * interval '1 minute', %(least)s) order by code""",
        {"now": now, "read": read, "polls": SILENT_POLLS, "least": SHORTEST_SILENCE},
    ).fetchall()
    return {
        f"shop:{code}": f"shop {code}: no orders were fetched since "
        + (_china(since) if known else f"it was added {_china(since)}")
        for code, known, since in rows
    }


def hook_token() -> str:
    """What Prefect shows to our hook; it follows from the installation's key, so every machine knows it."""
    return link_code("prefect hook")


def run_link(run_id: str) -> str:
    """The page of a run in Prefect, "" where that is not known."""
    try:
        return f"{settings().address('prefect_ui_url').rstrip('/')}/runs/flow-run/{run_id}"
    except SetupError:
        return ""


def _china(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"
