"""Measure the cost of schedules: `python benchmarks/schedule.py`.

launched, at work   how late ten ticks are that are due at once (goal: launched <= 1 s); a daemon
                    with ten children at once, each enters `nothing new` and ends
nothing new         a whole tick, as a process, of digits that ran already (goal <= 0.6 s)
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from timing import HOME, median_of, penstock, seconds

from pipeline.schedule.daemon.daemon import Daemon
from pipeline.schedule.daemon.launcher import ProcessLauncher
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every

SCHEDULES, ROUNDS, STEP = 10, 5, 8.0  # the last in seconds
CHILD = f"""
import sys, time
sys.path.insert(0, {HOME!r})
from pathlib import Path
from pipeline.schedule.lock import hold_lock
from pipeline.schedule.ledger.store import ScheduleStore
began = time.time()
name, tick_id, root = sys.argv[1], int(sys.argv[2]), Path(sys.argv[4])
with hold_lock(root, name):
    store = ScheduleStore(root)
    store.finish(store.tick(tick_id), outcome="nothing new", now=began)
"""


def lateness() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store, now = ScheduleStore(root), time.time()
        for n in range(SCHEDULES):
            trigger = Every(seconds=STEP)
            store.add(Schedule(name=f"s{n}", recipe="none", created=now, trigger=trigger))
        launcher = ProcessLauncher(root, (sys.executable, "-c", CHILD))
        until = now + ROUNDS * STEP + 0.5
        Daemon(root, launcher, at_once=SCHEDULES, until=until).run()
        ticks = [tick for n in range(SCHEDULES) for tick in store.history(f"s{n}")]
    for what, late in (
        ("launched", [tick.launched - tick.due for tick in ticks if tick.launched]),
        ("at work", [tick.ended - tick.due for tick in ticks if tick.ended]),
    ):
        print(f"{what:<10} {median_of(late)} after the due time", flush=True)


def nothing_new() -> None:
    with tempfile.TemporaryDirectory() as root:
        seconds(penstock("schedule", "add", "digits", "--every", "1d", "--root", root))
        tick = penstock("schedule", "tick", "digits", "now", "--root", root)
        _, *later = seconds(tick, 1 + ROUNDS)
    print(f"{'nothing new':<11} {median_of(later)}", flush=True)


def main() -> None:
    lateness()
    nothing_new()


if __name__ == "__main__":
    main()
