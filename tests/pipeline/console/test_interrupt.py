"""Ctrl-C, for real: a process and a signal; how soon it ends is measured in benchmarks/."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import exit_codes
from pipeline.console.interrupt import SIGNALS
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

LOADS = """
import time
from importlib.machinery import ExtensionFileLoader
from pipeline.console.interrupt import promptly

class Loader(ExtensionFileLoader):
    def load(self):
        print("ready", flush=True)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            time.sleep(0.01)
        print("loaded", flush=True)

with promptly():
    try:
        Loader("native", "native.so").load()
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", SIGNALS)
def test_a_main_thread_that_does_not_hear_is_ended_all_the_same(number):
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == exit_codes.INTERRUPTED
    assert b"interrupted" in errors


@pytest.mark.parametrize("number", SIGNALS)
def test_native_code_is_loaded_to_its_end_before_python_raises(number):
    """Else TensorFlow's ends the process: pybind11 lets no KeyboardInterrupt through."""
    process = subprocess.Popen([sys.executable, "-c", LOADS], cwd=HOME, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    printed, _ = process.communicate()
    assert printed.splitlines() == [b"loaded", b"interrupted"]
    assert process.returncode == 0


OUTLIVES = """
import sys
from pipeline.console.interrupt import promptly
with promptly():
    print("ready", flush=True)
    print("heard", sys.stdin.readline(), flush=True)
"""


@pytest.mark.parametrize("nohup", [True, False])
def test_who_was_told_to_outlive_its_terminal_does(nohup):
    process = subprocess.Popen(
        [*(["nohup"] if nohup else []), sys.executable, "-c", OUTLIVES],
        cwd=HOME,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    printed, errors = process.communicate(b"again")
    assert (b"heard again" in printed) == nohup
    assert (b"KeyboardInterrupt" in errors) != nohup


@pytest.mark.slow
@pytest.mark.parametrize("step", ["ingest", "normalize", "train", "evaluate", "export"])
def test_ctrl_c_in_any_step_and_the_next_run_goes_on(step, tmp_path, finished_digits, wait_until):
    """Interrupt in the midst of a step; what was whole before is reused afterwards."""
    for pause in (1.5, 0.3, 0.0):  # a fast machine may have ended the step: then sooner
        root = finished_digits(until_before=step, at=tmp_path / f"root {pause}")
        code, errors = interrupt_in(step, root, pause, wait_until)
        with Ledger(root) as ledger:
            executions = ledger.executions(ledger.runs()[0].id)
        if step not in {e.step for e in executions if e.status == "completed"}:
            break
    else:
        pytest.fail(f"{step} ended before the signal: {errors}")
    assert code == exit_codes.INTERRUPTED, errors
    lines = [line for line in errors.splitlines() if "interrupted" in line]
    assert len([line for line in lines if "continues" in line]) == 1
    assert "Traceback" not in errors


def interrupt_in(
    step: str, root: Path, pause: float, wait_until: Callable[..., None]
) -> tuple[int, str]:
    """Interrupt a run so long after a step began; its exit code and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "digits", "--root", str(root)],
        cwd=HOME,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    begun = f'"event": "started", "step": "{step}"'
    wait_until(
        lambda: any(begun in path.read_text() for path in root.glob("runs/*/events.jsonl")),
        f"the beginning of {step}",
    )
    time.sleep(pause)  # in the midst of it: an import, a pipeline, a fit
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    # A child hears of its parent's end a moment later.
    wait_until(lambda: group_is_empty(process.pid), "the end of its children")
    return process.returncode, errors.decode()
