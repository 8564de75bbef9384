"""watch: what has been waiting too long, or soon will, becomes an alert; what is over closes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.alert import AlertRule
from models.database import Connection, transaction
from models.errors import PipelineError
from models.order import Cause
from models.rules.faults import Fault
from models.settings import SHANGHAI
from tasks.alert_links import links_of
from tasks.alerts import Look, OpenAlert, open_alerts, raise_alerts
from tasks.prefect_runs import runs_in_trouble
from tasks.quality_history import drifting_feeds
from tasks.run_alerts import RUN_RULES, Trouble, settle, silent_shops
from tasks.runs import cause, in_one_line, in_plain_words, leave_table, with_runbook
from tasks.shop_settings import ALARMS
from tasks.shortfalls import shortfalls_now
from tasks.tokens import AHEAD, TokenStanding, standings
from tasks.watch_messages import stuck_messages, undelivered_instructions
from tasks.watch_parcels import delivery_problems, no_movement, not_collected
from tasks.watch_promises import dispatch_due, held_due, not_dispatched
from tasks.watch_ship_backs import failed_ship_backs, overdue_ship_backs
from tasks.watch_stock import below_safety, silent_feeds
from tasks.watch_stuck import stuck_after_sales, stuck_documents, stuck_orders
from tasks.waybill_desk import waybills_missing

LATE = timedelta(hours=2)
"""A refresh that is due for so long has failed."""


@dataclass(frozen=True, slots=True)
class WatchCount:
    """Open alerts, those opened by this run (their sentences), those closed."""

    open: int
    new: tuple[str, ...]
    closed: int


def tokens_at_risk(conn: Connection, now: datetime) -> dict[str, str]:
    """A sentence per shop whose access token has ended or needs a person before it does.

    A token that is refreshed by itself in time is none.
    """
    days: dict[str, float] = dict(
        conn.execute(
            "select code, coalesce((settings->>'token_alarm_days')::float, %s) from shop where active",
            (ALARMS["token_alarm_days"],),
        ).fetchall()
    )
    found = {}
    for standing in standings(conn):
        ahead = timedelta(days=days[standing.shop_code])
        if obstacle := _risk(standing, ahead, now):
            wish = f"`orderpool shop authorize {standing.shop_code}`"
            found[f"shop:{standing.shop_code}"] = f"shop {standing.shop_code}: {obstacle}: {wish}"
    return found


def _risk(standing: TokenStanding, ahead: timedelta, now: datetime) -> str:
    """What threatens a shop's token, "" when nothing does."""
    ends, refresh_at, last = standing.ends_at, standing.refresh_at, standing.ends_for_good_at
    if ends is not None and ends <= now:
        return f"its access token ended {_china(ends)}"
    if refresh_at is not None and refresh_at <= now - LATE:
        return f"its access token ends {_china(ends)} and could not be refreshed"
    if last is None or _renews_both(standing, ahead):
        return ""
    if not standing.refreshable and standing.given_at is not None:
        # a token that lives a week must not be an alert all its life
        ahead = min(ahead, (last - standing.given_at) / 4)
    what = "refresh token" if standing.refreshable else "access token, which cannot be refreshed,"
    return f"its {what} ends {_china(last)}" if last <= now + ahead else ""


def _renews_both(standing: TokenStanding, ahead: timedelta) -> bool:
    """Whether the refresh token lives as long as a long-lived access token, so both are renewed shortly before."""
    if standing.ends_at is None or standing.refresh_ends_at is None or standing.given_at is None:
        return False
    together = abs(standing.refresh_ends_at - standing.ends_at) < AHEAD / 2
    return standing.refreshable and together and standing.ends_at - standing.given_at > ahead


def stock_not_shown(conn: Connection, now: datetime) -> dict[str, str]:
    """A sentence per shop with listings that have not shown what they should for hours (set per shop)."""
    rows = conn.execute(
        """select s.code, count(*), min(p.decided_at),
             (array_agg(k.code || ': ' || coalesce(nullif(l.obstacle, ''), nullif(o.last_error, ''), 'not tried yet')
                        order by p.decided_at, l.id))[1]
           from stock_push p join listing l on l.id = p.listing_id join shop s on s.id = l.shop_id
           join sku k on k.id = l.sku_id
           left join lateral (
             select last_error from outbox where kind = 'stock' and subject_id = l.id
               and state in ('pending', 'refused') order by id desc limit 1) o on true
           where not p.sent and l.active and s.active
             and p.decided_at <= %(now)s
               - coalesce((s.settings->>'stock_not_shown_h')::float, %(hours)s) * interval '1 hour'
           group by 1 order by 1""",
        {"now": now, "hours": ALARMS["stock_not_shown_h"]},
    ).fetchall()
    return {
        f"shop:{shop}": f"shop {shop}: {count} {'listings do' if count > 1 else 'listing does'} not show "
        f"the stock decided on since {_china(since)}: {example}"
        for shop, count, since, example in rows
    }


