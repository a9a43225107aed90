"""Record a run in the ledger and in `<root>/runs/<run id>/` while it goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from data.code.user_code import find_user_line
from data.errors import ConfigError, EnvironmentTrouble
from data.files.documents import write_document
from data.files.durable_files import translate_disk_errors
from data.files.private_files import FILE_MODE, make_private, make_private_folder
from pipeline import exit_codes
from pipeline.config.convert import to_plain
from pipeline.config.graph import PipelineConfig
from pipeline.execution.events import (
    RUN_EVENTS,
    Emit,
    Event,
    RunFinished,
    RunPlanned,
    RunSubmitted,
    StepEnded,
    StepProgress,
    StepStarted,
    StepWarning,
    append_event,
)
from pipeline.storage.ledger import Ended, Ledger
from pipeline.storage.pushes import push_right
from pipeline.storage.pushes.push_right import PushRight
from pipeline.storage.run_folder import LOCK, note_traceback, write_traceback
from pipeline.storage.tables import Execution, Run

_UNRECORDED = "the run cannot be recorded"


def make_run(pipeline: PipelineConfig) -> Run:
    """Make the record of a run that begins now; run ids sort by time."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    config = {step.name: to_plain(step.config) for step in pipeline.steps}
    return Run(
        id=f"{stamp}-{pipeline.name}-{secrets.token_hex(2)}",
        pipeline=pipeline.name,
        status="running",
        started=now,
        config={"seed": pipeline.seed, **config},
    )


class RunRecord:
    """Records a run from its start to its end, whether it is done, failed or interrupted.

    Args:
        root: the folder of all that runs write.
        run: a run that begins now, or, with `resume`, one that was submitted before.
        ledger: the ledger of the root.
        on_event: receives each event of the run after it is recorded.
        under: a right to push that the run needs besides its own: that of its schedule.
        resume: the run is in the ledger already.
        patience: seconds to wait for another process that records the same run.
    """

    def __init__(
        self,
        root: Path,
        run: Run,
        ledger: Ledger,
        on_event: Emit,
        *,
        under: PushRight | None = None,
        resume: bool = False,
        patience: float = 0.0,
    ) -> None:
        self.run = run
        self.executions: list[Execution] = []  # of steps that were completed or cached
        self.folder = root / "runs" / run.id
        self.ledger = ledger
        self.right: PushRight  # of a run that begins, from then on
        self._cached: set[str] = set()  # steps by the plan
        self._warnings: set[StepWarning] = set()
        self._pending: list[Ended] = []  # ends of cached steps: the next transaction writes them
        self._on_event = on_event
        self._under = under
        self._resume = resume
        self._patience = patience
        self._lock = FileLock(self.folder / LOCK, mode=FILE_MODE)  # held while this process lives

    def __enter__(self) -> RunRecord:
        with translate_disk_errors(_UNRECORDED):
            make_private_folder(self.folder.parent)
            make_private_folder(self.folder, new=not self._resume)
            try:
                self._lock.acquire(timeout=self._patience)
            except Timeout:
                raise ConfigError(
                    f"another process is attached to the run {self.run.id}",
                    expected="one process at a time",
                    follows="nothing was changed",
                    remedy="press Ctrl-C in that process and detach, or wait until it has ended",
                ) from None
            self._save()
            if not self._resume:
                self.right = PushRight.begin(self.folder / push_right.FILE, self._under)
        if not self._resume:
            self.ledger.start_run(self.run)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is not None:
            with contextlib.suppress(OSError, EnvironmentTrouble):  # `error` came first
                if self._continues_after(error):
                    self._write_pending()
                else:
                    self._fail(error)
        self._lock.release()

    def _continues_after(self, error: BaseException) -> bool:
        """Tell whether the run goes on on a cluster, and only this process ends."""
        if getattr(error, "run_status", None) == "submitted":
            return True
        return type(error) is KeyboardInterrupt and self.run.status == "submitted"

    def _fail(self, error: BaseException) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        status = getattr(error, "run_status", "interrupted" if interrupted else "failed")
        code = exit_codes.map_error(error)
        if status != "unknown":
            with contextlib.suppress(EnvironmentTrouble):  # a worker may go on for all that
                push_right.revoke(self.folder / push_right.FILE, f"it counts as {status}")
        if code == exit_codes.CRASH or (code == exit_codes.BAD_CONFIG and find_user_line(error)):
            write_traceback(self.folder, error)
        else:
            note_traceback(self.folder, error)  # of a worker
        self._end(status=status, exit_code=code)

    def finish(self, verdict: str | None, exit_code: int) -> None:
        """Record that all steps of the run have ended well."""
        self._end(status="completed", verdict=verdict, exit_code=exit_code)

    def cancel(self) -> None:
        """Record that the run has lost its right to push, and that nobody waits for its job."""
        self._end(status="cancelled", exit_code=exit_codes.INTERRUPTED)

    def submit(self) -> None:
        """Record that the run is on a cluster from now on, whatever becomes of this process."""
        self.run = dataclasses.replace(self.run, status="submitted", seconds=None, exit_code=None)
        self._append(RunSubmitted())
        self._save()
        self.ledger.finish_run(self.run)
        self._on_event(RunSubmitted())

    def emit(self, event: Event) -> None:
        """Record an event in the run's folder and in the ledger, and hand it on."""
        line = event
        match event:
            case RunPlanned():
                self._cached = {step.name for step in event.steps if step.cached}
            case StepStarted() if event.step not in self._cached:
                self._write_pending()
            case StepWarning():
                if event in self._warnings:  # a step repeats what was known before it began
                    return
                self._warnings.add(event)
            case StepEnded():
                self._record_end(event)
                # the ledger has both, and for many classes they are long
                line = dataclasses.replace(event, artifacts={}, lineage=())
        if not isinstance(event, StepProgress):
            self._append(line)
        self._on_event(event)

    def _record_end(self, event: StepEnded) -> None:
        self._pending.append((event.execution, event.artifacts, event.lineage))
        if event.step not in self._cached:
            self._write_pending()
        if event.succeeded:
            # a step whose artifact was damaged ends twice
            others = [e for e in self.executions if e.step != event.step]
            self.executions = [*others, event.execution]

    def _write_pending(self) -> None:
        """Write many cached steps in one transaction, which takes longer than all else of them."""
        if self._pending:
            self.ledger.record_all(self._pending)
            self._pending = []

    def _end(self, **changes: Any) -> None:
        self._write_pending()
        seconds = round(time.time() - self.run.started, 3)
        self.run = dataclasses.replace(self.run, seconds=seconds, **changes)
        finished = RunFinished(status=self.run.status, exit_code=self.run.exit_code)
        self._append(finished)
        self._save()
        make_private(self.folder)  # what libraries wrote there, such as TensorBoard's logs
        self.ledger.finish_run(self.run)
        self._on_event(finished)

    def _append(self, event: Event) -> None:
        with translate_disk_errors(_UNRECORDED):
            append_event(self.folder / RUN_EVENTS, event)

    def _save(self) -> None:
        with translate_disk_errors(_UNRECORDED):
            write_document(self.folder / "run.json", dataclasses.asdict(self.run))
