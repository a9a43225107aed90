"""Measure the seconds from Ctrl-C to the process's end: `python benchmarks/interrupt.py`.

Goal: <= 3 s. A signal is sent a random moment after a step has begun, some times for each step.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from timing import HOME, penstock, seconds

TIMES = 4
STEPS = ("ingest", "normalize", "train", "evaluate", "export")


def interrupted(root: Path, step: str, after: float) -> float | None:
    """Run, interrupt `after` seconds into the step; None if the run ended before."""
    process = subprocess.Popen(
        penstock("run", "digits", "--root", str(root)),
        env={**os.environ, "PYTHONPATH": HOME},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    begun = f'"event": "started", "step": "{step}"'
    while not any(begun in f.read_text() for f in root.glob("runs/*/events.jsonl")):
        time.sleep(0.02)
    time.sleep(after)
    sent = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)
    return time.perf_counter() - sent if process.wait() == 130 else None


def main() -> None:
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "whole")
        seconds(penstock("run", "digits", "--root", str(whole)))
        for place, step in enumerate(STEPS):
            found = []
            for number in range(TIMES):
                root = Path(folder, f"{step}-{number}")
                shutil.copytree(whole, root, ignore=shutil.ignore_patterns("runs", *STEPS[place:]))
                (root / "runs").mkdir()
                took = interrupted(root, step, rng.uniform(0, 3))
                found.append("ended before" if took is None else f"{took:.2f} s")
            print(f"{step:<10} {', '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
