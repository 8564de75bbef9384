"""Runs the web application: `python -m web.serve --port 8080`."""

import argparse

import uvicorn

from models.logs import write_log
from models.settings import settings
from web.app import create_app

GRACE_S = 10

MOST_AT_ONCE = 500
"""Connections at a time; more are answered 503, and senders come again. What each may send is bounded, so this bounds
the memory of all."""


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m web.serve", description="OrderPool's console and webhooks")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    wish = parser.parse_args(arguments)
    write_log("web", "uvicorn.error")
    uvicorn.run(
        create_app(),
        host=wish.host,
        port=wish.port,
        log_config=None,
        access_log=False,  # it would write paths with tokens
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        forwarded_allow_ips=settings().trusted_proxies,
        timeout_graceful_shutdown=GRACE_S,
    )


if __name__ == "__main__":
    main()
