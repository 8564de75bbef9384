"""Backfills: a wish is written down once, its windows are read a few at a time, another attempt takes what is left."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.database import transaction
from models.errors import SetupError
from models.rules.faults import Fault
from tasks import runs
from tasks.backfill import (
    checked_wish,
    give_to,
    note_end,
    note_run,
    of_run,
    only_run_of_backfill,
    open_spans,
    read_backfill,
    register,
)
from tasks.backfill_meter import SETTLING_BEATS, Meter, Standing
from tasks.backfill_progress import list_backfills, problems_of, progress_of, total_of
from tasks.read_windows import busy_with
from tests.fakes import NOON, FakePool
from tests.tasks.backfilling import DAY, WHO, FakeRuns, asked, wished

pytestmark = pytest.mark.usefixtures("stopped")


def read(backfill_id: int, runs: FakeRuns, at_once: int = 2) -> int:
    """Read its windows; gives how often something was told."""
    told: list[None] = []
    Meter(runs, at_once, lambda: told.append(None), runs.go_on).read(backfill_id)
    return len(told)


def test_the_same_wish_is_written_down_once(pool: FakePool) -> None:
    first, is_new = register(wished(), WHO)
    second, is_new_again = register(wished(at_once=4), WHO)

    assert (is_new, is_new_again, second.id) == (True, False, first.id)
    assert second.at_once == 4
    assert pool.rows("select count(*) from backfill_window") == [(4,)]


def test_a_note_makes_another_backfill_of_the_same_span(pool: FakePool) -> None:
    assert asked().id != asked(again="the mapping was wrong").id


def test_a_run_finds_its_backfill_again(pool: FakePool) -> None:
    backfill = asked()
    give_to(backfill.id, "run-7")

    assert (of_run("run-7"), of_run("run-8")) == (backfill.id, None)


def test_a_backfill_stays_with_its_run_when_another_is_asked_for_the_same(pool: FakePool) -> None:
    first, _ = register(wished(), replace(WHO, flow_run_id="run-7"))
    again, _ = register(wished(), replace(WHO, flow_run_id="run-8"))

    assert (again.id, again.flow_run_id, of_run("run-7"), of_run("run-8")) == (first.id, "run-7", first.id, None)


def test_all_shops_are_the_active_ones_that_can_be_asked(pool: FakePool) -> None:
    pool.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           values ('FILES', 'file', '', true, false, 15, '{}', now()),
                  ('OFF', 'jd', '', false, false, 15, '{}', now())"""
    )

    assert checked_wish("all", DAY, NOON - timedelta(days=1), 60, 1).shops == ("WOO",)
    with pytest.raises(SetupError, match="shop FILES: its orders come from files"):
        checked_wish("WOO,FILES", DAY, NOON - timedelta(days=1), 60, 1)
    assert checked_wish("OFF, WOO", DAY, NOON - timedelta(days=1), 60, 1).shops == ("OFF", "WOO")


def test_a_shop_that_is_not_there_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop NOPE: there is no such shop"):
        checked_wish("WOO,NOPE", DAY, NOON - timedelta(days=1), 60, 1)


