"""Run the steps of a plan: the only module that calls a component."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.context import Context
from data.code.first_party import Code
from data.errors import ConfigError, EnvironmentTrouble
from data.redaction import redact
from pipeline.config.convert import to_plain
from pipeline.config.graph import Step, as_refs
from pipeline.execution.events import (
    Emit,
    StepEnded,
    StepProgress,
    StepStarted,
    StepWaiting,
    StepWarning,
)
from pipeline.execution.step_errors import translate_errors
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
    check_expected,
    find_cached,
    make_context,
)
from pipeline.storage.artifact_store import Sealed
from pipeline.storage.pushes.push_right import PushRight
from pipeline.storage.tables import Execution, Lineage, StepStatus
from pipeline.storage.work_folder import begin_work

_INPUTS_CHANGED = "its inputs changed"  # while the run went on: the plan had the step as cached


@dataclass(frozen=True, kw_only=True)
class ActiveRun:
    """A run that is going on: where it works, whether it may push, and who receives its events."""

    id: str
    workspace: Workspace
    push_right: PushRight
    emit: Emit

    def warn(self, step: str, message: str) -> None:
        self.emit(StepWarning(step=step, message=message))


def run_next(
    plan: Sequence[PlannedStep],
    index: int,
    done: ReadySteps,
    run: ActiveRun,
    why: tuple[str, ...] = (),
) -> None:
    """Run the step at `index` of a plan whose earlier steps are in `done`, and add it there.

    The artifacts that the step will read are verified first. A damaged one is made again, and so
    is what was made from it, unless the result is the same.

    Args:
        plan: all steps up to the last one that is to run.
        index: of the step.
        done: the steps before it.
        run: the run that it belongs to.
        why: the reasons for which it runs, if they are not those of the plan.

    Raises:
        PushRightLost: the run was cancelled or taken over; the step has not begun.
        ConfigError: a step finds, before anything has run, that it would fail.
        PenstockError: as `run_step`, or a later step finds that it cannot use the new artifact.
    """
    planned = plan[index]
    run.push_right.check()
    if not planned.sealed and all(before.sealed for before in plan[:index]):  # nothing ran yet
        later = [p.step.name for p in plan[index:]]
        for name, message in check_expected(plan, later, thorough=True):
            run.warn(name, message)
    forced = "forced" in planned.why
    if not planned.sealed and (forced or not find_cached(planned, done, run.workspace, Code())):
        _make_damaged_again(plan[: index + 1], done, run)
    run.emit(StepStarted(step=planned.step.name))
    _prepare_next(plan[index:])
    sealed = run_step(planned, done, run, why)
    done.add(planned.step, planned.fingerprint, sealed)
    for after in plan[index + 1 :]:
        done.check(after.step)


def _make_damaged_again(plan: Sequence[PlannedStep], done: ReadySteps, run: ActiveRun) -> None:
    """Make again the damaged artifacts that the last step of `plan` reads; see `run_next`."""
    *earlier, last = plan
    damages = set_damaged_aside(last.step, done)
    for index, planned in enumerate(earlier):
        damage = damages.get(planned.step.name)
        sealed = done.sealed[planned.step.name]
        if not damage and sealed and sealed.upstream != done.seals(planned.step):
            damage = "its input was damaged"
        if damages and damage:
            again = [*plan[:index], dataclasses.replace(planned, sealed=None), *plan[index + 1 :]]
            run_next(again, index, done, run, (damage,))


def _prepare_next(plan: Sequence[PlannedStep]) -> None:
    """Let the step after the one that begins start what takes long, if both have work to do."""
    if len(plan) > 1 and not (plan[0].sealed or plan[1].sealed):
        prepare = getattr(plan[1].step.load(), "prepare", None)
        if prepare:
            prepare()


def run_step(
    planned: PlannedStep, done: ReadySteps, run: ActiveRun, why: tuple[str, ...] = ()
) -> Sealed:
    """Take the step's artifact from the cache or make it, and emit how the step ended.

    `why` are the reasons for which it runs, if they are not those of the plan.

    Raises:
        PenstockError: the step cannot go on; nothing is left behind but the event.
        EnvironmentTrouble, StepError, RuntimeError: as `step_errors.translate_errors`.
    """
    step, started = planned.step, time.perf_counter()

    def end(status: StepStatus, sealed: Sealed | None, error: str | None = None) -> None:
        execution = Execution(
            run_id=run.id,
            step=step.name,
            component=step.component,
            fingerprint=planned.fingerprint,
            status=status,
            seconds=round(time.perf_counter() - started, 3),
            error=error,
        )
        run.emit(
            StepEnded(
                execution=execution,
                artifacts=_collect_facts(sealed),
                lineage=_collect_lineage(step, done) if sealed else (),
                why=() if status == "cached" else why or planned.why or (_INPUTS_CHANGED,),
                summary=_join_summaries(sealed),
            )
        )

    if planned.sealed and planned.sealed.upstream == done.seals(step):
        end("cached", planned.sealed)
        return planned.sealed
    try:
        with translate_errors(step.name, run.workspace):
            status, sealed = _make(planned, done, run)
    except BaseException as error:
        with contextlib.suppress(EnvironmentTrouble, OSError):  # of the record: `error` came first
            interrupted = isinstance(error, KeyboardInterrupt)
            message = None if interrupted else redact(f"{type(error).__name__}: {error}")
            end("interrupted" if interrupted else "failed", None, message)
        raise
    end(status, sealed)
    return sealed


def _make(planned: PlannedStep, done: ReadySteps, run: ActiveRun) -> tuple[StepStatus, Sealed]:
    step, workspace = planned.step, run.workspace
    slot, seals = planned.slot(workspace.root), done.seals(step)
    if seals is None:
        raise ConfigError(
            f"the step {step.name!r} cannot run before the steps that it needs",
            expected="the artifacts of its inputs in the root",
            got="one or more that are missing",
            remedy=f"list the steps that {step.name!r} needs before it in the pipeline",
        )
    forced = "forced" in planned.why
    with slot.acquire(lambda: run.emit(StepWaiting(step=step.name))):
        made_meanwhile = None if forced else find_cached(planned, done, workspace, Code())
        if made_meanwhile:  # by another run
            return "cached", made_meanwhile
        if slot.find_damage(step.load().Outputs):
            slot.set_aside()
        folder, started = slot.open(), time.perf_counter()
        try:
            with (
                begin_work(workspace.root, planned.fingerprint, seals, restart=forced) as work_dir,
                watch_imports(step, planned.parts["code"]) as imports,
            ):
                context = _make_context(step.name, run, folder, work_dir)
                outputs = step.load().run(done.inputs(step), step.config, context)
                seconds = time.perf_counter() - started
                imported = imports.digests()  # raises where code is not what the plan looked at
                check_outside_data(planned, workspace)
                sealed = slot.seal(outputs, planned.parts, seals, seconds, imported)
                refresh_artifacts(step, done)
                return "completed", sealed
        finally:
            slot.discard()


def _make_context(step: str, run: ActiveRun, output_dir: Path, work_dir: Path) -> Context:
    """Make the context in which the component of a step of this name runs."""

    def progress(done: float, total: float | None = None, detail: str = "") -> None:
        run.emit(StepProgress(step=step, done=done, total=total, detail=detail))

    return dataclasses.replace(
        make_context(run.workspace, output_dir),
        push_right=run.push_right,
        progress=progress,
        warn=functools.partial(run.warn, step),
        work_dir=work_dir,
        log_dir=run.workspace.root / "runs" / run.id,
    )


def _join_summaries(sealed: Sealed | None) -> str:
    """Join the summaries of a step's artifacts; an artifact of the user's own may have none."""
    if sealed is None:
        return ""
    artifacts = (getattr(sealed.outputs, f.name) for f in dataclasses.fields(sealed.outputs))
    return "; ".join(summary for a in artifacts if (summary := getattr(a, "summary", "")))


def _collect_facts(sealed: Sealed | None) -> dict[str, tuple[str, Any]]:
    """Map each output to its type and facts; its path is relative to the artifact's folder."""
    if sealed is None:
        return {}
    all_facts = {}
    for field_ in dataclasses.fields(sealed.outputs):
        artifact = getattr(sealed.outputs, field_.name)
        facts = {**to_plain(artifact), "path": str(artifact.path.relative_to(sealed.path))}
        all_facts[field_.name] = (type(artifact).__name__, facts)
    return all_facts


def _collect_lineage(step: Step, done: ReadySteps) -> tuple[Lineage, ...]:
    return tuple(
        Lineage(input=name, index=index, source=done.fingerprints[ref], output=ref.output)
        for name, value in step.inputs.items()
        for index, ref in enumerate(as_refs(value))
    )
