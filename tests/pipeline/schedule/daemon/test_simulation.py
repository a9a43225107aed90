"""Years of schedules in a simulated world: each due time has one outcome, whatever happens."""

from __future__ import annotations

import pytest
import schedule_world

from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, NewData

HOUR, DAY = 3_600.0, 86_400.0


def schedules(start: float) -> list[Schedule]:
    """Eight schedules in four zones, of all triggers and policies."""

    def cron(expression: str, tz: str) -> Cron:
        return Cron(expression=expression, tz=tz)

    def named(name: str, **fields: object) -> Schedule:
        return Schedule(name=name, recipe="digits", created=start + 0.25, **fields)

    return [
        named("zurich", trigger=cron("30 2 * * *", "Europe/Zurich"), fresh_within=2 * DAY),
        named("new-york", trigger=cron("30 1,2 * * *", "America/New_York"), missed="all"),
        named("lord-howe", trigger=cron("15 2 * * *", "Australia/Lord_Howe"), missed="skip"),
        named(
            "kolkata",
            trigger=cron("0 */8 * * *", "Asia/Kolkata"),
            overlap="queue",
            fresh_within=DAY,
            max_failures=0,
        ),
        named("sundays", trigger=cron("*/40 1-3 * * 0", "Europe/Zurich"), overlap="queue"),
        named("every", trigger=Every(seconds=7 * HOUR), missed="skip", fresh_within=3 * DAY),
        named("often", trigger=Every(seconds=5 * HOUR), overlap="queue", missed="all", grace=HOUR),
        named("data", trigger=NewData(check_every=11 * HOUR), max_failures=2, grace=0.0),
    ]


def simulated(root, *, start, ticks, seed):
    here = schedule_world.World(root, schedules(start), seed)
    here.run(ticks)
    counts = here.check()
    years = (here.true - start) / (365.25 * DAY)
    mishaps = ", ".join(f"{n} {what}" for what, n in sorted(here.events.items()))
    print(f"\nseed {seed}: {years:.2f} years; {mishaps}")
    print("  " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) + ", 0 violations")
    return here, counts


@pytest.mark.slow
def test_500_ticks_have_one_outcome_each(tmp_path):
    start = schedule_world.start_of(2026, 3, 1)
    _, counts = simulated(tmp_path, start=start, ticks=500, seed=1)
    assert {"completed", "skipped", "missed", "failed", "paused", "nothing new", "alarm"} <= set(
        counts
    )


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2, 3])
def test_10_000_ticks_over_years_in_four_zones(tmp_path, seed):
    here, counts = simulated(
        tmp_path, start=schedule_world.start_of(2024, 1, 1), ticks=10_000, seed=seed
    )
    assert min(counts[kind] for kind in ("completed", "skipped", "missed", "failed", "paused")) > 0
    assert set(here.events) == {
        *("kill", "kill all", "reboot", "second", "jump", "away", "resume", "by hand"),
        *("meanwhile", "killed while launching"),
    }
