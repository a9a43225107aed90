"""Defines the events of a schedule, and the result of delivering one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from data.base.waits import SECONDS


class NotDelivered(Exception):
    """A target was not notified; the reason contains no secret."""

    def __init__(self, why: str, tries: int = 1) -> None:
        self.why = why
        self.tries = tries
        super().__init__(why)


EVENTS = ("pushed", "blocked", "failed", "paused", "stale", "span unreadable", "recovered")


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a schedule, as its targets receive it.

    Args:
        event: one of `EVENTS`.
        due: due time of the tick, in seconds since the epoch; None if no tick is concerned.
        run_id: id of the run; None if no run began.
        verdict: its verdict: passed, failed, not configured.
        reason: a text.
        report: path of the run's report.
        root: path of the root.
        text: the whole message, for a person.
    """

    event: str
    schedule: str
    due: float | None = None
    run_id: str | None = None
    verdict: str | None = None
    reason: str | None = None
    report: str | None = None
    root: str
    text: str

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise ValueError(f"unknown event {self.event!r}: expected one of {EVENTS}")

    def as_json(self) -> str:
        """One JSON object with the names of the fields; `due` is ISO 8601 in UTC."""
        due = None if self.due is None else datetime.fromtimestamp(self.due, UTC).isoformat()
        values: dict[str, Any] = {**asdict(self), "due": due}
        return json.dumps(values, ensure_ascii=True)


@dataclass(frozen=True)
class Delivery:
    """The result of notifying one target.

    Args:
        target: without any secret.
        tries: how often it was tried.
        error: why it was not notified; None if it was.
    """

    target: str
    ok: bool
    tries: int
    error: str | None = None


@dataclass(frozen=True)
class Patience:
    """How long a target may take, in seconds.

    Args:
        tries: number of tries of a webhook.
        answer: for one answer of a webhook.
        pause: before the second try; twice as long before the third.
        command: for a command, which is then killed with all that it started.
        all: for all targets together, which are notified in parallel.
    """

    tries: int = 3
    answer: float = 10.0
    pause: float = 1.0
    command: float = 30.0
    all: float = field(default_factory=lambda: SECONDS["NOTIFY"])
