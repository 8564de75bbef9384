"""The sandbox's signature code against values that others published or computed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox import signatures
from sandbox.cli import self_check

TOP_SECRET = "3f9c1b7e5a2d48c6b0e1f2a3d4c5b6a7"
PRINTED_IN_THE_DOCUMENT = {
    "method": "taobao.item.seller.get",
    "app_key": "12345678",
    "session": "test",
    "timestamp": "2016-01-01 12:00:00",
    "format": "json",
    "v": "2.0",
    "sign_method": "md5",
    "fields": "num_iid,title,nick,price,num",
    "num_iid": "11223344",
}
COMMON = {
    "app_key": "23001234",
    "session": "6100e2c0ffee",
    "timestamp": "2026-11-20 09:30:00",
    "format": "json",
    "v": "2.0",
}


def test_top_md5_is_the_value_printed_in_the_document() -> None:
    sign = signatures.top(PRINTED_IN_THE_DOCUMENT, "helloworld", "md5")

    assert sign == "66987CB115214E59E6EC978214934FB8"


def test_top_md5_signs_an_empty_value_with_its_name() -> None:
    params = COMMON | {
        "sign_method": "md5",
        "method": "taobao.trades.sold.increment.get",
        "fields": "tid",
        "start_modified": "2026-11-20 00:00:00",
        "end_modified": "2026-11-20 00:30:00",
        "buyer_nick": "",
        "status": "",
    }

    assert signatures.top(params, TOP_SECRET, "md5") == "1D88A4F1189A5DC65CCDD4041B343783"


def test_top_hmac_signs_chinese_text() -> None:
    params = COMMON | {
        "sign_method": "hmac",
        "method": "taobao.trade.memo.update",
        "tid": "2912345678901234567",
        "memo": "加急 发货",
        "flag": "1",
    }

    assert signatures.top(params, TOP_SECRET, "hmac") == "43DCC65B2F5A068F8AE82E4D29D4EB00"


def test_top_hmac_sha256() -> None:
    params = COMMON | {
        "sign_method": "hmac-sha256",
        "method": "taobao.trade.fullinfo.get",
        "fields": "tid,status,buyer_message",
        "tid": "2912345678901234567",
        "include_oaid": "include_oaid",
    }

    sign = signatures.top(params, TOP_SECRET, "hmac-sha256")

    assert sign == "F5C41B0152D59FF5E7DF042983BEB9C929D24F002A54BE15DA874415BA793ABD"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ([("oauth_version", "1.0")], "uyHEdXmb28TRLUQXmwbZttTpJTwGViSqZtNbmUke+W0="),
        ([], "15OSChuA44fY/2xpOTjz9fH1yq/Yoe3LvItnOgYkrBs="),
    ],
)
def test_oauth_signs_the_version_only_when_it_is_sent(version: list[tuple[str, str]], expected: str) -> None:
    params = [
        ("per_page", "100"),
        ("page", "2"),
        ("modified_after", "2026-11-20T01:00:00"),
        ("dates_are_gmt", "true"),
        ("status", "processing"),
        ("oauth_consumer_key", "ck_1f2e3d4c5b6a79880f1e2d3c4b5a69788f7e6d5c"),
        ("oauth_timestamp", "1795224600"),
        ("oauth_nonce", "a1b2c3d4e5f60718293a4b5c6d7e8f90"),
        ("oauth_signature_method", "HMAC-SHA256"),
        *version,
    ]

    sign = signatures.oauth1(
        "GET",
        "http://shop.example.com/wp-json/wc/v3/orders",
        params,
        "cs_0123456789abcdef0123456789abcdef01234567",
        "HMAC-SHA256",
    )

    assert sign == expected


def test_store_webhook_is_signed_over_its_bytes() -> None:
    body = '{"id":723,"status":"processing","total":"29.35","customer_note":"请发顺丰"}'.encode()

    assert signatures.woo_webhook(body, "whsec-测试-01") == "JbuYXoyuAl0OxR1paujV+4mFblSBk+0J32Gdu47mE7A="


def test_standard_webhook_is_what_the_library_computes() -> None:
    body = (
        b'{"type":"outbound.created","timestamp":"2026-11-22T15:52:37+08:00",'
        b'"data":{"outbound_no":"OB20261122000017","warehouse_code":"WH-HZ-01"}}'
    )

    sign = signatures.standard_webhook(
        "msg_01JD9Z6Q3H8M5V2K7B4N1C0XTA", "1763798400", body, "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
    )

    assert sign == "v1,risY+YK9EmeFFekCsTIUIHaE9gYpKFWzejdA9dh4c4s="


def test_kuaidi100_query_hashes_the_exact_text() -> None:
    param = '{"com":"zhongtong","num":"75329012345678","phone":"13800138000","resultv2":"8","to":"江苏省南京市玄武区"}'

    sign = signatures.kuaidi100(param, "tEsTkEy12345", "0A1B2C3D4E5F60718293A4B5C6D7E8F9")

    assert sign == "24C979C215BC6F549455C7B0A3382927"


def test_self_check_reads_both_list_shapes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    channel, logistics = tmp_path / "channels.json", tmp_path / "logistics.json"
    vector = {
        "channel": "taobao",
        "algorithm": "md5",
        "app_secret": "helloworld",
        "params": PRINTED_IN_THE_DOCUMENT,
        "expected_sign": "66987CB115214E59E6EC978214934FB8",
    }
    channel.write_text(json.dumps([vector]), encoding="utf-8")
    robot = {
        "name": "dingtalk_sign_2",
        "system": "dingtalk_robot",
        "secret": "SECabc123",
        "request": {"timestamp_ms": "1700000000123", "access_token": "0a1b2c3d4e5f"},
        "expected_sign": "etIBQNvdgq9e1O4P4gRnRS05m9vXVgr6/5xt3Azj2s8=",
    }
    logistics.write_text(json.dumps([robot, {"name": "other", "system": "elsewhere"}]), encoding="utf-8")

    code = self_check([channel, logistics])

    assert (code, capsys.readouterr().out) == (0, "checked 2, matched 2, skipped 1\n")


def test_self_check_names_a_mismatch_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "vectors.json"
    vector = {"channel": "jd", "app_secret": "x", "params": {"a": "1"}, "expected_sign": "WRONG", "note": "one"}
    path.write_text(json.dumps([vector]), encoding="utf-8")

    code = self_check([path])

    out = capsys.readouterr().out
    assert code == 1
    assert "vectors.json #1 jd (one): expected WRONG, got " in out
    assert out.endswith("checked 1, matched 0, skipped 0\n")


def test_self_check_fails_when_it_knows_none(tmp_path: Path) -> None:
    path = tmp_path / "vectors.json"
    path.write_text("[]", encoding="utf-8")

    assert self_check([path]) == 1
