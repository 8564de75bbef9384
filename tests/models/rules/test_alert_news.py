"""What is told of alerts, to whom and when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.alert import AlertRule
from models.rules.alert_handling import HANDLING, NAMES
from models.rules.alert_news import (
    Attempted,
    Item,
    Known,
    PassOn,
    Reader,
    Telling,
    Told,
    TryAgain,
    firsts,
    next_step,
    tellings,
)
from models.settings import SHANGHAI
from models.telling import News, Occasion, Severity
from tests.fakes import NOON

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
"""Midnight in China."""

P1, P2, P3 = AlertRule.INGEST_SILENT, AlertRule.INGEST_MISSING, AlertRule.FEED_DRIFTING
STOCK = AlertRule.STOCK_SHORTFALL
EVERY = frozenset(Severity)
READER = Reader(1, EVERY, 1, NOON - 9 * DAY)


def known(no: int = 1, rule: AlertRule = P1, opened: datetime = NOON, closed: datetime | None = None) -> Known:
    return Known(no, rule, "shop:A", opened, closed)


def told(
    alerts: Sequence[Known], now: datetime = NOON, earlier: Sequence[Told] = (), *readers: Reader
) -> list[Telling]:
    return tellings(alerts, readers or (READER,), earlier, now, SHANGHAI)


def lines(found: Sequence[Telling]) -> list[tuple[int, int, str]]:
    return [(one.reader, item.alert, item.news.value) for one in found for item in one.items]


def opened(no: int = 1, at: datetime = NOON, reader: int = 1, **more: bool) -> Told:
    return Told(reader, no, News.OPENED, at, **more)


def test_every_rule_is_handled_and_has_a_name() -> None:
    assert set(HANDLING) == set(AlertRule)
    assert set(NAMES) == set(AlertRule)
    assert len({name for names in NAMES.values() for name in names}) == 2 * len(AlertRule)


class TestP1:
    def test_it_is_told_at_once(self) -> None:
        assert told([known()]) == [Telling(1, Occasion.AT_ONCE, (Item(1, News.OPENED),))]

    def test_it_is_told_in_quiet_hours_too(self) -> None:
        quiet = replace(READER, quiet=(time(22), time(8)))

        assert lines(told([known(opened=NIGHT)], NIGHT, (), quiet)) == [(1, 1, "opened")]

    def test_it_is_told_once(self) -> None:
        assert told([known()], NOON + HOUR, [opened()]) == []

    def test_several_at_once_are_one_message(self) -> None:
        found = told([known(), Known(2, P1, "shop:B", NOON)])

        assert [len(one.items) for one in found] == [2]


class TestP2:
    def test_it_is_collected_for_half_a_minute(self) -> None:
        alerts = [known(rule=P2), Known(2, P2, "shop:B", NOON + timedelta(seconds=20))]

        assert told(alerts, NOON + timedelta(seconds=29)) == []
        assert told(alerts, NOON + timedelta(seconds=30)) == [
            Telling(1, Occasion.DIGEST, (Item(1, News.OPENED), Item(2, News.OPENED)))
        ]

    def test_it_waits_for_the_end_of_quiet_hours(self) -> None:
        quiet = replace(READER, quiet=(time(22), time(8)))
        alerts = [known(rule=P2, opened=NIGHT), known(2, P2, NIGHT + HOUR, NIGHT + 2 * HOUR)]

        assert told(alerts[:1], NIGHT + HOUR, (), quiet) == []
        assert told(alerts[:1], NIGHT + 8 * HOUR - MINUTE, (), quiet) == []
        assert lines(told(alerts[:1], NIGHT + 8 * HOUR, (), quiet)) == [(1, 1, "opened")]

    def test_quiet_hours_may_lie_within_a_day(self) -> None:
        quiet = replace(READER, quiet=(time(12), time(14)))

        assert told([known(rule=P2)], NOON + MINUTE, (), quiet) == []
        assert told([known(rule=P2)], NOON + 2 * HOUR, (), quiet)


class TestP3:
    def test_it_is_told_at_nine(self) -> None:
        alert = known(rule=P3)

        assert told([alert], NOON + 20 * HOUR) == []
        assert [one.occasion for one in told([alert], NOON + 21 * HOUR)] == [Occasion.DAILY]

    def test_what_came_after_nine_waits_for_the_next_day(self) -> None:
        alerts = [known(rule=P3), Known(2, P3, "shop:B", NOON + 21 * HOUR + MINUTE)]

        assert lines(told(alerts, NOON + 22 * HOUR)) == [(1, 1, "opened")]
        assert lines(told(alerts, NOON + 45 * HOUR, [opened()])) == [(1, 2, "opened")]


class TestRepeats:
    def test_within_the_window_nothing_is_told_and_at_its_end_how_often(self) -> None:
        alerts = [
            known(closed=NOON + MINUTE),
            known(2, opened=NOON + 2 * MINUTE, closed=NOON + 3 * MINUTE),
            known(3, opened=NOON + 5 * MINUTE),
        ]

        assert told(alerts, NOON + 9 * MINUTE, [opened()]) == []
        assert told(alerts, NOON + 10 * MINUTE, [opened()]) == [
            Telling(1, Occasion.AT_ONCE, (Item(3, News.REPEATED, 2), Item(2, News.COUNTED)))
        ]

    def test_what_was_counted_is_not_told_again(self) -> None:
        alerts = [known(closed=NOON + MINUTE), known(2, opened=NOON + 2 * MINUTE)]
        earlier = [opened(), Told(1, 2, News.REPEATED, NOON + 10 * MINUTE)]

        assert told(alerts, NOON + HOUR, earlier) == []

    def test_the_window_of_stock_is_four_hours(self) -> None:
        alerts = [known(rule=STOCK, closed=NOON + MINUTE), known(2, STOCK, NOON + HOUR)]

        assert told(alerts, NOON + 4 * HOUR - MINUTE, [opened()]) == []
        assert lines(told(alerts, NOON + 4 * HOUR + MINUTE, [opened()])) == [(1, 2, "repeated")]

    def test_after_the_window_it_is_new(self) -> None:
        alerts = [known(closed=NOON + MINUTE), known(2, opened=NOON + 11 * MINUTE)]

        assert lines(told(alerts, NOON + 11 * MINUTE, [opened(), Told(1, 1, News.CLOSED, NOON + MINUTE)])) == [
            (1, 2, "opened")
        ]

    def test_what_came_and_went_while_it_was_quiet_is_one_line(self) -> None:
        quiet = replace(READER, quiet=(time(22), time(8)))
        alerts = [known(no, P2, NIGHT + no * HOUR, NIGHT + no * HOUR + MINUTE) for no in (1, 2, 3)]

        assert told(alerts, NIGHT + 8 * HOUR, (), quiet)[0].items == (
            Item(3, News.OPENED, 3),
            Item(1, News.COUNTED),
            Item(2, News.COUNTED),
            Item(3, News.CLOSED),
        )


class TestClosing:
    def test_whoever_was_told_hears_that_it_is_over(self) -> None:
        alert = known(closed=NOON + HOUR)

        assert lines(told([alert], NOON + HOUR, [opened()])) == [(1, 1, "closed")]
        assert told([alert], NOON + 2 * HOUR, [opened(), Told(1, 1, News.CLOSED, NOON + HOUR)]) == []

    def test_what_is_over_when_it_is_told_of_needs_no_other_line(self) -> None:
        (one,) = told([known(closed=NOON + MINUTE)], NOON + HOUR)

        assert one.items == (Item(1, News.OPENED), Item(1, News.CLOSED))

    def test_a_closing_that_is_written_late_is_told(self) -> None:
        # whoever evaluates a rule notes the time at which he began
        assert lines(told([known(closed=NOON + MINUTE)], NOON + HOUR, [opened(at=NOON + 2 * MINUTE)])) == [
            (1, 1, "closed")
        ]

    def test_it_is_not_over_while_it_is_open_again(self) -> None:
        alerts = [known(closed=NOON + MINUTE), known(2, opened=NOON + 2 * MINUTE)]

        assert told(alerts, NOON + 3 * MINUTE, [opened()]) == []

    def test_of_two_openings_that_were_told_one_line_says_that_it_is_over(self) -> None:
        alerts = [known(closed=NOON + MINUTE), known(2, opened=NOON + 2 * MINUTE, closed=NOON + HOUR)]
        earlier = [opened(), Told(1, 2, News.REPEATED, NOON + 10 * MINUTE)]

        assert lines(told(alerts, NOON + HOUR, earlier)) == [(1, 2, "closed")]

    def test_who_could_not_be_told_of_it_is_not_told_that_it_is_over(self) -> None:
        other = replace(READER, id=2, rank=2)
        earlier = [opened(given_up=True), opened(reader=2)]

        assert lines(told([known(closed=NOON + HOUR)], NOON + HOUR, earlier, READER, other)) == [(2, 1, "closed")]


class TestEscalation:
    CALLED = replace(READER, id=2, severities=frozenset({Severity.P3}), rank=9)
    WATCH = replace(READER, escalates_after=15 * MINUTE, escalates_to=2)

    def test_what_nobody_acknowledges_is_told_to_the_next(self) -> None:
        readers = (self.WATCH, self.CALLED)

        assert told([known()], NOON + 14 * MINUTE, [opened()], *readers) == []
        assert told([known()], NOON + 15 * MINUTE, [opened()], *readers) == [
            Telling(2, Occasion.AT_ONCE, (Item(1, News.ESCALATED),))
        ]

    def test_what_is_acknowledged_is_not(self) -> None:
        alert = replace(known(), acknowledged_at=NOON + MINUTE)

        assert told([alert], NOON + HOUR, [opened()], self.WATCH, self.CALLED) == []

    def test_what_is_over_is_not(self) -> None:
        earlier = [opened(), Told(1, 1, News.CLOSED, NOON + MINUTE)]

        assert told([known(closed=NOON + MINUTE)], NOON + HOUR, earlier, self.WATCH, self.CALLED) == []

    def test_p2_is_not(self) -> None:
        assert told([known(rule=P2)], NOON + HOUR, [opened()], self.WATCH, self.CALLED) == []

    def test_two_that_escalate_to_each_other_come_to_an_end(self) -> None:
        back = replace(self.CALLED, escalates_after=15 * MINUTE, escalates_to=1)
        earlier = [opened()]
        for minutes in (15, 30, 45, 60, 600):
            at = NOON + minutes * MINUTE
            for one in told([known()], at, earlier, self.WATCH, back):
                earlier += [Told(one.reader, item.alert, item.news, at) for item in one.items]

        assert [(one.reader, one.news.value) for one in earlier] == [(1, "opened"), (2, "escalated"), (1, "escalated")]

    def test_whoever_it_was_escalated_to_hears_that_it_is_over(self) -> None:
        earlier = [opened(), Told(2, 1, News.ESCALATED, NOON + 15 * MINUTE)]
        found = told([known(closed=NOON + HOUR)], NOON + HOUR, earlier, self.WATCH, self.CALLED)

        assert lines(found) == [(1, 1, "closed"), (2, 1, "closed")]


class TestWhoIsTold:
    def test_the_lowest_rank_that_takes_the_severity(self) -> None:
        readers = [
            replace(READER, id=1, rank=2),
            replace(READER, id=2, rank=1, severities=frozenset({Severity.P2})),
            replace(READER, id=3, rank=2),
        ]

        assert [one.id for one in firsts(readers, Severity.P1)] == [1, 3]
        assert [one.id for one in firsts(readers, Severity.P2)] == [2]

    def test_who_comes_later_hears_of_what_is_open_and_not_of_what_was(self) -> None:
        new = replace(READER, added_at=NOON + HOUR)
        alerts = [known(), Known(2, P1, "shop:B", NOON, NOON + MINUTE)]

        assert lines(told(alerts, NOON + HOUR, (), new)) == [(1, 1, "opened")]

    def test_without_anybody_nothing_is_told(self) -> None:
        assert tellings([known()], [], [], NOON, SHANGHAI) == []


def attempt(no: int, state: str = "refused", **changes: object) -> Attempted:
    made = Attempted(no, no, NOON, state, 4, False, NOON + 5 * MINUTE)
    return replace(made, **changes)  # type: ignore[arg-type]


class TestWhenItDoesNotGetThrough:
    ORDER = tuple(replace(READER, id=no, rank=no) for no in (1, 2, 3))

    def step(self, chain: Sequence[Attempted], now: datetime = NOON, severity: Severity = Severity.P2) -> object:
        return next_step(chain, self.ORDER, severity, (), now)

    def test_what_was_delivered_is_done(self) -> None:
        assert self.step([attempt(1), attempt(2, "delivered")]) is None

    def test_what_is_still_tried_is_left_alone(self) -> None:
        assert self.step([attempt(1, "pending")], NOON + HOUR) is None

    def test_the_next_in_rank_is_told(self) -> None:
        assert self.step([attempt(1)]) == PassOn(2, None)
        assert self.step([attempt(1), attempt(2)]) == PassOn(3, None)

    def test_after_the_last_the_first_is(self) -> None:
        assert self.step([attempt(3)]) == PassOn(1, None)

    def test_who_does_not_take_the_severity_is_passed_over(self) -> None:
        order = (self.ORDER[0], replace(self.ORDER[1], severities=frozenset({Severity.P3})), self.ORDER[2])

        assert next_step([attempt(1)], order, Severity.P1, (), NOON) == PassOn(3, None)

    def test_who_knows_anyway_is_passed_over(self) -> None:
        assert next_step([attempt(1)], self.ORDER, Severity.P2, (2,), NOON) == PassOn(3, None)

    def test_what_is_urgent_is_passed_on_after_five_minutes(self) -> None:
        waits = [attempt(1, "pending", attempts=1)]

        assert self.step(waits, NOON + 4 * MINUTE, Severity.P1) is None
        assert self.step(waits, NOON + 5 * MINUTE, Severity.P1) == PassOn(2, 1)
        assert self.step(waits, NOON + 5 * MINUTE, Severity.P2) is None

    def test_what_may_have_arrived_is_not_passed_on_while_it_is_tried(self) -> None:
        assert self.step([attempt(1, "pending", in_doubt=True)], NOON + HOUR, Severity.P1) is None

    def test_when_all_were_tried_each_is_tried_again_in_turn(self) -> None:
        chain = [attempt(1, next_at=NOON + 3 * MINUTE), attempt(2, next_at=NOON + MINUTE), attempt(3)]

        assert self.step(chain, NOON) is None
        assert self.step(chain, NOON + 4 * MINUTE) == TryAgain(2)

    def test_one_that_was_removed_is_not_tried_again(self) -> None:
        chain = [attempt(9, next_at=NOON), attempt(1), attempt(2), attempt(3, next_at=NOON + MINUTE)]

        assert self.step(chain, NOON + 4 * MINUTE) == TryAgain(3)


@given(
    spans=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=12),
    step=st.integers(1, 40),
    rule=st.sampled_from([P1, P2, P3, STOCK]),
    quiet=st.sampled_from([None, (time(22), time(8)), (time(11), time(13))]),
)
def test_whatever_comes_each_opening_is_told_or_counted_once_and_the_end_is_told(
    spans: list[tuple[int, int]], step: int, rule: AlertRule, quiet: tuple[time, time] | None
) -> None:
    alerts, at = [], NOON
    for no, (gap, length) in enumerate(spans, start=1):
        begin = at + gap * MINUTE + timedelta(seconds=1)
        at = begin + length * MINUTE
        alerts.append(known(no, rule, begin, at))
    reader, now = replace(READER, quiet=quiet), NOON
    earlier: list[Told] = []
    while now < at + 3 * DAY:
        so_far = [
            replace(alert, closed_at=alert.closed_at if alert.closed_at and alert.closed_at <= now else None)
            for alert in alerts
            if alert.opened_at <= now
        ]
        for one in told(so_far, now, earlier, reader):
            earlier += [Told(1, item.alert, item.news, now) for item in one.items]
        now += step * MINUTE if now < at + DAY else 6 * HOUR

    spoken = [one for one in earlier if one.news is not News.CLOSED]
    assert sorted(one.alert for one in spoken) == [alert.id for alert in alerts]
    assert len(set(earlier)) == len(earlier)
    last = max((one for one in spoken if one.news is not News.COUNTED), key=lambda one: one.alert)
    over = [one for one in earlier if one.news is News.CLOSED and one.alert == last.alert]
    assert len(over) == 1
