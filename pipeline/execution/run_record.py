"""A run as it goes: in the ledger, in `<root>/runs/<run id>/`, and before a watcher's eyes."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from data.code.own_code import own_place
from data.errors import ConfigError, EnvironmentTrouble
from data.files.documents import write_document
from data.files.durable_files import disk_trouble
from data.files.private_files import FILE_MODE, make_private, private_folder
from pipeline import exit_codes
from pipeline.config.convert import to_plain
from pipeline.config.graph import PipelineConfig
from pipeline.execution.watcher import Watcher
from pipeline.planning.plan import PlannedStep
from pipeline.storage.ledger import Ended, Execution, Ledger, Lineage, Run
from pipeline.storage.pushes import push_right
from pipeline.storage.pushes.push_right import PushRight
from pipeline.storage.run_folder import LOCK, append_event, note_traceback, write_traceback

_UNRECORDED = "the run cannot be recorded"


def new_run(pipeline: PipelineConfig) -> Run:
    """A run that begins now; its id sorts by time."""
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
    """Entered at the start, finished whatever happens: done, failed, or interrupted.

    Args:
        root: of all that runs write.
        run: that begins now, or, `again`, one that was submitted and that somebody looks after.
        ledger: of the root.
        watcher: who is told as well.
        under: a right to push that the run needs besides its own: that of its schedule.
        again: the run is in the ledger already.
        patience: seconds for another process that looks after the run to end.
    """

    def __init__(
        self,
        root: Path,
        run: Run,
        ledger: Ledger,
        watcher: Watcher,
        *,
        under: PushRight | None = None,
        again: bool = False,
        patience: float = 0.0,
    ) -> None:
        self.run = run
        self.executions: list[Execution] = []  # of steps that were made or reused
        self._cached: set[str] = set()  # steps by the plan
        self._warnings: set[tuple[str, str]] = set()
        self._unentered: list[Ended] = []  # what cached steps came to: entered with what follows
        self._folder = root / "runs" / run.id
        self.ledger = ledger
        self._watcher = watcher
        self._under = under
        self._again = again
        self._patience = patience
        self.right: PushRight  # of a run that begins, from then on
        self._lock = FileLock(self._folder / LOCK, mode=FILE_MODE)  # held while this process lives

    def __enter__(self) -> RunRecord:
        with disk_trouble(_UNRECORDED):
            private_folder(self._folder.parent)
            private_folder(self._folder, new=not self._again)
            try:
                self._lock.acquire(timeout=self._patience)
            except Timeout:
                raise ConfigError(
                    f"another process looks after the run {self.run.id}",
                    expected="one at a time",
                    remedy="end that one with Ctrl-C and detach, or wait for it",
                ) from None
            self._save()
            if not self._again:
                self.right = PushRight.begin(self._folder / push_right.FILE, self._under)
        if not self._again:
            self.ledger.start_run(self.run)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is not None:
            with contextlib.suppress(OSError, EnvironmentTrouble):  # `error` came first
                if self._goes_on(error):
                    self._enter_ended()
                else:
                    self._fail(error)
        self._lock.release()

    def _goes_on(self, error: BaseException) -> bool:
        """Whether the run lives on a cluster, and only this process ends."""
        if getattr(error, "run_status", None) == "submitted":
            return True
        return type(error) is KeyboardInterrupt and self.run.status == "submitted"

    def _fail(self, error: BaseException) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        status = getattr(error, "run_status", "interrupted" if interrupted else "failed")
        code = exit_codes.of_error(error)
        if status != "unknown":
            with contextlib.suppress(EnvironmentTrouble):  # a worker may go on for all that
                push_right.revoke(self._folder / push_right.FILE, f"it counts as {status}")
        if code == exit_codes.CRASH or (code == exit_codes.BAD_CONFIG and own_place(error)):
            write_traceback(self._folder, error)
        else:
            note_traceback(self._folder, error)  # of a worker
        self._end(status=status, exit_code=code)

    def finish(self, verdict: str | None, exit_code: int) -> None:
        self._end(status="done", verdict=verdict, exit_code=exit_code)

    def cancelled(self) -> None:
        """The run has lost its right to push, and nobody waits for its job."""
        self._end(status="cancelled", exit_code=exit_codes.INTERRUPTED)

    def submitted(self) -> None:
        """The run lives on a cluster from now on, whatever becomes of this process."""
        self.run = dataclasses.replace(self.run, status="submitted", seconds=None, exit_code=None)
        self._event("submitted")
        self._save()
        self.ledger.finish_run(self.run)

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def run_id(self) -> str:
        return self.run.id

    def planned(self, plan: Sequence[PlannedStep]) -> None:
        self._cached = {p.step.name for p in plan if p.sealed}
        steps = {p.step.name: p.fingerprint for p in plan}
        self._event("planned", steps=steps, reuse=[p.step.name for p in plan if p.sealed])
        self._watcher.planned(self.run.id, plan)

    def job(self, state: str, url: str | None) -> None:
        self._event("job", state=state)
        self._watcher.job(state, url)

    def started(self, step: str) -> None:
        if step not in self._cached:
            self._enter_ended()
        self._event("started", step=step)
        self._watcher.started(step)

    def progress(
        self, step: str, done: float, total: float | None = None, detail: str = ""
    ) -> None:
        self._watcher.progress(step, done, total, detail)

    def waiting(self, step: str) -> None:
        self._event("waiting", step=step)
        self._watcher.waiting(step)

    def warning(self, step: str, words: str) -> None:
        if (step, words) not in self._warnings:  # a step says again what was known before it began
            self._warnings.add((step, words))
            self._event("warning", step=step, words=words)
            self._watcher.warning(step, words)

    def ended(
        self,
        execution: Execution,
        artifacts: Mapping[str, tuple[str, Any]],
        lineage: Sequence[Lineage],
        summary: str,
    ) -> None:
        self._unentered.append((execution, artifacts, lineage))
        if execution.step not in self._cached:
            self._enter_ended()
        if execution.status in ("made", "reused"):
            # a step whose artifact proved to be damaged comes twice
            before = [e for e in self.executions if e.step != execution.step]
            self.executions = [*before, execution]
        self._event("ended", **dataclasses.asdict(execution), summary=summary)
        self._watcher.ended(execution, summary)

    def _enter_ended(self) -> None:
        """A transaction for many cached steps: each takes longer than all else of such a step."""
        if self._unentered:
            self.ledger.record_all(self._unentered)
            self._unentered = []

    def _end(self, **changes: Any) -> None:
        self._enter_ended()
        seconds = round(time.time() - self.run.started, 3)
        self.run = dataclasses.replace(self.run, seconds=seconds, **changes)
        self._event("finished", status=self.run.status, exit_code=self.run.exit_code)
        self._save()
        make_private(self._folder)  # what libraries wrote there, such as TensorBoard's logs
        self.ledger.finish_run(self.run)

    def _event(self, kind: str, **facts: Any) -> None:
        with disk_trouble(_UNRECORDED):
            append_event(self._folder, kind, **facts)

    def _save(self) -> None:
        with disk_trouble(_UNRECORDED):
            write_document(self._folder / "run.json", dataclasses.asdict(self.run))
