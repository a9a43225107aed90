"""Run one step: the only place that calls a component."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.base.durable_files import disk_trouble
from data.errors import ConfigError, EnvironmentTrouble
from pipeline.config.convert import to_plain
from pipeline.config.graph import Step, as_refs
from pipeline.execution.step_log import StepLog
from pipeline.planning.plan import Done, Planned, Workspace, context_of, usable
from pipeline.storage.artifact_store import Sealed
from pipeline.storage.ledger import Execution, Lineage, StepStatus
from pipeline.storage.work_folder import work_folder


def run_next(
    plan: Sequence[Planned], place: int, done: Done, workspace: Workspace, log: StepLog
) -> Execution:
    """Run the step at `place` of a plan whose earlier steps are in `done`, and add it there.

    Raises:
        RightLost: the run was cancelled or taken over; the step has not begun.
        PenstockError: as `run_step`, or a later step sees that it cannot use what was made.
    """
    planned = plan[place]
    workspace.push_right.check()
    log.started(planned.step.name)
    _prepare_next(plan[place:])
    execution, sealed = run_step(planned, done, workspace, log)
    done.add(planned.step, planned.fingerprint, sealed)
    for later in plan[place + 1 :]:
        done.check(later.step)
    return execution


def _prepare_next(plan: Sequence[Planned]) -> None:
    """Let the step after the one that begins start what takes long, if both have work to do."""
    if len(plan) > 1 and not (plan[0].sealed or plan[1].sealed):
        prepare = getattr(plan[1].step.load(), "prepare", None)
        if prepare:
            prepare()


def run_step(
    planned: Planned, done: Done, workspace: Workspace, log: StepLog
) -> tuple[Execution, Sealed]:
    """Reuse or make the step's artifact, and write down what came of it.

    Raises:
        PenstockError: the step cannot go on; nothing is left behind but the log's entry.
        EnvironmentTrouble: the disk is full or not writable.
    """
    step, started = planned.step, time.perf_counter()

    def ended(status: StepStatus, sealed: Sealed | None, error: str | None = None) -> Execution:
        execution = Execution(
            run_id=log.run_id,
            step=step.name,
            component=step.component,
            fingerprint=planned.fingerprint,
            status=status,
            seconds=round(time.perf_counter() - started, 3),
            error=error,
        )
        made = sealed if status == "made" else None
        facts = _facts(made, planned.slot(workspace.root).path)
        log.ended(execution, facts, _lineage(step, done) if made else [], _summary(sealed))
        return execution

    if planned.sealed:
        return ended("reused", planned.sealed), planned.sealed
    try:
        with disk_trouble(f"step {step.name!r} could not write to {workspace.root}"):
            status, sealed = _make(planned, done, workspace, log)
    except BaseException as error:
        with contextlib.suppress(EnvironmentTrouble, OSError):  # of the log: `error` came first
            interrupted = isinstance(error, KeyboardInterrupt)
            words = None if interrupted else f"{type(error).__name__}: {error}"
            ended("interrupted" if interrupted else "failed", None, words)
        raise
    return ended(status, sealed), sealed


def _make(
    planned: Planned, done: Done, workspace: Workspace, log: StepLog
) -> tuple[StepStatus, Sealed]:
    step, slot = planned.step, planned.slot(workspace.root)
    seals = done.seals(step)
    if seals is None:
        raise ConfigError(f"step {step.name!r} is to run before what feeds it")
    forced = "forced" in planned.why
    with slot.held(functools.partial(log.waiting, step.name)):
        waited = None if forced else usable(planned, done, workspace)
        if waited:  # another run made it in the meantime
            return "reused", waited
        folder, started = slot.open(), time.perf_counter()
        try:
            with work_folder(workspace.root, planned.fingerprint, seals, anew=forced) as work_dir:
                context = dataclasses.replace(
                    context_of(workspace, folder),
                    progress=functools.partial(log.progress, step.name),
                    warn=functools.partial(log.warning, step.name),
                    work_dir=work_dir,
                    log_dir=workspace.root / "runs" / log.run_id,
                )
                outputs = step.load().run(done.inputs(step), step.config, context)
                seconds = time.perf_counter() - started
                return "made", slot.seal(outputs, planned.parts, seals, seconds)
        finally:
            slot.discard()


def _summary(sealed: Sealed | None) -> str:
    """What came out, in words; a component of one's own may leave its artifacts without."""
    if sealed is None:
        return ""
    artifacts = (getattr(sealed.outputs, f.name) for f in dataclasses.fields(sealed.outputs))
    return "; ".join(words for a in artifacts if (words := getattr(a, "summary", "")))


def _facts(sealed: Sealed | None, folder: Path) -> dict[str, tuple[str, Any]]:
    """Output -> type and facts, with its path as it lies in the artifact's folder."""
    if sealed is None:
        return {}
    found = {}
    for field_ in dataclasses.fields(sealed.outputs):
        artifact = getattr(sealed.outputs, field_.name)
        facts = {**to_plain(artifact), "path": str(artifact.path.relative_to(folder))}
        found[field_.name] = (type(artifact).__name__, facts)
    return found


def _lineage(step: Step, done: Done) -> list[Lineage]:
    return [
        Lineage(input=name, place=place, source=done.fingerprints[ref], output=ref.output)
        for name, value in step.inputs.items()
        for place, ref in enumerate(as_refs(value))
    ]
