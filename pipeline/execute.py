"""Plan and run one step: the only place that calls a component."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.context import Context, Progress
from data.durable import disk_trouble
from data.errors import ConfigError, EnvironmentTrouble
from pipeline import fingerprint
from pipeline.artifact_store import Sealed, Slot
from pipeline.convert import to_plain
from pipeline.graph import Input, Ref, Step, as_refs
from pipeline.ledger import Execution, Ledger, Lineage, StepStatus
from pipeline.work_folder import work_folder


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where a run works and what it shares with other runs."""

    root: Path
    serving_dir: Path
    ledger: Ledger
    seed: int
    model_name: str | None = None  # the folder that the pipeline pushes to
    beam_args: tuple[str, ...] = Context.beam_args


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A step, its fingerprint, and whether there is anything to do."""

    step: Step
    fingerprint: str
    parts: Mapping[str, Any]
    sealed: Sealed | None  # what can be reused; None: the step must run
    why: tuple[str, ...] = ()  # why it must run

    def slot(self, root: Path) -> Slot:
        return Slot.of(root, self.step.component, self.fingerprint)


@dataclass
class Done:
    """The steps that are ready to be used by later ones, by name."""

    fingerprints: dict[Ref, str] = field(default_factory=dict)
    sealed: dict[str, Sealed | None] = field(default_factory=dict)

    def add(self, step: Step, digest: str, sealed: Sealed | None) -> None:
        self.sealed[step.name] = sealed
        for output in dataclasses.fields(step.load().Outputs):
            self.fingerprints[Ref(step.name, output.name)] = digest

    def seals(self, step: Step) -> dict[str, str] | None:
        """Fingerprint -> seal of all that feeds the step; None while some of it is not made."""
        found = {}
        for ref in step.upstream():
            sealed = self.sealed[ref.step]
            if sealed is None:
                return None
            found[self.fingerprints[ref]] = sealed.seal
        return found

    def inputs(self, step: Step) -> Any:
        """The component's Inputs, filled with artifacts that are all made."""
        return step.load().Inputs(**{name: self._value(v) for name, v in step.inputs.items()})

    def check(self, step: Step) -> None:
        """Let a step look at those of its inputs that are made: it may know that it will fail.

        Raises:
            PenstockError: it will.
        """
        check = getattr(step.load(), "check_inputs", None)
        if check:
            made = {
                name: self._value(value)
                for name, value in step.inputs.items()
                if all(self.sealed.get(ref.step) for ref in as_refs(value))
            }
            check(step.config, made)

    def _value(self, value: Input) -> Any:
        found = tuple(
            getattr(sealed.outputs, ref.output)
            for ref in as_refs(value)
            if (sealed := self.sealed[ref.step])
        )
        return found[0] if isinstance(value, Ref) else found


def plan_step(
    step: Step, done: Done, workspace: Workspace, *, force: bool, pipeline: str
) -> Planned:
    """Find out what the step depends on and whether it was made already; runs nothing."""
    step = _pinned(step, done, workspace)
    parts = fingerprint.parts(step, workspace.seed, done.fingerprints, workspace.ledger.digest_file)
    planned = Planned(step=step, fingerprint=fingerprint.digest(parts), parts=parts, sealed=None)
    if force:
        return dataclasses.replace(planned, why=("forced",))
    sealed = _usable(planned, done, workspace)
    if sealed:
        return dataclasses.replace(planned, sealed=sealed)
    return dataclasses.replace(planned, why=_why(planned, done, workspace, pipeline))


def _pinned(step: Step, done: Done, workspace: Workspace) -> Step:
    """The step, its config filled with what lies outside the root now, if it looks at that."""
    pin = getattr(step.load(), "pin", None)
    if pin is None:
        return step
    inputs = None if done.seals(step) is None else done.inputs(step)
    context = _context(workspace, workspace.root, _no_progress)
    return dataclasses.replace(step, config=pin(step.config, inputs, context))


def _usable(planned: Planned, done: Done, workspace: Workspace) -> Sealed | None:
    """What lies sealed, if it was made of just what now lies upstream and still stands outside."""
    seals = done.seals(planned.step)
    if seals is None:
        return None
    sealed = planned.slot(workspace.root).load(planned.step.load().Outputs)
    if sealed is None or sealed.upstream != seals:
        return None
    is_current = getattr(planned.step.load(), "is_current", None)
    context = _context(workspace, workspace.root, _no_progress)
    return sealed if is_current is None or is_current(sealed.outputs, context) else None


