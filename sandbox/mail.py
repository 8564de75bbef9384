"""A mail server on loopback: it takes mail in, with or without TLS and passwords, and misbehaves on demand.

It needs aiosmtpd, which comes with the development tools.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP as Protocol
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
VANISH = "vanish"
"""An answer that never comes: the connection ends instead."""


@dataclass(slots=True)
class MailServer:
    """What a running server took in, oldest first, and what it is to answer instead of taking the next."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    _answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, command: str, *replies: str) -> None:
        """Give the next MAIL, RCPT or DATA these answers, such as "451 later" or VANISH."""
        with self._lock:
            self._answers[command] += replies

    def forget(self) -> None:
        """Drop the mails and the answers that are left."""
        with self._lock:
            self.mails.clear()
            self._answers.clear()

    def next_answer(self, command: str) -> str:
        """The answer ordered for a command, "" for the usual one."""
        with self._lock:
            waiting = self._answers[command]
            return waiting.pop(0) if waiting else ""


class _Clerk:
    """Answers the commands of a session as the server was told."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_MAIL(
        self, protocol: Protocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self._server.next_answer("MAIL"):
            return _said(protocol, answer)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, protocol: Protocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self._server.next_answer("RCPT"):
            return _said(protocol, answer)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, protocol: Protocol, session: Session, envelope: Envelope) -> str:
        answer = self._server.next_answer("DATA")
        if answer in ("", VANISH):
            # a server that vanishes has the mail all the same: only its answer is lost
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            self._server.mails.append(mail)
        return _said(protocol, answer) if answer else "250 taken"


def _said(protocol: Protocol, answer: str) -> str:
    if answer == VANISH:
        assert protocol.transport is not None
        protocol.transport.abort()  # type: ignore[attr-defined]
        return "421 gone"
    return answer


@contextmanager
def running(*, tls: str = "", identity: Path | None = None, password: str = "") -> Iterator[MailServer]:
    """A server until the block ends. `tls` is "", "starttls" or "start"; `identity` comes from `new_identity`.

    With a password, `user` may log in with it once there is TLS, and nobody hands in mail without.
    """
    server = MailServer()
    context = None
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)

    def known(*call: Any) -> AuthResult:
        given = call[-1]
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"user", password.encode())
        return AuthResult(success=right, handled=False)

    def protocol() -> Protocol:
        return Protocol(
            _Clerk(server),
            loop=loop,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=known,
            auth_required=bool(password),
        )

    loop = asyncio.new_event_loop()
    implicit = context if tls == "start" else None
    listening = loop.run_until_complete(loop.create_server(protocol, HOST, 0, ssl=implicit))
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def new_identity(folder: Path) -> Path:
    """A PEM file with a key and a certificate that vouches for itself as 127.0.0.1; trust it to trust the server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=400))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
