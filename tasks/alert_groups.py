"""Many things of one cause are one alert: beyond a number, what is alike is told of as a group.

Queries give the oldest things of each group, no more than may be single, and how many there are: so what a scan
carries is bounded, whatever broke.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.alert import AlertRule
from models.database import Connection
from models.settings import SHANGHAI
from tasks.alerts import Found


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that a rule found, `total` how many of its group there are; `facts` are what its sentence tells."""

    subject: str
    group: str
    total: int
    since: datetime
    order_id: int | None
    facts: dict[str, Any]
    run_id: str | None = None


Words = Callable[[Thing], str]


def told(
    conn: Connection, rule: AlertRule, things: Sequence[Thing], most: int, one: Words, several: Words
) -> dict[str, Found]:
    """What is to be said: one alert per thing, or one per group of more than `most` of them, about its oldest.

    A group stays one alert until nothing of it is left. If it fell apart again at some number, things would be told
    one by one of which everybody has heard, and again as a group a little later.
    """
    known = conn.execute("select subject from alert where rule = %s and closed_at is null", (rule.value,)).fetchall()
    open_now = {row[0] for row in known}
    found: dict[str, Found] = {}
    for thing in things:
        if thing.total > most or thing.group in open_now:
            if thing.group not in found:
                found[thing.group] = Found(several(thing), thing.order_id, thing.run_id, thing.total)
        else:
            found[thing.subject] = Found(one(thing), thing.order_id, thing.run_id)
    return found


def in_groups(query: str, group: str) -> str:
    """The rows of a query, the first `%(most)s` of each group (columns that are alike) by `since` and `id`.

    Two columns come last: how many rows the group has, and the row's place in it.
    """
    return f"""
  select * from (
    select f.*, count(*) over w as total, row_number() over (partition by {group} order by since, id) as nth
    from ({query}) f window w as (partition by {group})) placed
  where nth <= %(most)s order by since, id"""


def china(at: datetime) -> str:
    """A time as sentences have it."""
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"
