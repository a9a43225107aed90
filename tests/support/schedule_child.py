"""The child process of a daemon under test: works a while under the lock, and ends its tick.

`python schedule_child.py SECONDS NAME ID --root ROOT`. It notes beside the ledger when it
began and ended, for the test to hold against the ledger.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.lock import hold_lock

parser = argparse.ArgumentParser()
parser.add_argument("seconds", type=float)
parser.add_argument("name")
parser.add_argument("tick_id", type=int)
parser.add_argument("--root", type=Path)
args = parser.parse_args()


def note(what: str) -> None:
    line = f"{what} {args.name} {args.tick_id} {os.getpid()} {time.monotonic()}\n"
    with (args.root / "notes").open("a") as file:
        file.write(line)


def leave(*_: object) -> None:
    note("interrupted")
    sys.exit(130)


signal.signal(signal.SIGTERM, leave)
with hold_lock(args.root, args.name) as held:
    assert held, "a daemon hands its lock on"
    note("began")
    store = ScheduleStore(args.root)
    tick = store.tick(args.tick_id)
    assert tick is not None
    assert tick.outcome is None
    assert tick.attempts >= 1
    time.sleep(args.seconds)
    note("ended")
    store.finish(
        tick, outcome="completed", verdict="passed", run_id=f"{args.tick_id}", now=time.time()
    )
