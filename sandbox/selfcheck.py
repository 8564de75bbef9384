"""Signature vectors of the platforms, checked against the sandbox's own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import signatures

Vector = dict[str, Any]


@dataclass(slots=True)
class Report:
    """How a check went."""

    checked: int = 0
    matched: int = 0
    skipped: int = 0
    mismatches: list[str] = field(default_factory=list)


def check_files(files: Iterable[Path]) -> Report:
    """Check every vector of every file; one that cannot be read is a mismatch."""
    report = Report()
    for path in files:
        try:
            vectors = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(vectors, list):
                raise ValueError("not a list of vectors")
        except (OSError, ValueError) as error:
            report.checked += 1
            report.mismatches.append(f"{path}: cannot be read: {error}")
            continue
        for number, vector in enumerate(vectors, start=1):
            _check(report, f"{path.name} #{number}", vector)
    return report


def _check(report: Report, place: str, vector: Vector) -> None:
    system = str(vector.get("channel") or vector.get("system"))
    sign = _SIGNERS.get(system)
    if sign is None:
        report.skipped += 1
        return
    name = vector.get("name") or vector.get("note") or vector.get("algorithm")
    report.checked += 1
    try:
        got = sign(vector)
    except (KeyError, TypeError, ValueError) as error:
        report.mismatches.append(f"{place} {system} ({name}): not understood: {type(error).__name__} {error}")
        return
    if got == vector.get("expected_sign"):
        report.matched += 1
    else:
        report.mismatches.append(f"{place} {system} ({name}): expected {vector.get('expected_sign')}, got {got}")


def _top(vector: Vector) -> str:
    method = {"md5": "md5", "hmac-md5": "hmac", "hmac": "hmac", "hmac-sha256": "hmac-sha256"}[vector["algorithm"]]
    return signatures.top(vector["params"], vector["app_secret"], method)


def _jd(vector: Vector) -> str:
    return signatures.jd(vector["params"], vector["app_secret"])


def _pinduoduo(vector: Vector) -> str:
    return signatures.pinduoduo(vector["params"], vector["app_secret"])


def _douyin(vector: Vector) -> str:
    params, secret = vector["params"], vector["app_secret"]
    if vector["algorithm"] == "push-event-sign-md5":
        return signatures.douyin_push(params["app_key"], params["body"], secret)
    if "business_params" in vector:
        params = {**params, "param_json": _canonical(vector["business_params"])}
    return signatures.douyin(params, secret, vector["algorithm"])


def _canonical(business: Any) -> str:
    return json.dumps(_integral(business), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _integral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _integral(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_integral(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _woocommerce(vector: Vector) -> str:
    params, secret = vector["params"], vector["app_secret"]
    if vector["algorithm"] == "webhook-hmac-sha256-base64":
        return signatures.woo_webhook(params["body"].encode(), secret)
    pairs = [*params["query"].items(), *((key, params[key]) for key in params if key.startswith("oauth_"))]
    return signatures.oauth1(params["method"], params["url"], pairs, secret, params["oauth_signature_method"])


def _kuaidi100(vector: Vector) -> str:
    secret, request = vector["secret"], vector["request"]
    if "salt" in secret:
        return signatures.kuaidi100(request["param"], secret["salt"])
    if "secret" in secret:
        return signatures.kuaidi100(request["param"], request["t"], secret["key"], secret["secret"])
    return signatures.kuaidi100(request["param"], secret["key"], secret["customer"])


def _qimen(vector: Vector) -> str:
    request = vector["request"]
    params = request["query_params"]
    return signatures.qimen(params, request.get("body") or "", vector["secret"], params["sign_method"])


def _standard_webhooks(vector: Vector) -> str:
    request, secrets = vector["request"], vector["secret"]
    body = request["body"].encode()
    return " ".join(
        signatures.standard_webhook(request["webhook-id"], request["webhook-timestamp"], body, secret)
        for secret in ([secrets] if isinstance(secrets, str) else secrets)
    )


def _dingtalk(vector: Vector) -> str:
    return signatures.dingtalk(vector["request"]["timestamp_ms"], vector["secret"])


_SIGNERS: dict[str, Callable[[Vector], str]] = {
    "taobao": _top,
    "tmall": _top,
    "jd": _jd,
    "pinduoduo": _pinduoduo,
    "douyin": _douyin,
    "woocommerce": _woocommerce,
    "kuaidi100": _kuaidi100,
    "qimen": _qimen,
    "standardwebhooks": _standard_webhooks,
    "dingtalk_robot": _dingtalk,
}
