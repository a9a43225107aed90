"""Notifies a schedule's targets of an event."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from data.base.visible_text import escape_controls
from pipeline.schedule.notify.deliver import deliver
from pipeline.schedule.notify.event import Delivery, Event
from pipeline.schedule.schedule import Notice, Schedule

_log = logging.getLogger("penstock.schedule")


def notify(root: Path, schedule: Schedule, event: str, reason: str, **facts: Any) -> list[Delivery]:
    """Notify all targets of a schedule; takes a minute at most, and never raises.

    Args:
        root: of the schedule.
        schedule: the subject of the event, and its targets.
        event: one of `pipeline.schedule.notify.event.EVENTS`.
        reason: a text.
        facts: other fields of `Event`.
    """
    message = Event(
        event=event,
        schedule=schedule.name,
        reason=escape_controls(reason),
        root=str(root),
        text=escape_controls(f"{schedule.name}: {event}, {reason}"),
        **facts,
    )
    return deliver(message, schedule.notify, log=_log)


def send_notice(root: Path, notice: Notice) -> None:
    """Notify the targets of a daemon's notice."""
    tick = notice.tick
    facts = {"due": tick.due, "run_id": tick.run_id, "verdict": tick.verdict} if tick else {}
    notify(root, notice.schedule, notice.event, notice.reason, **facts)
