"""Carry events from a run's workers, which have no ledger, to the process that started the run.

A worker appends its events to `<root>/runs/<run id>/worker_events.jsonl`. The submitting process
reads the file while it grows, or `penstock attach` does so later, and emits the same events again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from data.errors import PenstockError, PushRightLost, deserialize_error
from pipeline.execution.events import (
    AttemptFailed,
    Emit,
    Event,
    StepEnded,
    StepProgress,
    append_event,
    read_event,
)

WORKER_EVENTS = "worker_events.jsonl"
_PROGRESS_EVERY = 0.5  # seconds between two lines of progress
_POLL = 0.2  # seconds between two looks for new lines


class WorkerEvents:
    """Writes the events of a worker."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / WORKER_EVENTS
        self._last_progress = 0.0

    def emit(self, event: Event) -> None:
        """Append an event; of progress, two a second at most."""
        if isinstance(event, StepProgress):
            now = time.monotonic()
            if now - self._last_progress < _PROGRESS_EVERY:
                return
            self._last_progress = now
        append_event(self._file, event)


class WorkerEventsReader:
    """Emits the events of a run's workers, each once."""

    def __init__(self, folder: Path, emit: Emit) -> None:
        self._file = folder / WORKER_EVENTS
        self._emit = emit
        self._offset = 0  # bytes that were read
        self.completed: set[str] = set()  # steps whose artifact is there
        self.error: PenstockError | None = None  # why the last attempt ended

    @property
    def has_events(self) -> bool:
        """Tell whether any worker has written a line."""
        return self._file.is_file()

    def emit_new(self) -> None:
        """Emit the events of all lines that are new and whole.

        A runner may repeat a step. What counts is the first time that it is completed, and each
        time that its artifact was made, for instance because the first one was damaged.
        """
        if not self.has_events:
            return
        with self._file.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._handle(read_event(line, self._file))

    def _handle(self, event: Event) -> None:
        if isinstance(event, AttemptFailed):
            error = deserialize_error(event.error)
            # without the right to push, another attempt is at work, or all is cancelled
            if not isinstance(error, PushRightLost):
                self.error = error
        elif isinstance(event, StepEnded):
            self._handle_end(event)
        elif getattr(event, "step", None) not in self.completed:
            self._emit(event)

    def _handle_end(self, event: StepEnded) -> None:
        if event.succeeded:
            self.error = None
        if event.step in self.completed and event.execution.status != "completed":
            return
        self._emit(event)
        if event.succeeded:
            self.completed.add(event.step)


@contextlib.contextmanager
def forward_events(reader: WorkerEventsReader) -> Iterator[None]:
    """Emit the workers' events while the block runs, and the rest of them when it ends."""
    ended = threading.Event()

    def poll() -> None:
        while not ended.wait(_POLL):
            reader.emit_new()

    thread = threading.Thread(target=poll, name="worker events", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        reader.emit_new()
