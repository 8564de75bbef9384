"""Do the connectors sign and verify as the platforms do? Checks files of known signatures with their own code."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from connectors.carriers.kuaidi100 import label_sign, push_is_signed, push_sign, query_sign
from connectors.channels.douyin_protocol import param_json, push_signature
from connectors.channels.douyin_protocol import sign as douyin_sign
from connectors.channels.jd_protocol import sign as jd_sign
from connectors.channels.pinduoduo_protocol import sign as pinduoduo_sign
from connectors.channels.taobao_protocol import sign as taobao_sign
from connectors.channels.woocommerce import oauth_signature, webhook_is_signed, webhook_signature
from connectors.messages.dingtalk import sign as dingtalk_sign
from connectors.messages.dingtalk import signed_url as dingtalk_url
from connectors.wms.qimen_protocol import is_signed as qimen_is_signed
from connectors.wms.qimen_protocol import sign as qimen_sign
from connectors.wms.webhook import TOLERANCE_S, BadSignature, sign_body, verify_body

TOP_METHODS: Final = {"md5": "md5", "hmac-md5": "hmac", "hmac": "hmac", "hmac-sha256": "hmac-sha256"}
WOO_SIGNATURE: Final = "x-wc-webhook-signature"

Vector = Mapping[str, Any]


class Mismatch(Exception):
    """What is wrong with a vector, or with us."""


def sign_check(files: Sequence[Path], require: Sequence[str]) -> int:
    """Check every vector of the files whose system has a connector; print each mismatch and the counts.

    A vector's signature is computed and compared with `expected_sign`. Where it carries a signature, or its system
    verifies what it receives, verification runs too: it must accept exactly what equals `expected_sign` and, given
    a `now`, lies in the tolerance. Returns 1 on a mismatch, when nothing was checked, and when a system of
    `require` has no checked vector; else 0.
    """
    checked: list[str] = []
    matched = skipped = 0
    problems: list[str] = []
    for file in files:
        vectors, unreadable = _vectors(file)
        problems += [f"{file}: {unreadable}"] if unreadable else []
        for position, vector in enumerate(vectors):
            system = _system(vector)
            if system and system not in CHECKS:
                skipped += 1
                continue
            checked.append(system)
            problem = _problem(system, vector)
            matched += not problem
            problems += [f"{file}: {_name(vector, position)}: {problem}"] if problem else []
    problems += [f"required system {name}: no vector of it was checked" for name in require if name not in checked]
    if not checked:
        problems.append("nothing was checked")
    for line in problems:
        print(line)
    print(f"checked {len(checked)}, matched {matched}, skipped {skipped}")
    return 1 if problems else 0


def _vectors(file: Path) -> tuple[list[Any], str]:
    try:
        found = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return [], f"cannot be read: {error}"
    if isinstance(found, dict) and isinstance(found.get("vectors"), list):
        found = found["vectors"]
    return (found, "") if isinstance(found, list) else ([found], "")


def _system(vector: Any) -> str:
    if not isinstance(vector, dict):
        return ""
    return str(vector.get("system") or vector.get("channel") or "").strip().lower()


def _name(vector: Any, position: int) -> str:
    if not isinstance(vector, dict):
        return f"vector {position + 1}"
    return str(vector.get("name") or f"vector {position + 1} ({_system(vector) or 'no system'})")


def _problem(system: str, vector: Any) -> str:
    """What is wrong, "" when all agrees. A vector may come from anyone: whatever it breaks is its mismatch."""
    if not system:
        return "malformed: it names no system or channel"
    try:
        CHECKS[system](vector)
    except Mismatch as error:
        return str(error)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        return f"malformed: {type(error).__name__}: {error}"
    return ""


def _check_taobao(vector: Vector) -> None:
    algorithm = str(vector.get("algorithm") or "md5")
    if "sign_method" not in _object(vector, "params", "request") and algorithm not in TOP_METHODS:
        raise Mismatch(f"malformed: algorithm {algorithm!r} is not known")
    _check_joined(vector, lambda params, secret: taobao_sign(params, secret, TOP_METHODS.get(algorithm, "")))


def _check_jd(vector: Vector) -> None:
    _check_joined(vector, jd_sign)


def _check_pinduoduo(vector: Vector) -> None:
    _check_joined(vector, pinduoduo_sign)


def _check_joined(vector: Vector, sign: Callable[[Mapping[str, str], str], str]) -> None:
    params = _texts(_object(vector, "params", "request"))
    computed = sign({key: value for key, value in params.items() if key != "sign"}, _secret(vector))
    _compare(computed, vector)
    if "sign" in params:
        _agree(params["sign"] == computed, params["sign"] == _expected(vector))


def _check_douyin(vector: Vector) -> None:
    params = _texts(_object(vector, "params", "request"))
    if "body" in params:
        computed = push_signature(params["app_key"], params["body"].encode(), _secret(vector))
        _compare(computed, vector)
        carried = _header(vector, "event-sign") or _expected(vector)
        _agree(carried == computed, carried == _expected(vector))
        return
    written = param_json(_object(vector, "business_params")) if "business_params" in vector else params["param_json"]
    if written != params["param_json"]:
        raise Mismatch(f"the business parameters are written as {written}, not as {params['param_json']}")
    signed = {key: params[key] for key in ("app_key", "method", "param_json", "timestamp", "v")}
    computed = douyin_sign(signed, _secret(vector), str(vector.get("algorithm") or "hmac-sha256"))
    _compare(computed, vector)
    if "sign" in params:
        _agree(params["sign"] == computed, params["sign"] == _expected(vector))


def _check_woocommerce(vector: Vector) -> None:
    params = _object(vector, "params", "request")
    if "webhook" in str(vector.get("algorithm", "")) or ("body" in params and "url" not in params):
        _check_woo_webhook(vector, params)
        return
    oauth = _texts({key: value for key, value in params.items() if key.startswith("oauth_")})
    query = _texts(params.get("query") or {})
    carried = oauth.pop("oauth_signature", None) or query.pop("oauth_signature", None)
    method, url = _text(params["method"]), _text(params["url"])
    computed = oauth_signature(method, url, {**query, **oauth}, _secret(vector))
    _compare(computed, vector)
    if carried is not None:
        _agree(carried == computed, carried == _expected(vector))


def _check_woo_webhook(vector: Vector, params: Mapping[str, Any]) -> None:
    body, secret = _text(params["body"]).encode(), _secret(vector)
    _compare(webhook_signature(secret, body), vector)
    carried = _header(vector, WOO_SIGNATURE) or _header(vector, "signature") or _expected(vector)
    accepted = webhook_is_signed(secret, {WOO_SIGNATURE: carried}, body)
    _agree(accepted, carried.strip() == _expected(vector))


def _check_kuaidi100(vector: Vector) -> None:
    request, secrets = _object(vector, "request", "params"), _texts(_object(vector, "secret"))
    form = dict(parse_qsl(_text(request.get("form_body") or ""), keep_blank_values=True))
    param = _text(request["param"] if "param" in request else form["param"])
    if "salt" in secrets:
        _check_push(vector, form or {"param": param, **_texts(_picked(request, "sign"))}, param, secrets["salt"])
        return

    def signed(text: str) -> str:
        if "customer" in secrets:
            return query_sign(text, secrets["key"], secrets["customer"])
        return label_sign(text, _text(request["t"] if "t" in request else form["t"]), secrets["key"], secrets["secret"])

    _compare(signed(param), vector)
    carried = form.get("sign") or request.get("sign")
    if carried is not None:
        sent = form.get("param", param)
        _agree(carried == signed(sent), sent == param and carried == _expected(vector))


def _check_push(vector: Vector, form: Mapping[str, str], param: str, salt: str) -> None:
    _compare(push_sign(param, salt), vector)
    carried, sent = form.get("sign", _expected(vector)), form.get("param", "")
    accepted = push_is_signed({"sign": carried, "param": sent}, salt)
    # without a salt anyone can sign: we accept none
    _agree(accepted, salt != "" and sent == param and carried.upper() == _expected(vector).upper())


def _check_qimen(vector: Vector) -> None:
    request, secret = _object(vector, "request", "params"), _secret(vector)
    query, body = _texts(_object(request, "query_params")), _text(request.get("body") or "").encode()
    wrap = _text(vector.get("wrap") or "both")
    _compare(qimen_sign(query, body, secret, wrap), vector)
    carried = query.get("sign", _expected(vector))
    _agree(qimen_is_signed({**query, "sign": carried}, body, secret, wrap), carried == _expected(vector))


def _check_standardwebhooks(vector: Vector) -> None:
    request = _object(vector, "request", "params")
    secrets = _secrets(vector)
    message_id, stamp = _header(vector, "webhook-id"), _header(vector, "webhook-timestamp")
    body = _text(request["body"])
    sent_at = datetime.fromtimestamp(int(stamp), UTC)
    _compare(sign_body(secrets, message_id, sent_at, body), vector)
    carried = _header(vector, "webhook-signature") or _expected(vector)
    now = _now(vector) or sent_at
    headers = {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": carried}
    in_time = abs((now - sent_at).total_seconds()) <= TOLERANCE_S
    known = set(carried.split()) & set(_expected(vector).split())
    _agree(_accepts(secrets, headers, body, now), in_time and bool(known))


def _check_dingtalk(vector: Vector) -> None:
    request, secret = _object(vector, "request", "params"), _secret(vector)
    stamp = _text(request["timestamp_ms"])
    _compare(dingtalk_sign(stamp, secret), vector)
    if "expected_url" in vector:
        plain = f"https://oapi.dingtalk.com/robot/send?access_token={_text(request['access_token'])}"
        at = datetime.fromtimestamp(int(stamp) / 1000, UTC)
        if (written := dingtalk_url(plain, secret, at)) != vector["expected_url"]:
            raise Mismatch(f"the address is written {written}, not {vector['expected_url']}")


def _accepts(secrets: Sequence[str], headers: Mapping[str, str], body: str, now: datetime) -> bool:
    try:
        verify_body(secrets, headers, body.encode(), now)
    except BadSignature:
        return False
    return True


CHECKS: Final[Mapping[str, Callable[[Vector], None]]] = {
    "taobao": _check_taobao,
    "tmall": _check_taobao,
    "jd": _check_jd,
    "pinduoduo": _check_pinduoduo,
    "douyin": _check_douyin,
    "woocommerce": _check_woocommerce,
    "kuaidi100": _check_kuaidi100,
    "qimen": _check_qimen,
    "standardwebhooks": _check_standardwebhooks,
    "dingtalk_robot": _check_dingtalk,
}


def _compare(computed: str, vector: Vector) -> None:
    expected = _expected(vector)
    if computed != expected:
        raise Mismatch(f"computed {computed}, expected {expected}")


def _agree(accepted: bool, valid: bool) -> None:
    if accepted != valid:
        said = "accepts" if accepted else "refuses"
        raise Mismatch(f"verification {said} a signature that is {'valid' if valid else 'not valid'}")


def _expected(vector: Vector) -> str:
    return _text(vector["expected_sign"])


def _object(vector: Vector, *names: str) -> Mapping[str, Any]:
    for name in names:
        if name in vector:
            found = vector[name]
            if not isinstance(found, dict):
                raise TypeError(f"{name} is no object")
            return found
    raise KeyError(names[0])


def _picked(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TypeError(f"a {type(value).__name__} stands where a text belongs")
    return str(value)


def _texts(row: Any) -> dict[str, str]:
    return {str(key): _text(value) for key, value in dict(row).items()}


def _secret(vector: Vector) -> str:
    return _text(vector["app_secret"] if "app_secret" in vector else vector["secret"])


def _secrets(vector: Vector) -> list[str]:
    given = vector["secret"] if "secret" in vector else vector["app_secret"]
    return [_text(secret) for secret in given] if isinstance(given, list) else _text(given).split()


def _header(vector: Vector, name: str) -> str:
    """A value under `name` in the vector's request or params, or in their `headers`; "" without one."""
    for outer in (vector.get("request"), vector.get("params"), vector):
        inner = outer.get("headers") if isinstance(outer, Mapping) else None
        for row in (inner, outer):
            for key, value in row.items() if isinstance(row, Mapping) else ():
                if key.lower() == name:
                    return _text(value)
    return ""


def _now(vector: Vector) -> datetime | None:
    written = _header(vector, "now")
    if not written:
        return None
    try:
        return datetime.fromtimestamp(float(written), UTC)
    except ValueError:
        moment = datetime.fromisoformat(written)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
