"""The argument NAME of the schedule commands, and times as they print them."""

from __future__ import annotations

import zoneinfo
from datetime import datetime

import click

from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.cron import Cron

name_argument = click.argument("name")


def when(seconds: float | None, schedule: Schedule | None) -> str:
    """Format a time in the zone of the schedule, or else of this machine."""
    if seconds is None:
        return "–"
    trigger = schedule.trigger if schedule else None
    zone = zoneinfo.ZoneInfo(trigger.tz) if isinstance(trigger, Cron) else None
    return f"{datetime.fromtimestamp(seconds, zone).astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}"
