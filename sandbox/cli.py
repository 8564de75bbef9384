"""What `python -m sandbox` and the product's sandbox command do."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.errors import JournalError
from sandbox.journal import Journal
from sandbox.outside import Outside
from sandbox.selfcheck import check_files
from sandbox.server import listen, make_server


def serve(port: int = 0, as_json: bool = False, journal_file: Path | None = None) -> int:
    """Serve until SIGINT or SIGTERM and return the exit code.

    With `as_json` one line on stdout gives every endpoint and credential once it listens. With `journal_file` the
    world that it holds goes on, and survives the death of this process.
    """
    try:
        taken = listen(port)
    except OSError as error:
        print(f"sandbox: port {port} cannot be taken: {error.strerror}", file=sys.stderr)
        return 1
    try:
        journal = Journal.open(journal_file) if journal_file else None
    except JournalError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    outside = journal.outside if journal else Outside()

    def announce() -> None:
        world = outside.world.as_json()
        print(json.dumps(world, ensure_ascii=False) if as_json else f"sandbox listens on {world['url']}", flush=True)

    server = make_server(outside, taken.getsockname()[1], announce, journal)
    # the server raises the signal again once it has stopped; ours then swallows it, for a clean exit code
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[taken])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        taken.close()
    return 0


def self_check(files: Sequence[Path]) -> int:
    """Check the sandbox's own signature code against files of vectors; 1 on a mismatch or when none was checked."""
    report = check_files(files)
    for line in report.mismatches:
        print(line)
    print(f"checked {report.checked}, matched {report.matched}, skipped {report.skipped}")
    return 0 if report.checked and report.matched == report.checked else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The outside world on loopback.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--json", action="store_true", help="print one JSON line with all endpoints when listening")
    parser.add_argument("--self-check", nargs="+", type=Path, metavar="FILE", help="check signatures and exit")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="keep the world in a file that outlives a kill")
    options = parser.parse_args(arguments)
    if options.self_check:
        return self_check(options.self_check)
    return serve(options.port, options.json, options.journal)
