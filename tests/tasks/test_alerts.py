from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from models.alert import AlertRule
from models.database import transaction
from tasks.alerts import Found, Raised, open_alerts, raise_alerts
from tests.fakes import NOON, FakePool

RULE, OTHER = AlertRule.TOKEN_EXPIRING, AlertRule.SHIP_BACK_OVERDUE


def raised(found: dict[str, str], minute: int = 0, rule: AlertRule = RULE, run: str | None = None) -> Raised:
    with transaction() as conn:
        return raise_alerts(conn, rule, lambda *_: found, NOON + timedelta(minutes=minute), run)


def sentences(run: str | None = None) -> dict[str, str]:
    with transaction() as conn:
        return {alert.subject: alert.sentence for alert in open_alerts(conn, run)}


def test_what_is_found_is_opened_once(pool: FakePool) -> None:
    first = raised({"shop:A": "ends soon", "shop:B": "ends soon"})
    again = raised({"shop:A": "ends soon", "shop:B": "ends soon"}, 10)

    assert (sorted(first.opened), first.closed) == (["shop:A", "shop:B"], 0)
    assert again == Raised((), 0)
    assert pool.rows("select count(*) from alert") == [(2,)]


def test_a_new_sentence_keeps_the_time_it_was_opened(pool: FakePool) -> None:
    raised({"shop:A": "ends tomorrow"})
    raised({"shop:A": "has ended"}, 10)

    assert pool.rows("select sentence, opened_at from alert") == [("has ended", NOON)]


def test_what_is_over_closes(pool: FakePool) -> None:
    raised({"shop:A": "ends soon", "shop:B": "ends soon"})

    assert raised({"shop:B": "ends soon"}, 10) == Raised((), 1)
    assert sentences() == {"shop:B": "ends soon"}
    assert pool.rows("select closed_at from alert where subject = 'shop:A'") == [(NOON + timedelta(minutes=10),)]


def test_what_comes_back_is_a_new_alert(pool: FakePool) -> None:
    raised({"shop:A": "ends soon"})
    raised({}, 10)

    assert raised({"shop:A": "ends soon"}, 20).opened == ("shop:A",)
    assert pool.rows("select count(*) from alert") == [(2,)]


def test_rules_leave_each_others_alerts_alone(pool: FakePool) -> None:
    raised({"shop:A": "ends soon"})
    raised({"parcel:1": "not reported"}, rule=OTHER)
    raised({}, 10, OTHER)

    assert sentences() == {"shop:A": "ends soon"}


def test_two_who_look_at_once_open_one_alert(pool: FakePool) -> None:
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(raised, [{"shop:A": "ends soon"}] * 4))

    assert sum(len(outcome.opened) for outcome in outcomes) == 1
    assert pool.rows("select count(*) from alert") == [(1,)]


def test_a_run_knows_what_it_opened_when_it_is_tried_again(pool: FakePool) -> None:
    raised({"shop:A": "ends soon"}, run="run-1")
    raised({"shop:A": "ends soon", "shop:B": "ends soon"}, 10, run="run-2")
    raised({"shop:A": "ends soon", "shop:B": "ends soon"}, 20, run="run-2")

    assert list(sentences("run-2")) == ["shop:B"]


def test_what_grew_threefold_is_told_anew_and_again_after_it_became_a_third(pool: FakePool) -> None:
    opened = []
    for minute, things in enumerate((30, 89, 90, 91, 31, 30, 89, 90)):
        with transaction() as conn:
            found = {"parcels:WH-A": Found(f"{things} parcels", things=things)}
            at = NOON + timedelta(minutes=minute)
            opened.append((things, raise_alerts(conn, RULE, lambda *_, found=found: found, at).opened != ()))

    assert opened == [
        (30, True), (89, False), (90, True), (91, False), (31, False), (30, False), (89, False), (90, True),
    ]  # fmt: skip
    assert pool.rows("select count(*) filter (where closed_at is null), count(*) from alert") == [(1, 3)]


def test_what_an_alert_is_about_follows_its_cause(pool: FakePool) -> None:
    with transaction() as conn:
        raise_alerts(conn, RULE, lambda *_: {"parcels:WH-A": Found("7 parcels", 1, "run-a", 7)}, NOON)
        raise_alerts(conn, RULE, lambda *_: {"parcels:WH-A": Found("7 parcels", 2, "run-b", 7)}, NOON)
        (alert,) = open_alerts(conn)

    assert (alert.order_id, alert.run_id, alert.things) == (2, "run-b", 7)
