"""What a worker says of a submitted run: lines of JSON in the run's folder, read as they come.

A worker has no ledger. It writes `<root>/runs/<run id>/journal.jsonl`; the submitting side, now or
later, reads it and enters the same in the ledger.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import PenstockError, PushRightLost, deserialize_error, serialize_error
from data.files.documents import add_schema_number, check_schema
from data.files.private_files import open_private
from data.redaction import redact
from pipeline.execution.step_log import StepLog
from pipeline.storage.tables import Execution, Lineage

_FILE = "journal.jsonl"
_PROGRESS_EVERY = 0.5  # seconds between two lines of progress
_POLL = 0.2  # seconds between two looks for new lines


class Journal:
    """A `StepLog` on a worker."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.run_id = run_id
        self._file = folder / _FILE
        self._last_progress = 0.0

    def started(self, step: str) -> None:
        self._write("started", step=step)

    def progress(
        self, step: str, done: float, total: float | None = None, detail: str = ""
    ) -> None:
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_EVERY:
            self._last_progress = now
            self._write("progress", step=step, done=done, total=total, detail=detail)

    def waiting(self, step: str) -> None:
        self._write("waiting", step=step)

    def warning(self, step: str, words: str) -> None:
        self._write("warning", step=step, words=words)

    def ended(
        self,
        execution: Execution,
        artifacts: Mapping[str, tuple[str, Any]],
        lineage: Sequence[Lineage],
        summary: str,
    ) -> None:
        self._write(
            "ended",
            execution=dataclasses.asdict(execution),
            artifacts=dict(artifacts),
            lineage=[dataclasses.asdict(link) for link in lineage],
            summary=summary,
        )

    def failed(self, error: PenstockError) -> None:
        """The run cannot go on, for a reason that the submitting side shall show."""
        self._write("failed", error=serialize_error(error))

    def _write(self, event: str, **facts: Any) -> None:
        entry = add_schema_number(_FILE, {"time": time.time(), "event": event, **facts})
        line = redact(json.dumps(entry)) + "\n"
        # one write: lines do not mix
        with open_private(self._file, "a", encoding="utf-8") as file:
            file.write(line)


class JournalReader:
    """Passes on to another log what a journal says, each line once."""

    def __init__(self, folder: Path, log: StepLog) -> None:
        self._file = folder / _FILE
        self._log = log
        self._read = 0  # bytes
        self.settled: set[str] = set()  # steps whose artifact is there
        self.error: PenstockError | None = None  # why the last attempt ended

    @property
    def begun(self) -> bool:
        """Whether any worker has written a line."""
        return self._file.is_file()

    def pass_on(self) -> None:
        """Read what is new; a line that is not yet whole waits.

        A runner may try a step again: what counts is the first time that it came to something, and
        whenever it was made, as where its artifact proved to be damaged.
        """
        if not self.begun:
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._enter(check_schema(_FILE, json.loads(line), self._file))

    def _enter(self, entry: dict[str, Any]) -> None:
        event = entry["event"]
        if event == "failed":
            error = deserialize_error(entry["error"])
            if not isinstance(
                error, PushRightLost
            ):  # another attempt is at work, or all is cancelled
                self.error = error
        elif event == "ended":
            execution = Execution(**entry["execution"])
            self.error = None if execution.status in ("completed", "cached") else self.error
            if execution.step not in self.settled or execution.status == "completed":
                lineage = [Lineage(**link) for link in entry["lineage"]]
                artifacts = {
                    name: (kind, facts) for name, (kind, facts) in entry["artifacts"].items()
                }
                self._log.ended(execution, artifacts, lineage, entry["summary"])
                if execution.status in ("completed", "cached"):
                    self.settled.add(execution.step)
        elif entry["step"] in self.settled:
            pass
        elif event == "progress":
            self._log.progress(entry["step"], entry["done"], entry["total"], entry["detail"])
        elif event == "warning":
            self._log.warning(entry["step"], entry["words"])
        else:
            getattr(self._log, event)(entry["step"])


@contextlib.contextmanager
def passed_on(reader: JournalReader) -> Iterator[None]:
    """Pass on what comes while the block runs, and at its end what is left, however it ends."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL):
            reader.pass_on()

    watcher = threading.Thread(target=watch, name="journal", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        reader.pass_on()
