"""Say what happened to whoever a schedule names."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from data.base.visible_text import escape_controls
from pipeline.schedule.notify.deliver import deliver
from pipeline.schedule.notify.event import Delivery, Event
from pipeline.schedule.schedule import Notice, Schedule

_log = logging.getLogger("penstock.schedule")


def tell(root: Path, schedule: Schedule, event: str, reason: str, **facts: Any) -> list[Delivery]:
    """Tell all whom the schedule names; takes a minute at most, and never raises.

    Args:
        root: of the schedule.
        schedule: whom it is about, and who is to know.
        event: one of `pipeline.schedule.notify.event.EVENTS`.
        reason: in words.
        facts: other fields of `Event`.
    """
    told = Event(
        event=event,
        schedule=schedule.name,
        reason=escape_controls(reason),
        root=str(root),
        text=escape_controls(f"{schedule.name}: {event}, {reason}"),
        **facts,
    )
    return deliver(told, schedule.notify, log=_log)


def send_notice(root: Path, notice: Notice) -> None:
    """Tell what a daemon has found."""
    tick = notice.tick
    facts = {"due": tick.due, "run_id": tick.run_id, "verdict": tick.verdict} if tick else {}
    tell(root, notice.schedule, notice.event, notice.reason, **facts)