RULES: Mapping[AlertRule, Look] = {
    AlertRule.TOKEN_EXPIRING: tokens_at_risk,
    AlertRule.SHIP_BACK_OVERDUE: overdue_ship_backs,
    AlertRule.STOCK_SHORTFALL: shortfalls_now,
    AlertRule.STOCK_NOT_SHOWN: stock_not_shown,
    AlertRule.FEED_DRIFTING: drifting_feeds,
    AlertRule.INGEST_SILENT: silent_shops,
    AlertRule.WAYBILL_MISSING: waybills_missing,
    AlertRule.SHIP_BACK_FAILED: failed_ship_backs,
    AlertRule.NOT_COLLECTED: not_collected,
    AlertRule.NO_MOVEMENT: no_movement,
    AlertRule.DELIVERY_PROBLEM: delivery_problems,
    AlertRule.NOT_DISPATCHED: not_dispatched,
    AlertRule.DISPATCH_DUE: dispatch_due,
    AlertRule.HELD_DUE: held_due,
    AlertRule.DOCUMENT_STUCK: stuck_documents,
    AlertRule.ORDER_STUCK: stuck_orders,
    AlertRule.MESSAGE_STUCK: stuck_messages,
    AlertRule.INSTRUCTION_UNDELIVERED: undelivered_instructions,
    AlertRule.AFTER_SALES_STUCK: stuck_after_sales,
    AlertRule.STOCK_FEED_SILENT: silent_feeds,
    AlertRule.BELOW_SAFETY: below_safety,
}
"""The rules that are evaluated here; those that others evaluate raise their alerts themselves."""


def watch_all(
    why: Cause, ask_prefect: Callable[[datetime], list[Trouble]] | None = None
) -> tuple[WatchCount, list[OpenAlert]]:
    """Evaluate every rule, each in its own transaction; the counts and every open alert.

    `ask_prefect` gives the runs in trouble; without it nothing is said about runs. Raises PipelineError naming the
    rules that could not be evaluated, after the others were.

    What this very run opened in an attempt that was cut off is new still.
    """
    closed = 0
    obstacles = []
    if ask_prefect is not None:
        try:
            closed += _settle_runs(ask_prefect, why)
        except Exception as error:  # noqa: BLE001 - what our own tables tell is said without Prefect, too
            obstacles.append(f"runs: {in_one_line(error)}")
    for rule, look in RULES.items():
        try:
            with transaction() as conn:
                closed += raise_alerts(conn, rule, look, why.at, why.flow_run_id).closed
        except Exception as error:  # noqa: BLE001 - one rule that breaks must not silence the others
            obstacles.append(f"{rule}: {in_one_line(error)}")
    if obstacles:
        raise PipelineError("; ".join(obstacles))
    with transaction() as conn:
        alerts = open_alerts(conn)
        new = open_alerts(conn, why.flow_run_id) if why.flow_run_id else []
    return WatchCount(len(alerts), tuple(alert.sentence for alert in new), closed), alerts


def _settle_runs(ask_prefect: Callable[[datetime], list[Trouble]], why: Cause) -> int:
    troubles = ask_prefect(why.at)
    closed = 0
    for rule in RUN_RULES:
        with transaction() as conn:
            closed += settle(conn, rule, troubles, why.at, why.flow_run_id)
    return closed


# a Retry must look again, so no result is taken over
@task(task_run_name="watch deadlines", tags=["stage:watch"], cache_policy=NO_CACHE)
def watch() -> WatchCount:
    """The watch of a run, with a table of every open alert."""
    with in_plain_words("watch", "rules"):
        count, alerts = watch_all(cause("watch"), runs_in_trouble)
    if alerts:
        new = set(count.new)
        rows = [
            {
                "new": "new" if alert.sentence in new else "",
                "rule": alert.rule.value,
                "since": _china(alert.opened_at),
                "what": alert.sentence,
                "page": links.page,
                "runbook": links.runbook,
            }
            for alert in sorted(alerts, key=lambda alert: (alert.sentence not in new, alert.opened_at))
            for links in (links_of(alert),)
        ]
        leave_table("watch", "alerts", rows, with_runbook("Open alerts", [Fault.NEW_ALERTS]))
    return count


def _china(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}" if at else "at an unknown time"
