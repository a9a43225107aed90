"""Run one step: the only place that calls a component."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

from data.code.first_party import Code
from data.errors import ConfigError, EnvironmentTrouble
from data.redaction import redact
from pipeline.config.convert import to_plain
from pipeline.config.graph import Step, as_refs
from pipeline.execution.step_errors import told
from pipeline.execution.step_log import StepLog
from pipeline.planning.imported_code import watch_imports
from pipeline.planning.inputs_unchanged import (
    check_outside_data,
    refresh_artifacts,
    set_damaged_aside,
)
from pipeline.planning.plan import (
    PlannedStep,
    ReadySteps,
    Workspace,
    check_foreseen,
    find_cached,
    make_context,
)
from pipeline.storage.artifact_store import Sealed
from pipeline.storage.ledger import Execution, Lineage, StepStatus
from pipeline.storage.work_folder import begin_work


def run_next(
    plan: Sequence[PlannedStep],
    place: int,
    done: ReadySteps,
    workspace: Workspace,
    log: StepLog,
    because: str = "",
) -> Execution:
    """Run the step at `place` of a plan whose earlier steps are in `done`, and add it there.

    What it is to consume is read first: an artifact that is damaged is made again, and whatever
    was made of it, unless it comes out the same. `because` says of such a step why it runs.

    Raises:
        RightLost: the run was cancelled or taken over; the step has not begun.
        ConfigError: before anything has run, a step sees that it would fail.
        PenstockError: as `run_step`, or a later step sees that it cannot use what was made.
    """
    planned = plan[place]
    workspace.push_right.check()
    if not planned.sealed and all(before.sealed for before in plan[:place]):  # nothing ran yet
        for name, words in check_foreseen(plan, [p.step.name for p in plan[place:]], thorough=True):
            log.warning(name, words)
    forced = "forced" in planned.why
    if not planned.sealed and (forced or not find_cached(planned, done, workspace, Code())):
        _make_damaged_again(plan[: place + 1], done, workspace, log)
    log.started(planned.step.name)
    _prepare_next(plan[place:])
    execution, sealed = run_step(planned, done, workspace, log, because)
    done.add(planned.step, planned.fingerprint, sealed)
    for later in plan[place + 1 :]:
        done.check(later.step)
    return execution


def _make_damaged_again(
    plan: Sequence[PlannedStep], done: ReadySteps, workspace: Workspace, log: StepLog
) -> None:
    """See `run_next`; the plan ends with the step that is to run."""
    *earlier, last = plan
    damaged = set_damaged_aside(last.step, done)
    for place, planned in enumerate(earlier):
        because = damaged.get(planned.step.name)
        sealed = done.sealed[planned.step.name]
        if not because and sealed and sealed.upstream != done.seals(planned.step):
            because = "what feeds it was damaged"
        if damaged and because:
            again = [*plan[:place], dataclasses.replace(planned, sealed=None), *plan[place + 1 :]]
            run_next(again, place, done, workspace, log, because)


def _prepare_next(plan: Sequence[PlannedStep]) -> None:
    """Let the step after the one that begins start what takes long, if both have work to do."""
    if len(plan) > 1 and not (plan[0].sealed or plan[1].sealed):
        prepare = getattr(plan[1].step.load(), "prepare", None)
        if prepare:
            prepare()


def run_step(
    planned: PlannedStep, done: ReadySteps, workspace: Workspace, log: StepLog, because: str = ""
) -> tuple[Execution, Sealed]:
    """Reuse or make the step's artifact, and write down what came of it, and `because` of what.

    Raises:
        PenstockError: the step cannot go on; nothing is left behind but the log's entry.
        EnvironmentTrouble, StepError, RuntimeError: as `step_errors.told`.
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
        lineage = _lineage(step, done) if sealed else []
        summary = "; ".join(words for words in (because, _summary(sealed)) if words)
        log.ended(execution, _facts(sealed), lineage, summary)
        return execution

    if planned.sealed and planned.sealed.upstream == done.seals(step):
        return ended("reused", planned.sealed), planned.sealed
    try:
        with told(step.name, workspace):
            status, sealed = _make(planned, done, workspace, log)
    except BaseException as error:
        with contextlib.suppress(EnvironmentTrouble, OSError):  # of the log: `error` came first
            interrupted = isinstance(error, KeyboardInterrupt)
            words = None if interrupted else redact(f"{type(error).__name__}: {error}")
            ended("interrupted" if interrupted else "failed", None, words)
        raise
    return ended(status, sealed), sealed


def _make(
    planned: PlannedStep, done: ReadySteps, workspace: Workspace, log: StepLog
) -> tuple[StepStatus, Sealed]:
    step, slot = planned.step, planned.slot(workspace.root)
    seals = done.seals(step)
    if seals is None:
        raise ConfigError(f"step {step.name!r} is to run before what feeds it")
    forced = "forced" in planned.why
    with slot.acquire(functools.partial(log.waiting, step.name)):
        waited = None if forced else find_cached(planned, done, workspace, Code())
        if waited:  # another run made it in the meantime
            return "reused", waited
        if slot.find_damage(step.load().Outputs):
            slot.set_aside()
        folder, started = slot.open(), time.perf_counter()
        try:
            with (
                begin_work(workspace.root, planned.fingerprint, seals, restart=forced) as work_dir,
                watch_imports(step, planned.parts["code"]) as imports,
            ):
                context = dataclasses.replace(
                    make_context(workspace, folder),
                    progress=functools.partial(log.progress, step.name),
                    warn=functools.partial(log.warning, step.name),
                    work_dir=work_dir,
                    log_dir=workspace.root / "runs" / log.run_id,
                )
                outputs = step.load().run(done.inputs(step), step.config, context)
                seconds = time.perf_counter() - started
                imported = imports.digests()  # raises where code is not what the plan looked at
                check_outside_data(planned, workspace)
                sealed = slot.seal(outputs, planned.parts, seals, seconds, imported)
                refresh_artifacts(step, done)
                return "made", sealed
        finally:
            slot.discard()


def _summary(sealed: Sealed | None) -> str:
    """What came out, in words; a component of one's own may leave its artifacts without."""
    if sealed is None:
        return ""
    artifacts = (getattr(sealed.outputs, f.name) for f in dataclasses.fields(sealed.outputs))
    return "; ".join(words for a in artifacts if (words := getattr(a, "summary", "")))


def _facts(sealed: Sealed | None) -> dict[str, tuple[str, Any]]:
    """Output -> type and facts, with its path as it lies in the artifact's folder."""
    if sealed is None:
        return {}
    found = {}
    for field_ in dataclasses.fields(sealed.outputs):
        artifact = getattr(sealed.outputs, field_.name)
        facts = {**to_plain(artifact), "path": str(artifact.path.relative_to(sealed.path))}
        found[field_.name] = (type(artifact).__name__, facts)
    return found


def _lineage(step: Step, done: ReadySteps) -> list[Lineage]:
    return [
        Lineage(input=name, place=place, source=done.fingerprints[ref], output=ref.output)
        for name, value in step.inputs.items()
        for place, ref in enumerate(as_refs(value))
    ]
