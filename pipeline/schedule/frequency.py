"""Checks whether a schedule is due more often than its runs can end."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection

from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import NewData, shortest_gap


def check_frequency(schedule: Schedule, seconds: Collection[float], now: float) -> str | None:
    """A warning if a tick is due before the last run can have ended; else None."""
    if not seconds or isinstance(schedule.trigger, NewData):  # most of its ticks run nothing
        return None
    duration = statistics.median(seconds)
    gap = shortest_gap(schedule.trigger, now, schedule.created)
    if duration <= gap:
        return None
    share = math.ceil(duration / gap)
    ratio = f"{duration:.0f} / {gap:.0f} = {duration / gap:.1f}"
    return (
        f"a run takes {duration:.0f} s (median of {len(seconds)}), a tick is due every "
        f"{gap:.0f} s: {ratio}, so that 1 tick in {share} can run, the others are skipped"
    )
