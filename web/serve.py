"""Runs the web application: `python -m web.serve --port 8080`."""

import argparse
import logging

import uvicorn

from models.settings import settings
from web.app import create_app

GRACE_S = 10


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m web.serve", description="OrderPool's console and webhooks")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    wish = parser.parse_args(arguments)
    _write_log("orderpool.web", "uvicorn.error")
    uvicorn.run(
        create_app(),
        host=wish.host,
        port=wish.port,
        log_config=None,
        access_log=False,  # it would write paths with tokens
        server_header=False,
        forwarded_allow_ips=settings().trusted_proxies,
        timeout_graceful_shutdown=GRACE_S,
    )


def _write_log(*names: str) -> None:
    # handlers of our own: libraries set up the root logger when they are imported
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in names:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


if __name__ == "__main__":
    main()