def test_what_the_platform_may_not_list_yet_is_refused(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop WOO: its platform may not list all orders up to"):
        checked_wish("WOO", DAY, NOON, 60, 1)


def test_what_the_platform_lists_no_more_is_refused(pool: FakePool) -> None:
    pool.execute("update shop set channel = 'tmall'")

    with pytest.raises(SetupError, match="its platform lists no orders from before"):
        checked_wish("WOO", NOON - timedelta(days=800), NOON - timedelta(days=799), 60, 1)


def test_every_window_is_read_once_and_no_more_than_asked_at_a_time(pool: FakePool) -> None:
    backfill, runs = asked(hours=7), FakeRuns()

    read(backfill.id, runs, at_once=3)

    assert [runs.place(run) for run in runs.begun] == list(range(7))
    assert runs.most_at_once == 3
    assert note_end(backfill.id, NOON)


def test_a_window_that_fails_stops_no_other_and_is_named(pool: FakePool) -> None:
    backfill, runs = asked(), FakeRuns({1: [Standing.FAILED]})

    read(backfill.id, runs)

    assert not note_end(backfill.id, NOON)
    with transaction() as conn:
        (problem,) = problems_of(conn, backfill.id)
        total = total_of(progress_of(conn, backfill.id))
    assert (problem.since, problem.why) == (DAY + timedelta(hours=1), "why")
    assert (total.windows, total.done, total.failed) == (4, 3, 1)


def test_the_next_attempt_retries_only_what_is_left(pool: FakePool) -> None:
    backfill, runs = asked(), FakeRuns({1: [Standing.FAILED], 2: [Standing.FAILED]})
    read(backfill.id, runs)

    read(backfill.id, runs)

    assert [runs.place(run) for run in runs.retried] == [1, 2]
    assert len(runs.begun) == 4
    assert note_end(backfill.id, NOON)


def test_an_attempt_that_was_cut_off_is_taken_up_without_more_at_once(pool: FakePool) -> None:
    backfill, runs = asked(hours=6), FakeRuns()
    spans = open_spans(backfill.id)
    # as a killed attempt leaves it: one failed, two under way, one begun and not noted
    for span in spans[:3]:
        note_run(span, runs.begin(span).id)
    runs.standing[spans[0].key] = Standing.FAILED
    runs.begin(spans[3])
    runs.standing[spans[3].key] = Standing.DONE

    read(backfill.id, runs)

    assert runs.most_at_once == 2
    assert len(runs.begun) == 6
    assert note_end(backfill.id, NOON)


def test_a_window_whose_process_died_goes_on_by_itself_once_that_has_settled(pool: FakePool) -> None:
    backfill, runs = asked(hours=1), FakeRuns({0: [Standing.CRASHED]})

    read(backfill.id, runs)

    assert len(runs.retried) == 1
    assert runs.beats > SETTLING_BEATS
    assert note_end(backfill.id, NOON)


def test_a_window_that_crashes_again_and_again_is_left_to_a_person(pool: FakePool) -> None:
    backfill, runs = asked(hours=1), FakeRuns({0: [Standing.CRASHED] * 9})

    read(backfill.id, runs)

    assert len(runs.retried) == 2
    assert not note_end(backfill.id, NOON)


def test_a_run_that_the_engine_lost_is_begun_anew_by_the_next_attempt(pool: FakePool) -> None:
    backfill, runs = asked(hours=1), FakeRuns()
    note_run(open_spans(backfill.id)[0], "forgotten")

    read(backfill.id, runs)

    assert note_end(backfill.id, NOON)


def test_a_backfill_is_read_by_one_run_at_a_time(pool: FakePool) -> None:
    backfill = asked()

    with only_run_of_backfill(backfill.id) as first, only_run_of_backfill(backfill.id, wait_s=1) as second:
        assert (first, second) == (True, False)


def test_who_finds_it_busy_is_told_with_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[dict[str, Any]] = []
    monkeypatch.setattr(runs, "create_table_artifact", lambda **table: left.append(table))

    failed = busy_with(7)

    assert (str(failed), failed.fault) == (
        "backfill: 0 windows read; another run reads backfill 7",
        Fault.ANOTHER_RUN,
    )
    assert [(table["key"], row["at"]) for table in left for row in table["table"]] == [("backfill-busy", "backfill 7")]


def test_how_far_it_is_comes_from_the_pool_alone(pool: FakePool) -> None:
    backfill = asked(hours=2)
    span = open_spans(backfill.id)[0]
    note_run(span, "run-1")
    pool.execute(
        """with read as (
             insert into ingest_window (shop_id, since, until, origin, state, flow_run_id, created_at)
             values (%s, %s, %s, 'requested', 'stored', 'run-1', now()) returning id, shop_id)
           insert into batch (shop_id, window_id, origin, state, stored, joined, rejected, flow_run_id, created_at)
           select shop_id, id, 'window', state, 7, 2, 1, 'run-1', now()
           from read, (values ('open'), ('closed')) s(state)""",
        span.shop_id,
        span.since,
        span.until,
    )

    with transaction() as conn:
        (part,) = progress_of(conn, backfill.id)
        (listed,) = list_backfills(conn)

    assert (part.windows, part.read, part.done) == (2, 1, 0)
    assert (part.stored, part.joined, part.rejected, part.open_batches) == (14, 4, 2, 1)
    assert (listed.shops, listed.standing) == (("WOO",), "0 of 2 windows done")


def test_a_backfill_that_is_not_there_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="backfill 9: there is no such backfill"):
        read_backfill(9)
