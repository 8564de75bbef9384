"""Waves: which documents go together, in which order, and where SKUs lie."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from models.errors import SetupError
from models.floor import WaveKind
from models.rules.waves import Waiting, WaveSizes, plan_waves
from tasks.floor_places import import_places
from tasks.floor_views import wave_view, work_of
from tests.tasks.floor.house import House
from tests.tasks.merged import cause

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
PLACES = {1: "A-01-1", 2: "A-02-1", 3: "B-01-1"}


def waiting(number: int, carrier: str = "yuantong", leaves_at: datetime | None = None, **units: int) -> Waiting:
    """A document of so many units of SKU 1, 2, 3 (`s1=2`), due `number` minutes after noon."""
    due = NOON + timedelta(minutes=number)
    return Waiting(number, carrier, leaves_at, due, {int(sku[1:]): count for sku, count in units.items()})


class TestPlanning:
    def plan(self, *documents: Waiting, **sizes: int) -> list[tuple[WaveKind, str, tuple[int, ...]]]:
        waves = plan_waves(documents, PLACES, WaveSizes(**sizes))
        return [(wave.kind, wave.zone, wave.documents) for wave in waves]

    def test_many_of_one_unit_of_a_sku_are_a_wave_of_their_own(self) -> None:
        documents = [waiting(n, s1=1) for n in range(5)] + [waiting(n, s2=1) for n in range(5, 9)]
        assert self.plan(*documents) == [
            (WaveKind.SINGLE_SKU, "A", (0, 1, 2, 3, 4)),
            (WaveKind.SINGLE_ITEM, "A", (5, 6, 7, 8)),
        ]

    def test_two_units_of_a_sku_are_not_a_single(self) -> None:
        assert self.plan(waiting(1, s1=2)) == [(WaveKind.MIXED, "A", (1,))]

    def test_documents_of_one_zone_go_together_and_those_of_several_too(self) -> None:
        documents = [waiting(1, s1=1, s2=1), waiting(2, s1=1, s3=1), waiting(3, s2=2), waiting(4, s3=5)]
        assert self.plan(*documents) == [
            (WaveKind.MIXED, "A", (1, 3)),
            (WaveKind.MIXED, "", (2,)),
            (WaveKind.MIXED, "B", (4,)),
        ]

    def test_another_carrier_or_pick_up_is_another_wave(self) -> None:
        documents = [waiting(1, s1=2), waiting(2, "yunda", s1=2), waiting(3, leaves_at=NOON, s1=2)]
        assert [wave[2] for wave in self.plan(*documents)] == [(1,), (2,), (3,)]

    def test_a_wave_takes_what_fits_on_the_cart_the_first_deadlines_first(self) -> None:
        documents = [waiting(n, s1=2) for n in (5, 3, 4, 1, 2)]
        assert [wave[2] for wave in self.plan(*documents, slots=2)] == [(1, 2), (3, 4), (5,)]

    def test_no_document_is_left_out_or_taken_twice(self) -> None:
        documents = [
            Waiting(n, "yuantong", None, NOON + timedelta(minutes=n), {n % 3 + 1: n % 2 + 1}) for n in range(97)
        ]
        taken = [document for *_, chosen in self.plan(*documents, slots=7, one_item=9) for document in chosen]
        assert sorted(taken) == list(range(97))


def test_waves_are_made_of_what_waits_and_only_once(house: House) -> None:
    nos = house.orders({"TEA": 1, "CUP": 1}, {"TEA": 2})
    assert work_of(house.picker).waiting == 2
    (wave,) = house.waves()
    assert house.waves() == []
    work = work_of(house.picker)
    assert (work.waiting, work.waves[0].no, work.waves[0].documents, work.waves[0].units) == (0, wave, 2, 4)
    assert [document.no for document in wave_view(1, wave).documents] == nos


def test_what_is_blocked_waits_on(house: House) -> None:
    house.orders({"TEA": 1})
    house.pool.execute(
        "insert into document_block (document_id, order_id, reason, placed_at) values (1, 1, 'refund', now())"
    )
    assert house.waves() == []
    house.pool.execute("update document_block set lifted_at = now()")
    assert len(house.waves()) == 1


def test_a_wave_knows_when_its_carrier_comes_last(house: House) -> None:
    house.pool.execute("update warehouse set cutoff = %s where code = 'WH-A'", time(17))
    house.orders({"TEA": 1})
    house.waves()
    leaves = work_of(house.picker).waves[0].leaves_at
    assert leaves is not None
    assert leaves > cause().at
    assert leaves.astimezone(UTC).time() == time(9)
    assert leaves - cause().at <= timedelta(days=1)


def test_a_pick_list_goes_along_the_places(house: House, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("商家编码,库位\nTEA,b-02\nCUP,A-10\nPOT,A-02\n", encoding="utf-8")
    done = import_places(file, "WH-A")
    assert (done.added, done.changed, done.same) == (3, 0, 0)
    file.write_text("sku,place\nTEA,B-01\nCUP,A-10\n", encoding="utf-8")
    done = import_places(file, "WH-A")
    assert (done.added, done.changed, done.same) == (0, 1, 1)

    house.orders({"TEA": 1, "CUP": 2, "POT": 3})
    (wave,) = house.waves()
    view = wave_view(1, wave)
    assert [(pick.place, pick.sku, pick.wanted) for pick in view.picks] == [
        ("A-02", "POT", 3),
        ("A-10", "CUP", 2),
        ("B-01", "TEA", 1),
    ]
    assert view.zone == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sku,place\nNONE,A-1\n", "is not in the pool"),
        ("sku,place\nTEA,A 1\n", "is no place"),
        ("sku,place\nTEA,A-1\nTEA,A-2\n", "TEA"),
    ],
)
def test_a_bad_file_of_places_changes_nothing(house: House, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "places.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match=told):
        import_places(file, "WH-A")
    assert house.pool.rows("select count(*) from sku_place") == [(0,)]


def test_only_a_warehouse_with_handhelds_has_waves(house: House, tmp_path: Path) -> None:
    house.pool.execute("update warehouse set wms = 'webhook'")
    with pytest.raises(SetupError, match="works with webhook, not with handhelds"):
        house.waves()
