"""Data Docs: made when due, self-contained, without anything personal, cleared away, never leading out of a folder."""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tasks.quality import BatchCheck
from tasks.quality_docs import FAILED_MARK, KEPT, PAGES, RESULTS, SUITE, docs_of, docs_page, folder, leave_docs, prune
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.test_quality import check

HOUR = timedelta(hours=1)
PERSON = {"first_name": "修远", "last_name": "欧阳", "address_1": "西湖区梧桐里弄7号", "phone": "12-34-56 soon"}


@pytest.fixture
def place() -> Iterator[Path]:
    shutil.rmtree(folder(), ignore_errors=True)
    yield folder() / "WOO"
    shutil.rmtree(folder(), ignore_errors=True)


def taken(pool: FakePool, wrong: int, of: int) -> BatchCheck:
    """The check of a batch in which the first orders have a phone that is none."""
    odd = {"shipping": payload(1)["shipping"] | PERSON}
    pool.take([payload(n) | (odd if n <= wrong else {}) for n in range(1, of + 1)])
    return check()


@pytest.mark.usefixtures("place")
class TestPages:
    def test_a_batch_that_stays_put_has_pages_that_hold_nothing_personal(self, pool: FakePool) -> None:
        found = taken(pool, 20, 40)

        first = leave_docs(found)

        assert first is not None
        assert docs_of(1) == first
        text = "".join((first.with_name(name)).read_text("utf-8") for name in PAGES)
        assert "phone is one" in text
        assert not [word for word in ("修远", "欧阳", "梧桐", "12-34", "soon", "139000") if word in text]

    def test_pages_load_nothing_from_anywhere(self, pool: FakePool) -> None:
        first = leave_docs(taken(pool, 20, 40))

        assert first is not None
        for name in PAGES:
            text = first.with_name(name).read_text("utf-8")
            assert not re.findall(r"<script|<link|<img|<iframe|url\(|@import|\bsrc=|\bon\w+=\"", text)
            assert "default-src 'none'" in text
        assert f'href="{SUITE}"' in first.read_text("utf-8")

    def test_pages_of_a_mended_batch_take_the_place_of_those_before(self, pool: FakePool) -> None:
        first = leave_docs(taken(pool, 20, 40))
        assert first is not None
        assert (first.parent / FAILED_MARK).exists()
        pool.execute(
            """update receiver set phone_enc = (
                 select phone_enc from receiver r join orders o on o.id = r.order_id where o.order_no = '40')"""
        )

        assert leave_docs(check(at=why(at=NOON + HOUR))) == first
        assert not (first.parent / FAILED_MARK).exists()

    @pytest.mark.parametrize("name", ["../../secrets/key", "failed", "..", "", "/etc/passwd", "index.html/"])
    def test_no_name_leads_out_of_the_folder(self, pool: FakePool, name: str) -> None:
        leave_docs(taken(pool, 20, 40))

        assert docs_page(1, RESULTS) is not None
        assert docs_page(1, name) is None

    def test_a_batch_without_pages_has_none(self) -> None:
        assert docs_of(4) is None
        assert docs_page(4, RESULTS) is None


class TestDue:
    def test_good_batches_get_pages_once_an_hour_and_shop(self, pool: FakePool, place: Path) -> None:
        found = taken(pool, 0, 3)
        made(place, 7, NOON - HOUR + timedelta(seconds=1))

        assert leave_docs(found) is None
        made(place, 7, NOON - HOUR)
        assert leave_docs(found) is not None

    def test_a_few_doubtful_orders_get_pages_every_five_minutes(self, pool: FakePool, place: Path) -> None:
        found = taken(pool, 1, 3)
        made(place, 7, NOON - timedelta(seconds=299))

        assert leave_docs(found) is None
        made(place, 7, NOON - timedelta(seconds=300))
        assert leave_docs(found) is not None

    def test_pages_that_cannot_be_written_stop_nothing(self, pool: FakePool, place: Path) -> None:
        found = taken(pool, 20, 40)
        place.parent.mkdir()
        place.write_text("a file where the folder should be")

        assert leave_docs(found) is None


def made(place: Path, batch_id: int, at: datetime, failed: bool = False) -> None:
    entry = place / str(batch_id)
    entry.mkdir(parents=True, exist_ok=True)
    (entry / RESULTS).write_text("")
    if failed:
        (entry / FAILED_MARK).touch()
    stamp = at.timestamp()
    os.utime(entry / RESULTS, (stamp, stamp))


def test_the_newest_pages_stay_and_those_of_failed_batches_for_a_month(place: Path) -> None:
    for n in range(1, KEPT + 1):
        made(place, 100 + n, NOON - n * timedelta(minutes=1))
    made(place, 1, NOON - HOUR)
    made(place, 2, NOON - timedelta(days=29), failed=True)
    made(place, 3, NOON - timedelta(days=31), failed=True)

    prune(place, NOON)

    assert {int(path.name) for path in place.iterdir()} == {2, *range(101, 101 + KEPT)}
