"""Sealed personal data is opened in few places, each for a purpose and with a line in the log of access."""

import json
import re
from datetime import timedelta
from pathlib import Path

from models.database import transaction
from models.rules.purposes import Purpose
from models.settings import settings
from tasks.openings import accesses, note_opening, orders_opened
from tasks.reveal import reveal_receiver
from tasks.story import as_text, find_stories
from tests.fakes import NOON, FakePool, payload, why
from tests.pipeline.leaks import people_of

CHECKOUT = Path(__file__).parents[2]
ROOMS = ("models", "connectors", "tasks", "flows", "web", "deployments")
SEALED = re.compile(r"\b(?:name|phone|address|cut|notes|cipher|invoice)_enc\b")

READERS = {
    "models/receiver.py": "the table",
    "tasks/receivers.py": "written, and opened for newer_version, rereading and copy",
    "tasks/erasing.py": "emptied",
    "tasks/replacements.py": "copied sealed",
    "tasks/render.py": "instruction, paper",
    "tasks/waybill_wishes.py": "waybill, label",
    "tasks/quality_frame.py": "review: what kind of phone it is",
    "tasks/review_facts.py": "review, trial: notes and invoice",
    "tasks/review_receivers.py": "review: divisions and digests",
    "tasks/stored_payloads.py": "rereading, trial",
    "tasks/reveal.py": "reveal",
    "tasks/order_page.py": "display",
    "tasks/progress_orders.py": "progress",
    "tasks/story.py": "display",
    "web/hooks/documents.py": "printing",
}
"""Every file that names a sealed column of `receiver`, and what for. A new one needs a purpose and a log line."""


def test_no_other_code_reads_sealed_columns_of_receivers() -> None:
    found = {
        str(path.relative_to(CHECKOUT))
        for room in ROOMS
        for path in (CHECKOUT / room).rglob("*.py")
        if "migrations" not in path.parts and SEALED.search(path.read_text("utf-8"))
    }

    assert found == set(READERS)


def test_every_purpose_is_named_where_something_is_opened() -> None:
    code = "".join(
        path.read_text("utf-8") for room in ("tasks", "web", "deployments") for path in (CHECKOUT / room).rglob("*.py")
    )

    assert [purpose for purpose in Purpose if f"Purpose.{purpose.name}" not in code] == []


def opened(pool: FakePool) -> dict[str, list[int]]:
    """The orders whose receivers were opened, by purpose."""
    rows = pool.rows(
        """select purpose, array_agg(distinct o order by o) from access_log,
             unnest(coalesce(order_ids, array[order_id])) o where purpose <> '' group by 1"""
    )
    return dict(rows)


def test_a_batch_is_reviewed_under_one_line_with_all_its_orders(pool: FakePool) -> None:
    pool.stock(TEA=9)
    pool.take([payload(1), payload(2), payload(3)])
    pool.through_the_stages("route")

    assert pool.rows("select actor, purpose, cardinality(order_ids), detail from access_log") == [
        ("test", "review", 3, {"batch": 1})
    ]


def test_what_is_compared_with_a_newer_version_is_noted(pool: FakePool) -> None:
    pool.take([payload(1), payload(2)])
    pool.take([payload(2, 5)], run="run-2")
    (second,) = (row[0] for row in pool.rows("select id from orders where order_no = '2'"))

    assert opened(pool) == {"newer_version": [second]}


def test_what_a_person_sees_is_noted_masked_or_clear(pool: FakePool) -> None:
    pool.take([payload(1)])
    ((order_id,),) = pool.rows("select id from orders")

    find_stories("1", why())
    reveal_receiver(order_id, "the buyer phoned", why())

    assert opened(pool) == {"display": [order_id], "reveal": [order_id]}


def test_the_story_of_an_order_names_nobody_as_text_or_for_machines(pool: FakePool) -> None:
    pool.stock(TEA=9)
    pool.take([payload(1, customer_note="call 139 0000 0001 first")])
    pool.through_the_stages()
    people = people_of(settings().pool_url())
    stories = find_stories("1", why())

    assert people.kind_in("欧阳修远") == "name"
    assert people.kind_in(json.dumps(stories, default=str, ensure_ascii=False)) == ""
    assert people.kind_in(as_text(stories[0], "")) == ""


def test_the_log_answers_whose_data_somebody_saw_and_who_saw_somebodys(pool: FakePool) -> None:
    pool.take([payload(no) for no in (1, 2, 3)])
    ids = [row[0] for row in pool.rows("select id from orders order by id")]
    with transaction() as conn:
        note_opening(conn, Purpose.WAYBILL, "carrier:kuaidi100/WH-A", NOON, ids[:2])
        note_opening(conn, Purpose.REVEAL, "person:li", NOON + timedelta(hours=1), ids[2:])
        note_opening(conn, Purpose.REVEAL, "person:wu", NOON + timedelta(days=9), ids[:1])

        until = NOON + timedelta(days=1)
        assert orders_opened(conn, NOON, until) == [("WOO", "1"), ("WOO", "2"), ("WOO", "3")]
        assert orders_opened(conn, NOON, until, "person:li") == [("WOO", "3")]
        of_first = accesses(conn, NOON, NOON + timedelta(days=10), order_id=ids[0])
        assert [(row.actor, row.purpose, row.orders) for row in of_first] == [
            ("person:wu", "reveal", 1),
            ("carrier:kuaidi100/WH-A", "waybill", 2),
        ]


def test_nothing_is_noted_for_no_orders(pool: FakePool) -> None:
    with transaction() as conn:
        note_opening(conn, Purpose.REVIEW, "test", NOON, [])

    assert pool.rows("select 1 from access_log") == []
