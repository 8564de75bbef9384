"""A warehouse system reached by signed JSON webhooks, both ways.

Source: the Standard Webhooks specification 1.0.0 and its Python library, which does the signing. The
library's own `verify` is not used: it reads the computer's clock, and one malformed entry ends its search.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

import httpx
import orjson
from standardwebhooks import Webhook

from connectors.base import Credentials, Envelope, Message, Now, RepeatClass
from connectors.transport import build, call, retry_after_s
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, RateLimited, SetupError
from models.masking import brief

TIMEOUT_S: Final = 15.0
MAX_BODY_BYTES: Final = 20_000
TOLERANCE_S: Final = 300
BATCH: Final = "outbound.batch"
"""The type of a message that carries others: `data.messages` is a list of envelopes, each with its own `id`."""

MOST_IN_A_BATCH: Final = 100
THROTTLED: Final = frozenset((429, 502, 503, 504))

_BATCH_BYTES = 200  # what is written around the messages of a batch
_ENTRY_BYTES = 10  # `"id":"",` and a comma
_TYPE = re.compile(r"[A-Za-z0-9_.]{1,100}")


class EndpointGone(ChannelRejected):
    """The warehouse answered 410: send it nothing more until a person has looked."""

    gone: Final = True


class BadSignature(Exception):
    """Why a signed body is not accepted, in words without secrets."""


def sign_body(secrets: Sequence[str], message_id: str, sent_at: datetime, body: str) -> str:
    """The `webhook-signature` header: one `v1,...` entry per secret, in their order. `sent_at` is aware."""
    moment = sent_at.astimezone(UTC)  # the library takes any datetime for UTC without converting
    return " ".join(Webhook(secret).sign(message_id, moment, body) for secret in secrets)


def verify_body(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Accept a body when any `v1` entry was made with any secret, within 300 s of `now`.

    Entries of other versions and malformed ones are passed over. Raises BadSignature.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, stamp, entries = (given.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (message_id and stamp and entries):
        raise BadSignature("webhook-id, webhook-timestamp or webhook-signature is missing")
    sent_at = _moment(stamp)
    if abs((now - sent_at).total_seconds()) > TOLERANCE_S:
        raise BadSignature(f"webhook-timestamp is more than {TOLERANCE_S} s away from the present")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadSignature("the body is not UTF-8") from None
    offered = _v1_entries(entries)
    for secret in secrets:
        expected = _raw(sign_body([secret], message_id, sent_at, text).partition(",")[2])
        if any(hmac.compare_digest(expected, entry) for entry in offered):
            return
    raise BadSignature("no v1 entry of webhook-signature matches")


def thin(data: Mapping[str, Any], pull_url: str) -> dict[str, Any]:
    """A short stand-in for data that makes a body too long: its plain values, and where to fetch the whole."""
    plain = {key: value for key, value in data.items() if not isinstance(value, Mapping | list | tuple)}
    return {**plain, "pull_url": pull_url}


class WebhookWms:
    """One warehouse. Credentials: endpoint, secret, optionally inbound_secret, allow_http ("1") and batches ("yes").

    With `batches` the warehouse takes messages of the type BATCH: up to 100 messages, 20 KB in all, in one call. Each
    has the id it would have alone, by which the warehouse takes it once, however it comes.

    A secret may be two `whsec_...` with a space between while it is changed, the new one first: both sign what
    we send, either is accepted. Without inbound_secret incoming bodies are signed with `secret` too.
    """

    repeat_class = RepeatClass.DEDUPLICATED
    needs: ClassVar[tuple[str, ...]] = ("endpoint",)
    for_people: ClassVar[bool] = False
    reads_long: ClassVar[bool] = True
    in_house: ClassVar[bool] = False

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._client = client
        self._now = now
        self._endpoint = _endpoint(name, credentials)
        self._secrets = _secrets(name, credentials.get("secret", ""))
        inbound = credentials.get("inbound_secret", "")
        self._inbound = _secrets(name, inbound) if inbound else self._secrets
        self._takes_batches = credentials.get("batches") == "yes"

    def groups(self, messages: Sequence[Message]) -> list[Sequence[Message]]:
        """As many together as a batch may hold, if the warehouse takes batches."""
        return _packed(messages) if self._takes_batches else [[message] for message in messages]

    def send(self, *messages: Message) -> Mapping[str, Envelope]:
        """Deliver one message, or a group of `groups` in one call; returns when the warehouse answered 2xx.

        The answer reports nothing: what becomes of a message comes by webhook.

        Raises EndpointGone for 410, RateLimited when it names a wait, OutcomeUnknown when no answer came, and
        ChannelUnavailable for every other answer: a refusal may be a receiver that is not set up yet. A body over
        20 KB raises ChannelRejected; see `thin`.
        """
        message_id, kind, body = _outgoing(messages)
        action = f"send {kind}"
        if len(body) > MAX_BODY_BYTES:
            raise ChannelRejected(self.name, action, f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} go")
        sent_at = self._now()
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": sign_body(self._secrets, message_id, sent_at, body.decode()),
        }
        request = build(
            self._client, self.name, action, "POST", self._endpoint, timeout_s=TIMEOUT_S, content=body, headers=headers
        )
        self._raise_for(call(self._client, self.name, action, request, changes=True), action)
        return {}

    def _raise_for(self, response: httpx.Response, action: str) -> None:
        if response.is_success:
            return
        obstacle = f"HTTP {response.status_code} {brief(response.text)}".strip()
        if response.status_code == 410:
            raise EndpointGone(self.name, action, obstacle)
        wait_s = retry_after_s(response.headers, self._now()) if response.status_code in THROTTLED else None
        if wait_s is not None:
            raise RateLimited(self.name, action, obstacle, wait_s)
        raise ChannelUnavailable(self.name, action, obstacle)

    def verify(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The envelope of a signed incoming body: `type`, `timestamp`, `data`.

        Raises ChannelDenied when the signature does not hold, ChannelRejected when the body is no envelope.
        """
        try:
            verify_body(self._inbound, headers, body, self._now())
        except BadSignature as error:
            raise ChannelDenied(self.name, "incoming message", str(error)) from error
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ChannelRejected(self.name, "incoming message", "the body is no JSON") from error
        if type(found) is not dict or type(found.get("data")) is not dict:
            raise ChannelRejected(self.name, "incoming message", "the body is no envelope with type and data")
        if not _TYPE.fullmatch(str(found.get("type"))):
            raise ChannelRejected(self.name, "incoming message", "the envelope's type is malformed")
        return found


