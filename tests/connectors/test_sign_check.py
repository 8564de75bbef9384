import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from deployments.sign_check import CHECKS, sign_check
from tests.connectors.conftest import DATA

FILES = [DATA / "vectors.json", DATA / "vectors_logistics.json"]
KNOWN = ["taobao", "jd", "pinduoduo", "douyin", "woocommerce", "kuaidi100", "qimen", "standardwebhooks"]
KNOWN += ["dingtalk_robot"]
Change = Callable[[dict[str, Any]], object]


def vector(name: str) -> dict[str, Any]:
    """A vector by name, or the first of a system or algorithm."""
    for file in FILES:
        for found in json.loads(file.read_text("utf-8")):
            if name in (found.get("name"), found.get("channel"), found.get("system"), found.get("algorithm")):
                chosen: dict[str, Any] = copy.deepcopy(found)
                return chosen
    raise LookupError(name)


def check(tmp_path: Path, *vectors: Any, require: tuple[str, ...] = ()) -> int:
    file = tmp_path / "given.json"
    file.write_text(json.dumps(vectors, ensure_ascii=False), "utf-8")
    return sign_check([file], require)


def test_every_known_signature_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert sign_check(FILES, KNOWN) == 0
    assert capsys.readouterr().out == "checked 49, matched 49, skipped 1\n"


@pytest.mark.parametrize(
    "name",
    [
        "taobao",
        "jd",
        "pinduoduo",
        "douyin",
        "push-event-sign-md5",
        "oauth1.0a-hmac-sha256",
        "webhook-hmac-sha256-base64",
        "kd100_query_minimal",
        "kd100_label_order",
        "kd100_label_cancel_form",
        "kd100_push_verify",
        "qimen_md5_body",
        "qimen_hmac_body",
        "swh_basic",
        "dingtalk_sign_1",
        "swh_rotation_two_signatures",
    ],
)
def test_a_wrong_expected_signature_is_a_mismatch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    wrong = vector(name)
    wrong["expected_sign"] = wrong["expected_sign"][::-1]

    assert check(tmp_path, wrong) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "computed" in lines[0]
    assert lines[-1] == "checked 1, matched 0, skipped 0"


def tamper_form(row: dict[str, Any]) -> None:
    form = dict(parse_qsl(row["request"]["form_body"]))
    row["request"]["form_body"] = urlencode({**form, "sign": "0" * 32})


def tamper_param(row: dict[str, Any]) -> None:
    form = dict(parse_qsl(row["request"]["form_body"]))
    row["request"]["form_body"] = urlencode({**form, "param": form["param"].replace("501", "301")})


SECONDS = 1763798400


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kd100_push_verify", tamper_form),
        ("kd100_push_verify", tamper_param),
        ("webhook-hmac-sha256-base64", lambda row: row["params"].update({"X-WC-Webhook-Signature": "bm8="})),
        ("webhook-hmac-sha256-base64", lambda row: row["params"].update(signature=row["expected_sign"])),
        ("swh_basic", lambda row: row.update(now=SECONDS + 300)),
        ("swh_basic", lambda row: row.update(now=SECONDS + 301)),
        ("swh_basic", lambda row: row.update(now="2025-11-22T08:00:00Z")),
        ("swh_basic", lambda row: row["request"].update({"webhook-signature": "v1,bm8= v2,x nonsense"})),
        ("swh_basic", lambda row: row["request"].update({"webhook-signature": "junk v1,A " + row["expected_sign"]})),
        ("swh_basic", lambda row: row["request"].update({"Webhook-Signature": row["expected_sign"]}, now=1)),
        (
            "swh_rotation_two_signatures",
            lambda row: row["request"].update({"webhook-signature": row["expected_sign"][49:]}),
        ),
        ("qimen_inbound_confirm", lambda row: row["request"]["query_params"].update(sign=row["expected_sign"])),
        ("qimen_inbound_confirm", lambda row: row["request"]["query_params"].update(sign="0" * 32)),
        ("taobao", lambda row: row["params"].update(sign=row["expected_sign"])),
        ("taobao", lambda row: row["params"].update(sign="0" * 32)),
        ("taobao", lambda row: row.update(channel="tmall")),
    ],
)
def test_verification_agrees_with_what_the_vector_carries(tmp_path: Path, name: str, change: Change) -> None:
    changed = vector(name)
    change(changed)

    assert check(tmp_path, changed) == 0


@pytest.mark.parametrize(
    "broken",
    [
        None,
        17,
        "text",
        [],
        {},
        {"system": "kuaidi100"},
        {"system": "kuaidi100", "secret": "x", "request": {"param": "{}"}, "expected_sign": "x"},
        {"system": "kuaidi100", "secret": {"key": "x"}, "request": [], "expected_sign": "x"},
        {"channel": "taobao", "params": {"a": None}, "app_secret": "x", "expected_sign": "x"},
        {"channel": "taobao", "params": {"a": "\ud800"}, "app_secret": "x", "expected_sign": "x"},
        {"channel": "taobao", "algorithm": "sha3", "params": {"a": "b"}, "app_secret": "x", "expected_sign": "x"},
        {"channel": "woocommerce", "params": {"url": "u"}, "app_secret": "x", "expected_sign": "x"},
        {"system": "qimen", "secret": "x", "request": {"body": ""}, "expected_sign": "x"},
        {"system": "qimen", "secret": "x", "request": {"query_params": {"sign_method": "a"}}, "expected_sign": "x"},
        {"system": "standardwebhooks", "secret": "whsec_!", "request": {"body": ""}, "expected_sign": "x"},
        {"system": "standardwebhooks", "secret": [], "request": {"webhook-timestamp": "9" * 40}, "expected_sign": 1},
    ],
)
def test_a_malformed_vector_is_a_mismatch_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: object
) -> None:
    file = tmp_path / "given.json"
    file.write_text(json.dumps([broken, vector("taobao")]), "utf-8")

    assert sign_check([file], []) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "vector 1" in lines[0]
    assert lines[1] == "checked 2, matched 1, skipped 0"


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\x00"])
def test_an_unreadable_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    file = tmp_path / "given.json"
    file.write_text(content, "utf-8")

    assert sign_check([file, tmp_path / "absent.json"], []) == 1
    out = capsys.readouterr().out
    assert "given.json: cannot be read" in out
    assert "absent.json: cannot be read" in out


def test_nothing_checked_and_a_skipped_requirement_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, vector("wangdiantong_openapi2")) == 1
    assert capsys.readouterr().out.splitlines() == ["nothing was checked", "checked 0, matched 0, skipped 1"]
    assert check(tmp_path, vector("wangdiantong_openapi2"), vector("taobao"), require=("wangdiantong_openapi2",)) == 1
    assert "required system wangdiantong_openapi2" in capsys.readouterr().out


def test_every_checked_system_has_a_connector() -> None:
    assert set(CHECKS) == {*KNOWN, "tmall"}


def test_it_starts_without_the_heavy_libraries() -> None:
    script = (
        "import sys, deployments.sign_check as s;"
        "sys.exit(any(name in sys.modules for name in ('prefect', 'pandas', 'great_expectations', 'sqlalchemy')))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=DATA.parents[1], check=False).returncode == 0
