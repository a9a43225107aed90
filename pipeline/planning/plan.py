"""Plan a run: compute each step's fingerprint and find its cached artifact. Nothing runs here."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.artifacts import Examples, ExpectedExamples
from components.context import Context
from data.code.first_party import Code
from data.errors import ConfigError
from pipeline.config import early_checks, outside_data
from pipeline.config.graph import Input, PipelineConfig, Ref, Step, as_refs
from pipeline.config.outside_data import OutsideData
from pipeline.planning import fingerprint, imported_code
from pipeline.storage.artifact_store import Sealed, Slot
from pipeline.storage.known_models import KnownModels
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import list_run_outputs


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The facts of a run that its steps share."""

    root: Path
    serving_dir: Path
    seed: int
    model_name: str | None = None  # the folder that the pipeline pushes to
    beam_args: tuple[str, ...] = field(default=Context.beam_args, repr=False)  # secrets read
    shared_filesystem: bool = False

    @property
    def own_files(self) -> tuple[Path, ...]:
        """Paths that runs write to: they do not count in a folder that a step reads."""
        return list_run_outputs(self.root, self.serving_dir)


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """A step, its fingerprint, and its cached artifact if there is one."""

    step: Step
    fingerprint: str
    parts: Mapping[str, Any]
    sealed: Sealed | None  # the cached artifact; None: the step must run
    why: tuple[str, ...] = ()  # why it must run
    outside: OutsideData = field(default_factory=OutsideData)  # recorded before it was digested
    unseen: tuple[str, ...] = ()  # sources and URLs whose data no check can see

    def slot(self, root: Path) -> Slot:
        return Slot.of(root, self.step.component, self.fingerprint)


@dataclass
class ReadySteps:
    """The steps whose outputs later steps can use, by name."""

    fingerprints: dict[Ref, str] = field(default_factory=dict)
    sealed: dict[str, Sealed | None] = field(default_factory=dict)

    def add(self, step: Step, digest: str, sealed: Sealed | None) -> None:
        """Add a step; `sealed` is None while it is only planned."""
        self.sealed[step.name] = sealed
        for output in dataclasses.fields(step.load().Outputs):
            self.fingerprints[Ref(step.name, output.name)] = digest

    def seals(self, step: Step) -> dict[str, str] | None:
        """Map the fingerprint of each input to its seal; None while an input does not exist."""
        seals = {}
        for ref in step.upstream():
            sealed = self.sealed[ref.step]
            if sealed is None:
                return None
            seals[self.fingerprints[ref]] = sealed.seal
        return seals

    def inputs(self, step: Step) -> Any:
        """Fill the component's Inputs with artifacts, all of which exist."""
        return step.load().Inputs(**{name: self._value(v) for name, v in step.inputs.items()})

    def check(self, step: Step) -> None:
        """Let a step check those of its inputs that exist.

        Raises:
            PenstockError: the step would fail.
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
        artifacts = tuple(
            getattr(sealed.outputs, ref.output)
            for ref in as_refs(value)
            if (sealed := self.sealed[ref.step])
        )
        return artifacts[0] if isinstance(value, Ref) else artifacts


def make_plan(
    pipeline: PipelineConfig,
    chosen: Sequence[Step],
    forced: Collection[Step],
    workspace: Workspace,
    ledger: Ledger,
) -> list[PlannedStep]:
    """Plan the steps up to the last chosen one; those before the first chosen must be cached.

    Raises:
        ConfigError: a step before the chosen ones is not cached.
        PenstockError: a step refuses its inputs.
    """
    done, plan, code = ReadySteps(), [], Code()
    for step in pipeline.steps[: pipeline.steps.index(chosen[-1]) + 1]:
        planned = plan_step(
            step, done, workspace, ledger, code, pipeline=pipeline.name, force=step in forced
        )
        if step not in chosen and planned.sealed is None:
            raise ConfigError(
                f"{chosen[0].name!r} cannot run alone: {step.name!r} has no cached result",
                got=", ".join(planned.why),
                remedy=f"use --from {step.name}, or omit --from and --only",
            )
        done.add(step, planned.fingerprint, planned.sealed)
        plan.append(planned)
    for planned in plan:
        done.check(planned.step)
    return plan


def check_expected(
    plan: Sequence[PlannedStep], chosen: Collection[str], *, thorough: bool
) -> list[tuple[str, str]]:
    """Let the steps that are to run check their expected inputs, see `early_checks.check`.

    Returns:
        Their warnings.

    Raises:
        ConfigError, EnvironmentTrouble: a step would fail.
    """
    to_do = [p.step.name for p in plan if p.step.name in chosen and not p.sealed]
    outputs = [(p.step.name, vars(p.sealed.outputs)) for p in plan if p.sealed]
    made = {
        Ref(step, name): ExpectedExamples.of(artifact)
        for step, artifacts in outputs
        for name, artifact in artifacts.items()
        if isinstance(artifact, Examples)
    }
    if not to_do:
        return []
    return early_checks.check([p.step for p in plan], to_do, made, thorough=thorough)


def plan_step(
    step: Step,
    done: ReadySteps,
    workspace: Workspace,
    ledger: Ledger,
    code: Code,
    *,
    pipeline: str,
    force: bool,
) -> PlannedStep:
    """Compute a step's fingerprint and find its cached artifact; runs nothing."""
    step = _pin(step, done, workspace)
    outside = outside_data.inspect(step, workspace.beam_args, leave_out=workspace.own_files)
    parts = fingerprint.collect_parts(
        step, workspace.seed, done.fingerprints, code, outside, ledger.digest_files
    )
    planned = PlannedStep(
        step=step,
        fingerprint=fingerprint.digest_parts(parts),
        parts=parts,
        sealed=None,
        outside=outside,
        unseen=outside_data.find_unseen(step),
    )
    if force:
        return dataclasses.replace(planned, why=("forced",))
    sealed = find_cached(planned, done, workspace, code)
    if sealed:
        return dataclasses.replace(planned, sealed=sealed)
    why = _explain(planned, done, workspace, code, ledger.previous(pipeline, step.name))
    return dataclasses.replace(planned, why=why)


