"""One HTTP call with its failures sorted by what may have happened on the other side."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import orjson

from connectors.converters import CHINA
from models.errors import ChannelError, ChannelRejected, ChannelUnavailable, OutcomeUnknown, RateLimited
from models.masking import brief

NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
MAX_WAIT_S: Final = 6 * 3600.0
_OF_THE_BODY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

# what stands in the address of a call (numbers, digits of phones, tokens) must not get into a log
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)


def call(client: httpx.Client, who: str, action: str, request: httpx.Request, *, changes: bool) -> httpx.Response:
    """Send one request; the answer of any HTTP status.

    `changes` says that the request changes something there: then a failure after sending is OutcomeUnknown,
    else ChannelUnavailable. Redirects are never followed.
    """
    try:
        return client.send(request, follow_redirects=False)
    except NEVER_SENT as error:
        raise ChannelUnavailable(who, action, f"not reached: {_words(error)}") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        raise ChannelRejected(who, action, f"cannot be asked: {_words(error)}") from error
    except httpx.HTTPError as error:
        kind = OutcomeUnknown if changes else ChannelUnavailable
        raise kind(who, action, f"no answer: {_words(error)}") from error


def receive(client: httpx.Client, who: str, action: str, request: httpx.Request, *, most_bytes: int) -> httpx.Response:
    """The answer to a request that only reads, with its body; ChannelRejected as soon as that is too long."""
    try:
        response = client.send(request, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > most_bytes:
                    raise ChannelRejected(who, action, f"the answer is longer than {most_bytes:,} bytes")
        finally:
            response.close()
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        raise ChannelRejected(who, action, f"cannot be asked: {_words(error)}") from error
    except httpx.HTTPError as error:
        raise ChannelUnavailable(who, action, f"no answer: {_words(error)}") from error
    headers = {name: value for name, value in response.headers.items() if name not in _OF_THE_BODY}
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)


def build(
    client: httpx.Client,
    who: str,
    action: str,
    method: str,
    url: str,
    *,
    timeout_s: float | httpx.Timeout,
    **content: Any,
) -> httpx.Request:
    """A request with its own time limit; raises ChannelRejected when the URL cannot be used."""
    try:
        return client.build_request(method, url, timeout=timeout_s, **content)
    except (httpx.InvalidURL, ValueError) as error:
        raise ChannelRejected(who, action, f"cannot be asked: {_words(error)}") from error


def json_of(response: httpx.Response) -> Any:
    """The parsed JSON body, None when the body is something else (an HTML page of a proxy)."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def http_error_of(
    response: httpx.Response, who: str, action: str, now: datetime, *, changes: bool, usual_wait_s: float
) -> ChannelError:
    """The error of an answer that is not the gateway's own: another HTTP status, or no JSON.

    `usual_wait_s`: how long a limit lasts that does not say so.
    """
    status = response.status_code
    obstacle = f"HTTP {status} {brief(response.text, 80)}".strip()
    if status == 429:
        return RateLimited(who, action, obstacle, retry_after_s(response.headers, now) or usual_wait_s)
    if 400 <= status < 500:
        return ChannelRejected(who, action, obstacle)
    if changes and status != 503:
        return OutcomeUnknown(who, action, obstacle)
    return ChannelUnavailable(who, action, obstacle)


def without_empty(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters to sign and send: those without a value are left out of both."""
    return {key: str(value) for key, value in parameters.items() if value is not None and value != ""}


def china_time(moment: datetime) -> str:
    """A time as platforms of China write it: without a zone, in seconds."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait a Retry-After header asks for (seconds or a date), at most 6 h; None without a usable one."""
    written = headers.get("retry-after", "").strip()
    if written.isascii() and written.isdigit():
        return min(float(written), MAX_WAIT_S)
    try:
        moment = parsedate_to_datetime(written)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_WAIT_S)


def _words(error: Exception) -> str:
    return brief(f"{type(error).__name__} {error}".strip())
