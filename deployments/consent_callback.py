"""A page on loopback that waits for the answer to a seller's consent."""

import time
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from models.errors import PipelineError, SetupError
from tasks.authorise import ConsentDeclined

HOST = "127.0.0.1"
REQUEST_TIMEOUT_S = 5.0
PATH = "/callback"

Accept = Callable[[dict[str, str]], str]
"""Given the parameters of an answer: the code in it. Raises PipelineError when it is none of ours."""


class CallbackPage:
    """Listens on one port of 127.0.0.1 until an answer is accepted; 0 takes a free one."""

    def __init__(self, port: int) -> None:
        try:
            self._server = _Server((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise SetupError(f"port {port}: cannot be listened on: {error}") from error
        self.redirect_uri = f"http://{HOST}:{self._server.server_port}{PATH}"

    def wait(self, accept: Accept, patience_s: float) -> str:
        """The code of the first answer that `accept` takes; others are told why not.

        Raises SetupError when none came in time, or the seller declined.
        """
        self._server.accept = accept
        deadline = time.monotonic() + patience_s
        with self._server as server:
            while not server.code:
                if server.declined is not None:
                    raise server.declined
                server.timeout = deadline - time.monotonic()
                if server.timeout <= 0:
                    obstacle = f"; the last answer: {server.refusal}" if server.refusal else ""
                    raise SetupError(f"no consent came to {self.redirect_uri} within {patience_s:.0f} s{obstacle}")
                server.handle_request()
        return server.code


class _Server(HTTPServer):
    accept: Accept
    code = ""
    refusal = ""
    declined: ConsentDeclined | None = None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S  # of reading a request, so that a silent connection does not use up the time
    server_version = "orderpool"
    sys_version = ""

    def do_GET(self) -> None:
        """Take the answer, and say in the browser how that went."""
        address = urlsplit(self.path)
        if address.path != PATH:
            self._say(404, "There is nothing here.")
            return
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        try:
            self.server.code = self.server.accept(query)
        except PipelineError as error:
            self.server.refusal = str(error)
            # an answer to another request may come from anywhere; this one is ours
            self.server.declined = error if isinstance(error, ConsentDeclined) else None
            self._say(400, str(error))
            return
        self._say(200, "The consent has arrived. You can close this page and go back to the terminal.")

    def _say(self, status: int, sentence: str) -> None:
        page = (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>OrderPool</title></head>'
            f"<body><p>{escape(sentence)}</p></body></html>"
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  it overrides
        """Write nothing: the address holds the code."""
