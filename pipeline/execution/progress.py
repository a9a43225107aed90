"""Show the progress of a run that Python code started: lines on stderr, or a display in Jupyter."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from data.base.visible_text import escape_controls
from pipeline.execution.events import (
    Emit,
    Event,
    JobStateChanged,
    RunFinished,
    RunPlanned,
    StepEnded,
    StepProgress,
    StepStarted,
    StepWaiting,
    StepWarning,
)

_LINES_EVERY = 10.0  # seconds between two lines of a step's progress
_UPDATES_EVERY = 0.5  # seconds between two updates of a display in Jupyter


def with_progress(on_event: Emit) -> Emit:
    """Return a function that shows each event of one run and then hands it to `on_event`."""
    display = ProgressDisplay()

    def emit(event: Event) -> None:
        display.emit(event)
        on_event(event)

    return emit


class ProgressDisplay:
    """Shows one line for each event of a run; in Jupyter, a step's progress replaces its line."""

    def __init__(self) -> None:
        self._jupyter = _open_jupyter_display()
        self._lines: list[str] = []
        self._width = 0
        self._last_progress = 0.0

    def emit(self, event: Event) -> None:
        """Show an event."""
        match event:
            case RunPlanned():
                self._width = max(len(step.name) for step in event.steps)
                to_run = sum(not step.cached for step in event.steps)
                cached = len(event.steps) - to_run
                self._show(f"run {event.run_id}, steps to run: {to_run}, cached: {cached}")
            case StepStarted():
                self._last_progress = time.monotonic()
            case StepProgress():
                self._show_progress(event)
            case StepWaiting():
                self._show(self._line("…", event.step, "waits for another run that makes it"))
            case StepWarning():
                self._show(self._line("!", event.step, f"warning: {event.message}"))
            case JobStateChanged():
                self._show(f"… job {event.state.lower()}")
            case StepEnded():
                self._show_end(event)
            case RunFinished():
                self._show(f"run {event.status}")

    def _line(self, mark: str, step: str, text: str) -> str:
        return f"{mark} {step:<{self._width}}  {text}"

    def _show_progress(self, event: StepProgress) -> None:
        every = _UPDATES_EVERY if self._jupyter else _LINES_EVERY
        if time.monotonic() - self._last_progress < every:
            return
        self._last_progress = time.monotonic()
        share = f"{event.done / event.total:4.0%}  " if event.total else ""
        line = self._line("…", event.step, f"{share}{event.detail}")
        if self._jupyter:
            self._update([*self._lines, line])
        else:
            self._show(line)

    def _show_end(self, event: StepEnded) -> None:
        execution = event.execution
        mark = "✓" if event.succeeded else "✗"
        text = f"{execution.status}, {execution.seconds:.1f} s  {event.summary}"
        self._show(self._line(mark, event.step, text.rstrip()))

    def _show(self, line: str) -> None:
        self._lines.append(line)
        if self._jupyter:
            self._update(self._lines)
        else:
            print(escape_controls(line), file=sys.stderr)

    def _update(self, lines: list[str]) -> None:
        self._jupyter.update({"text/plain": "\n".join(map(escape_controls, lines))}, raw=True)


def _open_jupyter_display() -> Any:
    """Open an output of the current cell that can be updated; None outside of Jupyter."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    display: Any = importlib.import_module("IPython.display")
    return display.display({"text/plain": ""}, raw=True, display_id=True)
