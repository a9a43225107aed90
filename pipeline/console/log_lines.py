"""Lines of a log: in words, or as JSON, one object per line, for whoever collects them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from data.base.visible_text import escape_controls
from data.redaction import redact


class WordsFormatter(logging.Formatter):
    """Writes a record as time, level and message, in which nothing acts unseen."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(super().format(record))


class JsonFormatter(logging.Formatter):
    """Writes a record as one line: time (ISO 8601, UTC), level, logger, message and, where there
    is one, exception.

    Our own, since a library for it would have to be told just these five names.
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
        return json.dumps(line, ensure_ascii=True)  # a path may hold bytes that are no UTF-8
