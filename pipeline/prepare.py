"""All that comes before the first step of a run: checks, the ledger, and what there is to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from data.errors import ConfigError
from pipeline import graph, warm_start
from pipeline.artifact_store import remove_leftovers
from pipeline.graph import PipelineConfig
from pipeline.ledger import Ledger
from pipeline.plan import Planned, Workspace, make_plan
from pipeline.run_record import settle_dead_runs


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for beside the pipeline itself; as `pipeline.run.run` has it."""

    root: Path
    serving_dir: Path | None
    only: str | None
    first: str | None
    last: str | None
    force: Collection[str]
    beam_args: tuple[str, ...]
    shared_filesystem: bool


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that can begin."""

    pipeline: PipelineConfig
    plan: list[Planned]  # up to the last step that is to run
    chosen: frozenset[str]  # names of those that are; the others lie there already
    workspace: Workspace

    @property
    def to_do(self) -> list[Planned]:
        """The chosen steps that cannot be reused."""
        return [p for p in self.plan if p.step.name in self.chosen and not p.sealed]

    @property
    def chosen_plan(self) -> list[Planned]:
        return [p for p in self.plan if p.step.name in self.chosen]


def check(pipeline: PipelineConfig, request: Request) -> None:
    """All that can be known before the root is touched. Raises ConfigError."""
    graph.check(pipeline)
    chosen = graph.select(pipeline, only=request.only, first=request.first, last=request.last)
    for name in request.force:
        if pipeline.step(name) not in chosen:
            raise ConfigError(f"--force {name}: it is not among the steps that are to run")


def prepare(pipeline: PipelineConfig, request: Request, ledger: Ledger) -> Prepared:
    """Tidy the root, and plan.

    Raises:
        PenstockError: a step cannot run alone, or an input file cannot be read.
    """
    root = request.root.resolve()
    settle_dead_runs(root, ledger)
    remove_leftovers(root)
    pipeline = warm_start.resolved(pipeline, root, ledger)
    chosen = graph.select(pipeline, only=request.only, first=request.first, last=request.last)
    workspace = Workspace(
        root=root,
        serving_dir=(request.serving_dir or request.root / "serving").resolve(),
        seed=pipeline.seed,
        model_name=pipeline.model_name,
        beam_args=request.beam_args,
        shared_filesystem=request.shared_filesystem,
    )
    forced = [pipeline.step(name) for name in request.force]
    return Prepared(
        pipeline=pipeline,
        plan=make_plan(pipeline, chosen, forced, workspace, ledger),
        chosen=frozenset(step.name for step in chosen),
        workspace=workspace,
    )
