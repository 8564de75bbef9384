"""What the services write to their logs: lines for people, or one JSON object per line for machines.

Nothing personal belongs into a message or its fields.
"""

import logging
import traceback
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from models.settings import settings

PLAIN = "%(asctime)s %(levelname)s %(message)s"


class JsonLines(JsonFormatter):
    """One JSON object per record: at (UTC), level, part, logger, message, and whatever `extra` adds.

    Of an exception it tells type and place and not the text, which may quote what was worked on.
    """

    def __init__(self, part: str) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields={"part": part},
            timestamp="at",
            json_ensure_ascii=False,
        )

    def formatException(self, ei: Any) -> str:
        """Type and place of an exception."""
        kind, _, trace = ei
        places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        return "\n".join([getattr(kind, "__name__", str(kind)), *places])


def write_log(part: str, *more: str) -> None:
    """Have a part of the installation, and these loggers of libraries with it, write to standard error.

    The handlers are our own: libraries set up the root logger when they are imported.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(part) if settings().log_format == "json" else logging.Formatter(PLAIN))
    for name in (f"orderpool.{part}", *more):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