def envelope(message: Message) -> bytes:
    """The body of a message: type, the time it happened (ISO 8601 with offset), data."""
    return orjson.dumps(_envelope(message))


def _envelope(message: Message) -> dict[str, Any]:
    return {"type": message.type, "timestamp": message.occurred_at.isoformat(), "data": dict(message.data)}


def unpacked(found: Mapping[str, Any], longest_id: int) -> dict[str, str] | None:
    """The messages that a verified envelope of the type BATCH carries, by id, each as a body of its own.

    None when it is no batch, or one that cannot be taken apart; an id has at most `longest_id` characters.
    """
    entries = found["data"].get("messages") if found["type"] == BATCH else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_IN_A_BATCH:
        return None
    bodies = {}
    for entry in entries:
        id_ = entry.get("id") if type(entry) is dict else None
        if not isinstance(id_, str) or not 0 < len(id_) <= longest_id or not id_.isprintable():
            return None
        bodies[id_] = orjson.dumps({key: value for key, value in entry.items() if key != "id"}).decode()
    return bodies


def _outgoing(messages: Sequence[Message]) -> tuple[str, str, bytes]:
    """The id, type and body of the call that carries these messages."""
    if len(messages) == 1:
        return _id(messages[0]), messages[0].type, envelope(messages[0])
    ids = [_id(message) for message in messages]
    data = {"messages": [{"id": id_, **_envelope(message)} for id_, message in zip(ids, messages, strict=True)]}
    batch = Message(
        BATCH, "batch:" + hashlib.sha256("\n".join(ids).encode()).hexdigest(), messages[0].occurred_at, data
    )
    return _id(batch), BATCH, envelope(batch)


def _id(message: Message) -> str:
    # a dot in the id would move the border between id and time in what is signed
    return quote(message.key, safe=":").replace(".", "%2E")


def _packed(messages: Sequence[Message]) -> list[Sequence[Message]]:
    groups: list[list[Message]] = []
    room = 0
    for message in messages:
        size = len(envelope(message)) + len(_id(message)) + _ENTRY_BYTES
        if size > room or len(groups[-1]) == MOST_IN_A_BATCH:
            groups.append([])
            room = MAX_BODY_BYTES - _BATCH_BYTES
        groups[-1].append(message)
        room -= size
    return [*groups]


def _endpoint(name: str, credentials: Credentials) -> str:
    endpoint = credentials.get("endpoint", "")
    scheme = urlsplit(endpoint).scheme
    if scheme == "https" or (scheme == "http" and credentials.get("allow_http") == "1"):
        return endpoint
    raise SetupError(f"{name}: endpoint must be an https address, or http with allow_http set to 1")


def _secrets(name: str, written: str) -> tuple[str, ...]:
    secrets = tuple(written.split())
    if not secrets:
        raise SetupError(f"{name}: lacks the credential secret")
    for secret in secrets:
        try:
            usable = bool(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
        except binascii.Error:
            usable = False
        if not usable:
            raise SetupError(f"{name}: a webhook secret must be whsec_ and padded base64")
    return secrets


def _moment(stamp: str) -> datetime:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
        raise BadSignature("webhook-timestamp is no whole number of seconds")
    return datetime.fromtimestamp(int(stamp), UTC)


def _v1_entries(header: str) -> list[bytes]:
    versioned = (entry.partition(",") for entry in header.split())
    return [raw for version, _, written in versioned if version == "v1" and (raw := _raw(written))]


def _raw(written: str) -> bytes:
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return b""
