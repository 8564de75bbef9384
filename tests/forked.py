"""Processes of their own that can be killed, forked from one that has imported what they need."""

import multiprocessing
from multiprocessing.context import ForkServerContext

_context = multiprocessing.get_context("forkserver")
_wanted: list[str] = []


def forking(*modules: str) -> ForkServerContext:
    """What starts processes that have these modules imported.

    A session has one process to fork from, and that reads its list when it starts: what all ask for is put together.
    """
    _wanted.extend(name for name in modules if name not in _wanted)
    _context.set_forkserver_preload(_wanted)
    return _context