def _why(planned: Planned, done: Done, workspace: Workspace, pipeline: str) -> tuple[str, ...]:
    slot = planned.slot(workspace.root)
    sealed = slot.load(planned.step.load().Outputs)
    seals = done.seals(planned.step)
    if sealed and seals is not None and sealed.upstream == seals:
        return ("what it made outside the root is gone or was changed",)
    before = workspace.ledger.previous(pipeline, planned.step.name)
    if before is None:
        return ("first time",)
    if before == planned.fingerprint:
        return ("what feeds it is made anew",) if sealed else ("its artifact is gone",)
    earlier = Slot.of(workspace.root, planned.step.component, before).load(
        planned.step.load().Outputs
    )
    changed = fingerprint.differences(earlier.parts, planned.parts) if earlier else []
    own = [phrase for phrase in changed if not phrase.startswith("inputs")]
    return tuple(own or ["what feeds it changed"])


def run_step(
    planned: Planned,
    done: Done,
    workspace: Workspace,
    *,
    run_id: str,
    progress: Progress,
    on_wait: Callable[[], None],
) -> tuple[Execution, Sealed]:
    """Reuse or make the step's artifact, and enter it in the ledger.

    Raises:
        PenstockError: the step cannot go on; nothing is left behind but the ledger's entry.
        EnvironmentTrouble: the disk is full or not writable.
    """
    step, started = planned.step, time.perf_counter()

    def record(status: StepStatus, sealed: Sealed | None, error: str | None = None) -> Execution:
        execution = Execution(
            run_id=run_id,
            step=step.name,
            component=step.component,
            fingerprint=planned.fingerprint,
            status=status,
            seconds=round(time.perf_counter() - started, 3),
            error=error,
        )
        made = sealed if status == "made" else None
        facts = _facts(made, planned.slot(workspace.root).path)
        workspace.ledger.record(execution, facts, _lineage(step, done) if made else [])
        return execution

    if planned.sealed:
        return record("reused", planned.sealed), planned.sealed
    try:
        with disk_trouble(f"step {step.name!r} could not write to {workspace.root}"):
            log_dir = workspace.root / "runs" / run_id
            status, sealed = _make(planned, done, workspace, progress, on_wait, log_dir)
    except BaseException as error:
        with contextlib.suppress(EnvironmentTrouble):  # of the ledger: `error` came first
            interrupted = isinstance(error, KeyboardInterrupt)
            words = None if interrupted else f"{type(error).__name__}: {error}"
            record("interrupted" if interrupted else "failed", None, words)
        raise
    return record(status, sealed), sealed


def _make(
    planned: Planned,
    done: Done,
    workspace: Workspace,
    progress: Progress,
    on_wait: Callable[[], None],
    log_dir: Path,
) -> tuple[StepStatus, Sealed]:
    step, slot = planned.step, planned.slot(workspace.root)
    seals = done.seals(step)
    if seals is None:
        raise ConfigError(f"step {step.name!r} is to run before what feeds it")
    with slot.held(on_wait):
        waited = _usable(planned, done, workspace) if planned.why != ("forced",) else None
        if waited:  # another run made it in the meantime
            return "reused", waited
        folder, started = slot.open(), time.perf_counter()
        try:
            forced = planned.why == ("forced",)
            with work_folder(workspace.root, planned.fingerprint, seals, anew=forced) as work_dir:
                context = dataclasses.replace(
                    _context(workspace, folder, progress), work_dir=work_dir, log_dir=log_dir
                )
                outputs = step.load().run(done.inputs(step), step.config, context)
                seconds = time.perf_counter() - started
                return "made", slot.seal(outputs, planned.parts, seals, seconds)
        finally:
            slot.discard()


def _context(workspace: Workspace, output_dir: Path, progress: Progress) -> Context:
    return Context(
        output_dir=output_dir,
        serving_dir=workspace.serving_dir,
        model_name=workspace.model_name,
        seed=workspace.seed,
        beam_args=workspace.beam_args,
        progress=progress,
    )


def _no_progress(done: float, total: float | None = None, detail: str = "") -> None:
    """Nothing is running."""


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
