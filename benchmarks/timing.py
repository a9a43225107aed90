"""Time commands as a user runs them, for all benchmarks."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def seconds(command: Sequence[str], times: int = 1) -> list[float]:
    """Measure the wall-clock seconds of whole processes, in order; output is thrown away.

    Raises:
        subprocess.CalledProcessError: the command failed; a figure of a failure is none.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = HOME
    found = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, check=True, env=environment, capture_output=True)
        found.append(time.perf_counter() - started)
    return found


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def penstock(*words: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", *words]


def median_of(found: Sequence[float]) -> str:
    return (
        f"{statistics.median(found):6.2f} s  (of {len(found)}: {min(found):.2f} - {max(found):.2f})"
    )
