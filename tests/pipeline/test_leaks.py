"""The search for receivers finds one that was planted, wherever and however it is written."""

import base64
import gzip
import json
import pickle
from pathlib import Path

import psycopg
import pytest

from models.sealing import seal
from tests.fakes import FakePool, payload
from tests.pipeline.leaks import People, leaks_in_database, leaks_in_files, people_of

NAME, PHONE, STREET = "慕容复礼", "13912345678", "采薇苑17号2单元301室"


@pytest.fixture
def people() -> People:
    known = People()
    known.add(NAME, PHONE, f"广东省深圳市南山区{STREET}")
    return known


WRITTEN = {
    "a name": (f"to {NAME}.", "name"),
    "a phone": (f"tel {PHONE}", "phone"),
    "a phone in groups": ("call 139 1234 5678 now", "phone"),
    "a phone with dashes": ("139-1234-5678", "phone"),
    "a phone with the country": ("+8613912345678", "phone"),
    "full-width digits": ("１３９１２３４５６７８", "phone"),
    "a street without its province": (f"送到{STREET}", "street"),
    "a street's door alone": ("采薇苑17号", "street"),
    "JSON": (json.dumps({"name": NAME}), "name"),
    "JSON in JSON": (json.dumps(json.dumps({"name": NAME})), "name"),
    "base64": (base64.b64encode(f"the receiver is {NAME}".encode()).decode(), "name"),
    "a pickle": (base64.b64encode(pickle.dumps({"who": PHONE, "more": "x" * 40})).decode(), "phone"),
    "compressed": (base64.b64encode(gzip.compress(f"{STREET} {STREET}".encode())).decode(), "street"),
    "masked": ("慕*** 139****5678 广东省深圳市南山区****", ""),
    "another door": ("采薇苑170号", ""),
    "a longer number": ("9139123456780", ""),
}


@pytest.mark.parametrize("form", list(WRITTEN))
def test_a_receiver_is_found_however_it_is_written(people: People, form: str, tmp_path: Path) -> None:
    text, kind = WRITTEN[form]
    (tmp_path / "x.log").write_text(text, "utf-8")

    assert leaks_in_files(tmp_path, people) == ([f"x.log: {kind}"] if kind else [])


def test_text_json_arrays_and_bytes_are_looked_at(database: str, people: People) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(
            """create table planted (plain text, doc jsonb, many text[], raw bytea, safe_enc bytea, fine text,
               inner_text varchar(99))"""
        )
        conn.execute(
            "insert into planted values (%s, %s, %s, %s, %s, 'nobody', %s)",
            (
                NAME,
                json.dumps({"a": [{"phone": PHONE}]}),
                ["x", STREET],
                f"to {NAME} {PHONE}".encode(),
                NAME.encode(),
                PHONE,
            ),
        )

    assert leaks_in_database(database, people) == [
        "planted.plain: name",
        "planted.doc: phone",
        "planted.many: street",
        "planted.raw: phone",
        "planted.inner_text: phone",
    ]


def test_whoever_is_sealed_in_a_pool_is_known_and_found_in_an_event(database: str) -> None:
    pool = FakePool()
    pool.take([payload(5)])
    known = people_of(database)
    assert leaks_in_database(database, known) == []

    pool.execute(
        """insert into event (order_id, at, what, actor, detail)
           select id, created_at, 'told', 'test', '{"to": "13900000005"}' from orders"""
    )
    pool.execute("update batch set feed_findings = %s", json.dumps(["to 欧阳修远"]))

    assert leaks_in_database(database, known) == ["batch.feed_findings: name", "event.detail: phone"]


def test_sealed_values_are_opaque(database: str, people: People) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("create table sealed (body bytea)")
        conn.execute("insert into sealed values (%s)", (seal(f"{NAME} {PHONE} {STREET}"),))

    assert leaks_in_database(database, people) == []
