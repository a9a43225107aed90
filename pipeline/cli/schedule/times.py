"""Times as `penstock schedule` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.schedule.schedule import Schedule


def when(seconds: float | None, schedule: Schedule | None) -> str:
    """A time in the schedule's zone, else in this machine's."""
    import zoneinfo
    from datetime import datetime

    from pipeline.schedule.triggers.cron import Cron

    if seconds is None:
        return "–"
    trigger = schedule.trigger if schedule else None
    zone = zoneinfo.ZoneInfo(trigger.tz) if isinstance(trigger, Cron) else None
    return f"{datetime.fromtimestamp(seconds, zone).astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}"
