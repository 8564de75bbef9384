"""Mail handed in at a server: one session, one mail, with every failure sorted by what to do next.

Sources: RFC 5321 (replies of SMTP: 4xx means later, 5xx means never) and RFC 8314 (TLS from the first byte).
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

from connectors.base import Credentials
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, SetupError
from models.masking import brief

TIMEOUT_S: Final = 15.0
NEEDS: Final = ("endpoint", "mail_from", "mail_to")
"""The credentials that a mailbox cannot do without."""

SCHEMES: Final = {"smtps": 465, "smtp": 587, "smtp+plain": 25}
"""The schemes of an endpoint and their usual ports."""

_DENIED: Final = (530, 534, 535, 538)  # RFC 4954: a password or a kind of log-in is missing or wrong


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and how its scheme says that TLS begins."""

    host: str
    port: int
    scheme: str


class Mailbox:
    """Somebody who is reached by mail. Credentials: endpoint, mail_from, mail_to, optionally mail_user, mail_password,
    allow_http ("1").

    The endpoint is `smtps://host[:465]` (TLS from the start), `smtp://host[:587]` (STARTTLS, which the server must
    offer) or, with allow_http, `smtp+plain://host[:25]` for a relay on a private network. `mail_to` may name several,
    with commas between.
    """

    def __init__(self, name: str, credentials: Credentials) -> None:
        self.name = name
        self._server = _server(name, credentials)
        self.sender = _address(name, "mail_from", credentials.get("mail_from", ""))
        self.to = [_address(name, "mail_to", part) for part in credentials.get("mail_to", "").split(",")]
        self._user = credentials.get("mail_user", "")
        self._password = credentials.get("mail_password", "")

    def hand_in(self, mail: EmailMessage, action: str) -> None:
        """Hand in one mail; returns when the server took it for every address.

        Raises ChannelUnavailable when it took nothing and may do so later, ChannelRejected when it refuses the mail
        or an address for good, ChannelDenied when it wants another password or its certificate is not to be trusted,
        OutcomeUnknown when it went silent while it was being handed the mail.
        """
        with self._session(action) as session:
            if self._user:
                session.login(self._user, self._password)
            session.ehlo_or_helo_if_needed()
            self._expect(session.mail(self.sender.addr_spec), action)
            for to in self.to:
                self._expect(session.rcpt(to.addr_spec), action)
            self._give(session, mail.as_bytes(), action)

    @contextmanager
    def _session(self, action: str) -> Iterator[smtplib.SMTP]:
        """A connection on which nothing of the mail itself was sent; failures on it are sorted."""
        try:
            session = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise self._sorted(error, action) from error
        try:
            yield session
            _part(session)
        except (OSError, smtplib.SMTPException) as error:
            raise self._sorted(error, action) from error
        finally:
            session.close()

    def _connect(self) -> smtplib.SMTP:
        server, me = self._server, self.sender.domain
        context = ssl.create_default_context()
        if server.scheme == "smtps":
            return smtplib.SMTP_SSL(server.host, server.port, me, timeout=TIMEOUT_S, context=context)
        session = smtplib.SMTP(server.host, server.port, me, timeout=TIMEOUT_S)
        try:
            if server.scheme == "smtp":
                session.starttls(context=context)
        except BaseException:
            session.close()
            raise
        return session

    def _sorted(self, error: Exception, action: str) -> Exception:
        """What a failure before the mail was handed in means."""
        match error:
            case ssl.SSLCertVerificationError():
                return ChannelDenied(self.name, action, f"its certificate is not to be trusted: {error.verify_message}")
            case smtplib.SMTPNotSupportedError():
                return ChannelDenied(self.name, action, f"{error}: the server offers no STARTTLS, or no log-in")
            case smtplib.SMTPResponseException():
                return self._refusal(error.smtp_code, error.smtp_error, action)
            case _:
                return ChannelUnavailable(self.name, action, f"not reached: {type(error).__name__}")

    def _refusal(self, code: int, text: bytes | str, action: str) -> Exception:
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        obstacle = brief(f"SMTP {code} {_without_addresses(said)}")
        if code in _DENIED:
            return ChannelDenied(self.name, action, obstacle)
        kind = ChannelRejected if 500 <= code <= 599 else ChannelUnavailable
        return kind(self.name, action, obstacle)

    def _expect(self, reply: tuple[int, bytes], action: str) -> None:
        if not 200 <= reply[0] <= 299:
            raise self._refusal(*reply, action)

    def _give(self, session: smtplib.SMTP, mail: bytes, action: str) -> None:
        try:
            reply = session.data(mail)
        except smtplib.SMTPDataError:  # it does not want the mail: nothing was sent
            raise
        except (OSError, smtplib.SMTPException) as error:
            silent = f"no answer to the mail: {type(error).__name__}"
            raise OutcomeUnknown(self.name, action, silent) from error
        self._expect(reply, action)


def _part(session: smtplib.SMTP) -> None:
    # the mail is in: how they part changes nothing
    with suppress(OSError, smtplib.SMTPException):
        session.quit()


def _without_addresses(said: str) -> str:
    return " ".join("…" if "@" in word else word for word in said.split())


def _server(name: str, credentials: Credentials) -> Server:
    try:
        server = read_endpoint(credentials.get("endpoint", ""))
    except ValueError as error:
        raise SetupError(f"{name}: endpoint {error}") from error
    if server.scheme == "smtp+plain" and credentials.get("allow_http") != "1":
        raise SetupError(f"{name}: endpoint is plain SMTP, which needs allow_http set to 1")
    return server


def read_endpoint(written: str) -> Server:
    """The server that an endpoint names; raises ValueError saying what it has to be."""
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    extra = parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in SCHEMES or not parts.hostname or extra:
        raise ValueError("must be smtps://host:port or smtp://host:port, with nothing else in it")
    return Server(parts.hostname, port or SCHEMES[parts.scheme], parts.scheme)


def _address(name: str, credential: str, written: str) -> Address:
    try:
        address = Address(addr_spec=written.strip())
    except (ValueError, IndexError) as error:
        raise SetupError(f"{name}: {credential} must be an e-mail address") from error
    if not address.domain or not written.isascii():
        raise SetupError(f"{name}: {credential} must be an e-mail address")
    return address
