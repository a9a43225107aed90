"""Whether a schedule is due more often than its runs can end."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection

from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import NewData, shortest_gap


def check_frequency(schedule: Schedule, seconds: Collection[float], now: float) -> str | None:
    """Says so where a tick is due before the last one can have ended; else None."""
    if not seconds or isinstance(schedule.trigger, NewData):  # whose ticks are mostly looks
        return None
    takes = statistics.median(seconds)
    gap = shortest_gap(schedule.trigger, now, schedule.created)
    if takes <= gap:
        return None
    share = math.ceil(takes / gap)
    follows = f"{takes:.0f} / {gap:.0f} = {takes / gap:.1f}, so that 1 tick in {share} can run"
    return (
        f"a run takes {takes:.0f} s (median of {len(seconds)}), a tick is due every {gap:.0f} s: "
        f"{follows}, the others are skipped"
    )
