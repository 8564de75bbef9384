import json
import logging
import sys

import pytest

from models.logs import write_log
from models.settings import settings


@pytest.fixture
def in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_LOG_FORMAT", "json")
    settings.cache_clear()
    write_log("trial")
    monkeypatch.undo()
    settings.cache_clear()


def test_a_record_is_one_object_per_line_with_its_fields(in_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("orderpool.trial")
    logger.handlers[0].setStream(sys.stderr)  # type: ignore[attr-defined]
    logger.info("门店 %s\nis read", "WOO", extra={"event": "read", "orders": 3})

    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told.pop("at").endswith("+00:00")
    assert told == {
        "level": "INFO",
        "logger": "orderpool.trial",
        "message": "门店 WOO\nis read",
        "part": "trial",
        "event": "read",
        "orders": 3,
    }


def test_the_text_of_an_exception_is_left_out(in_json: None, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("orderpool.trial")
    logger.handlers[0].setStream(sys.stderr)  # type: ignore[attr-defined]
    try:
        raise ValueError("13900000000 is no street")
    except ValueError:
        logger.exception("not read")

    written = capsys.readouterr().err
    assert "13900000000" not in written
    assert "ValueError" in json.loads(written)["exc_info"]


def test_text_is_what_people_get(capsys: pytest.CaptureFixture[str]) -> None:
    write_log("trial")
    logger = logging.getLogger("orderpool.trial")
    logger.handlers[0].setStream(sys.stderr)  # type: ignore[attr-defined]
    logger.info("shop %s is read", "WOO")

    assert capsys.readouterr().err.endswith(" INFO shop WOO is read\n")