def _pin(step: Step, done: ReadySteps, workspace: Workspace) -> Step:
    """Fill the step's config with the state outside the root, where the component does so."""
    pin = getattr(step.load(), "pin", None)
    if pin is None:
        return step
    inputs = None if done.seals(step) is None else done.inputs(step)
    context = make_context(workspace, workspace.root)
    return dataclasses.replace(step, config=pin(step.config, inputs, context))


def find_cached(
    planned: PlannedStep, done: ReadySteps, workspace: Workspace, code: Code
) -> Sealed | None:
    """Find a step's cached artifact, if it is still valid.

    It is where its inputs, the code that it imported, and what it wrote outside the root are the
    same as when it was made.
    """
    seals = done.seals(planned.step)
    if seals is None:
        return None
    sealed = planned.slot(workspace.root).load(planned.step.load().Outputs)
    if sealed is None or sealed.upstream != seals:
        return None
    if imported_code.describe_changed_code(sealed.imported, code):
        return None
    component, context = planned.step.load(), make_context(workspace, workspace.root)
    is_current = getattr(component, "is_current", None)
    if is_current and not is_current(sealed.outputs, context):
        return None
    locate = getattr(component, "locate", None)
    if locate is None:
        return sealed
    return dataclasses.replace(sealed, outputs=locate(sealed.outputs, context))


def _explain(
    planned: PlannedStep, done: ReadySteps, workspace: Workspace, code: Code, before: str | None
) -> tuple[str, ...]:
    """Say why the step must run; `before` is the fingerprint of its last completed execution."""
    slot = planned.slot(workspace.root)
    outputs = planned.step.load().Outputs
    sealed = slot.load(outputs)
    seals = done.seals(planned.step)
    if sealed and seals is not None and sealed.upstream == seals:
        outside = ["what it wrote outside the root has changed or is gone"]
        return tuple(imported_code.describe_changed_code(sealed.imported, code) or outside)
    if damaged := slot.find_damage(outputs):
        return (f"its artifact is damaged: {damaged}",)
    if before is None:
        return ("first time",)
    if before == planned.fingerprint:
        return ("an input is made again" if sealed else "its artifact is gone",)
    earlier = Slot.of(workspace.root, planned.step.component, before).load(outputs)
    changed = fingerprint.describe_differences(earlier.parts, planned.parts) if earlier else []
    own = [phrase for phrase in changed if not phrase.startswith("inputs")]
    return tuple(own or ["an input changed"])


def make_context(workspace: Workspace, output_dir: Path) -> Context:
    """Make the context that a component runs with."""
    return Context(
        output_dir=output_dir,
        serving_dir=workspace.serving_dir,
        model_name=workspace.model_name,
        vouch=KnownModels(workspace.root),
        seed=workspace.seed,
        beam_args=workspace.beam_args,
        shared_filesystem=workspace.shared_filesystem,
    )
