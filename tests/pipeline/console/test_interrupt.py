"""Ctrl-C, for real: a process, a signal, a stopwatch that only bounds a hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import exit_codes
from pipeline.storage.ledger import Ledger

HOME = Path(__file__).parents[3]
STUCK = """
import time
from pipeline.console.interrupt import promptly
with promptly():
    for again in range(9):
        try:
            if not again:
                print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass  # as native code that does not come back
"""


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_main_thread_that_does_not_hear_is_ended_all_the_same(number):
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == exit_codes.INTERRUPTED
    assert b"interrupted" in errors


@pytest.mark.slow
@pytest.mark.parametrize("step", ["ingest", "normalize", "train", "evaluate", "export"])
def test_ctrl_c_in_any_step_and_the_next_run_goes_on(step, tmp_path, finished_digits):
    """Interrupt as soon as the step has begun; what was whole before is reused afterwards."""
    root = finished_digits(until_before=step, at=tmp_path / "root")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "digits", "--root", str(root)],
        cwd=HOME,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for_event(root, f'"event": "started", "step": "{step}"')
    time.sleep(1.5)  # in the midst of it: an import, a pipeline, a fit
    interrupted = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - interrupted < 10  # a hang; what it takes is measured in benchmarks/
    lines = [line for line in errors.decode().splitlines() if "interrupted" in line]
    if process.returncode == exit_codes.DONE:
        pytest.fail(f"{step} ended before the signal: {errors.decode()}")
    assert process.returncode == exit_codes.INTERRUPTED
    assert len([line for line in lines if "goes on" in line]) == 1
    assert "Traceback" not in errors.decode()
    deadline = time.monotonic() + 5
    while not group_is_empty(process.pid):  # a child hears of its parent's end a moment later
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with Ledger(root) as ledger:
        assert step not in {
            e.step for e in ledger.executions(ledger.runs()[0].id) if e.status == "made"
        }


def wait_for_event(root: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for events in root.glob("runs/*/events.jsonl"):
            if text in events.read_text():
                return
        time.sleep(0.05)
    pytest.fail(f"never saw {text}")
