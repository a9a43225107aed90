"""Format log records as text for people, or as JSON lines for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from data.base.visible_text import escape_controls
from data.redaction import redact


class WordsFormatter(logging.Formatter):
    """Formats a record as time, level and message, with control characters escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(super().format(record))


class JsonFormatter(logging.Formatter):
    """Formats a record as one line: time (ISO 8601, UTC), level, logger, message and exception.

    Written here because a library would need the same five names as configuration.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True)  # a path may hold bytes that are not UTF-8
