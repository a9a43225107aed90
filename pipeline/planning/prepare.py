"""Prepare a run: check the pipeline, tidy the root, and plan the steps."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import ConfigError
from data.files.input_files import refuse_url
from pipeline.config import early_checks, graph_checks, secrets
from pipeline.config.graph import PipelineConfig, Step
from pipeline.planning import warm_start
from pipeline.planning.plan import PlannedStep, Workspace, check_expected, make_plan
from pipeline.spans import resolve
from pipeline.spans.states import find_pattern_steps
from pipeline.storage.artifact_store import remove_leftovers
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import mark_killed_runs


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of a run beside the pipeline, see `pipeline.run.run`."""

    root: Path
    serving_dir: Path | None = None
    only: str | None = None
    first: str | None = None
    last: str | None = None
    force: Collection[str] = ()
    beam_args: tuple[str, ...]
    shared_filesystem: bool
    now: float = field(default_factory=time.time)  # seconds since the epoch


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that is ready to begin."""

    pipeline: PipelineConfig
    plan: list[PlannedStep]  # up to the last step that is to run
    chosen: frozenset[str]  # names of the steps that are to run; the others are cached
    workspace: Workspace

    @property
    def to_do(self) -> list[PlannedStep]:
        """The chosen steps that are not cached."""
        return [p for p in self.plan if p.step.name in self.chosen and not p.sealed]

    @property
    def chosen_plan(self) -> list[PlannedStep]:
        return [p for p in self.plan if p.step.name in self.chosen]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The sources and URLs of cached steps whose data no check can see."""
        return tuple(name for p in self.chosen_plan if p.sealed for name in p.unseen)


def check(pipeline: PipelineConfig, request: Request) -> None:
    """Check all that can be checked before the root is changed. Raises ConfigError."""
    refuse_url(request.root, "the root")
    if request.serving_dir:
        refuse_url(request.serving_dir, "the serving folder")
    secrets.refuse_secrets_in_flags(request.beam_args)
    graph_checks.check(pipeline)
    if not find_pattern_steps(pipeline):  # else the steps are known once the files are seen
        chosen, _ = _select(pipeline, request)
        _check_early(pipeline, chosen)
    elif not (request.only or request.first or request.last):
        _check_early(pipeline, pipeline.steps)


def _check_early(pipeline: PipelineConfig, chosen: Sequence[Step]) -> None:
    early_checks.check(pipeline.steps, [step.name for step in chosen], {}, thorough=False)


def _select(pipeline: PipelineConfig, request: Request) -> tuple[Sequence[Step], list[Step]]:
    """Select the steps to run, and those to run although cached. Raises ConfigError."""
    chosen = graph_checks.select(
        pipeline, only=request.only, first=request.first, last=request.last
    )
    forced = [step for name in request.force for step in pipeline.parts(name)]
    for step in forced:
        if step not in chosen:
            raise ConfigError(f"--force {step.name}: this step is not among the steps to run")
    return chosen, forced


def prepare(pipeline: PipelineConfig, request: Request, ledger: Ledger) -> Prepared:
    """Tidy the root, resolve the pipeline's spans and models, and plan.

    Raises:
        PenstockError: a step cannot run alone, or an input file or a secret cannot be read.
    """
    root, beam_args = request.root.resolve(), secrets.read_secrets_in_flags(request.beam_args)
    mark_killed_runs(root, ledger)
    remove_leftovers(root)
    serving_dir = (request.serving_dir or request.root / "serving").resolve()
    resolved = warm_start.resolve_warm_start(pipeline, root, ledger, serving_dir)
    resolved = resolve.resolve_spans(resolved, root, now=request.now)
    graph_checks.check(resolved)
    chosen, forced = _select(resolved, request)
    workspace = Workspace(
        root=root,
        serving_dir=serving_dir,
        seed=resolved.seed,
        model_name=resolved.model_name,
        beam_args=beam_args,
        shared_filesystem=request.shared_filesystem,
    )
    try:
        plan = make_plan(resolved, chosen, forced, workspace, ledger)
    except SyntaxError as error:  # of a module that one of the config's imports
        raise ConfigError(
            f"{error.filename} is not valid Python",
            got=error,
            follows="nothing ran",
            remedy="fix the syntax error",
        ) from error
    check_expected(plan, [step.name for step in chosen], thorough=False)
    return Prepared(
        pipeline=resolved,
        plan=[_explain_cold_start(planned, pipeline) for planned in plan],
        chosen=frozenset(step.name for step in chosen),
        workspace=workspace,
    )


def _explain_cold_start(planned: PlannedStep, written: PipelineConfig) -> PlannedStep:
    """Add to a training's reasons that there is no serving model to begin with."""
    if planned.sealed or not warm_start.lacks_serving_model(written, planned.step):
        return planned
    return dataclasses.replace(
        planned, why=(*planned.why, "there is no serving model to begin with")
    )
