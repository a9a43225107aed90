"""The local orchestrator: walk the graph in this process, one step after the other."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model, Push, Verdict
from components.context import Context
from components.evaluate import VERDICT
from components.pictures.album import Album, draw_album
from components.served import serves
from data.errors import ConfigError, PenstockError
from pipeline import exit_codes, graph, warm_start
from pipeline.artifact_store import Sealed, remove_leftovers
from pipeline.execute import Done, Planned, Workspace, plan_step, run_step
from pipeline.graph import PipelineConfig, Step
from pipeline.ledger import Execution, Ledger, Run
from pipeline.pictures import FOLDER
from pipeline.report import write_report
from pipeline.run_record import (
    RunRecord,
    Watcher,
    new_run,
    prepare_root,
    settle_dead_runs,
)
from serving_export.versions import model_folder


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run came to."""

    run: Run
    executions: list[Execution]
    outputs: dict[str, Any]  # step name -> the component's Outputs, up to the last step that ran
    pictures: Album = field(default_factory=Album)  # none where all was reused
    report: Path | None = None  # likewise
    # where the model serves already though its verdict is not passed: someone pushed it by hand
    by_hand: Path | None = None

    def artifact(self, kind: type[Any]) -> Any:
        """The last artifact of this type that the run's steps gave, or None."""
        found = [
            value
            for outputs in self.outputs.values()
            for field in dataclasses.fields(outputs)
            if isinstance(value := getattr(outputs, field.name), kind)
        ]
        return found[-1] if found else None

    @property
    def verdict(self) -> Verdict | None:
        return self.artifact(Verdict)  # type: ignore[no-any-return]

    @property
    def push(self) -> Push | None:
        return self.artifact(Push)  # type: ignore[no-any-return]


def run(
    pipeline: PipelineConfig,
    *,
    root: Path,
    serving_dir: Path | None = None,
    only: str | None = None,
    first: str | None = None,
    last: str | None = None,
    force: Collection[str] = (),
    beam_args: tuple[str, ...] = Context.beam_args,
    watcher: Watcher | None = None,
) -> RunResult:
    """Run the pipeline, or some steps of it, and reuse whatever was made before.

    Args:
        pipeline: what a recipe returns.
        root: the folder for everything that a run writes; made if it is missing.
        serving_dir: where models are pushed; `<root>/serving` if None.
        only, first, last: which steps; all if None. Steps before them must have been made.
        force: steps to run although they were made; what depends on them runs again too.
        beam_args: Beam's own flags; they name the runner.
        watcher: who is told what happens.

    Returns:
        The run as the ledger holds it, with its exit code, and every step's outputs.

    Raises:
        PenstockError: the config does not hold together, the data is bad, a step failed. The run
            is in the ledger all the same, and the next one goes on from the last whole step.
    """
    graph.check(pipeline)
    chosen = graph.select(pipeline, only=only, first=first, last=last)
    forced = [pipeline.step(name) for name in force]
    for step in forced:
        if step not in chosen:
            raise ConfigError(f"--force {step.name}: it is not among the steps that are to run")
    prepare_root(root)
    with Ledger(root) as ledger:
        settle_dead_runs(root, ledger)
        remove_leftovers(root)
        pipeline = warm_start.resolved(pipeline, root.resolve(), ledger)
        chosen = [pipeline.step(step.name) for step in chosen]
        forced = [pipeline.step(step.name) for step in forced]
        workspace = Workspace(
            root=root.resolve(),
            serving_dir=(serving_dir or root / "serving").resolve(),
            ledger=ledger,
            seed=pipeline.seed,
            model_name=pipeline.model_name,
            beam_args=beam_args,
        )
        plan = _plan(pipeline, chosen, forced, workspace)
        record = RunRecord(workspace.root, new_run(pipeline), ledger, watcher or Watcher())
        with record:
            result = _walk(plan, chosen, workspace, record)
        if any(execution.status == "made" for execution in result.executions):
            # Only now: the run is recorded and the model pushed, whatever comes of the pictures.
            folder = workspace.root / "runs" / result.run.id / FOLDER
            pictures = draw_album(result.artifact(Examples), result.artifact(Model), folder)
            report = _report_of(workspace.root, ledger, result, pictures)
            result = dataclasses.replace(result, **report)
        return result


def _plan(
    pipeline: PipelineConfig, chosen: Sequence[Step], forced: Collection[Step], workspace: Workspace
) -> list[Planned]:
    """The steps up to the last chosen one; those before the first chosen must be there already."""
    done, plan = Done(), []
    for step in pipeline.steps[: pipeline.steps.index(chosen[-1]) + 1]:
        planned = plan_step(step, done, workspace, force=step in forced, pipeline=pipeline.name)
        if step not in chosen and planned.sealed is None:
            raise ConfigError(
                f"{chosen[0].name!r} cannot run alone: {step.name!r} is not made yet",
                got=", ".join(planned.why),
                remedy=f"add --from {step.name}, or leave --from and --only away",
            )
        done.add(step, planned.fingerprint, planned.sealed)
        plan.append(planned)
    for planned in plan:
        done.check(planned.step)
    return plan


def _walk(
    plan: Sequence[Planned], chosen: Sequence[Step], workspace: Workspace, record: RunRecord
) -> RunResult:
    names = {step.name for step in chosen}
    record.planned(record.run.id, [p for p in plan if p.step.name in names])
    done, executions = Done(), []
    sealed: Sealed | None
    for place, planned in enumerate(plan):
        name = planned.step.name
        if name in names:
            record.started(name)
            _prepare_next(plan[place:])
            execution, sealed = run_step(
                planned,
                done,
                workspace,
                run_id=record.run.id,
                progress=functools.partial(_report, record, name),
                on_wait=functools.partial(record.waiting, name),
            )
            record.ended(execution, _summary(sealed))
            executions.append(execution)
        else:
            sealed = planned.sealed
        done.add(planned.step, planned.fingerprint, sealed)
        for later in plan[place + 1 :]:
            done.check(later.step)
    outputs = {step: s.outputs for step, s in done.sealed.items() if s}
    result = RunResult(run=record.run, executions=executions, outputs=outputs)
    status = result.verdict.status if result.verdict else None
    by_hand = _pushed_by_hand(result, workspace)
    record.finish(status, exit_codes.DONE if by_hand else exit_codes.of_verdict(status))
    return dataclasses.replace(result, run=record.run, by_hand=by_hand)


def _report_of(root: Path, ledger: Ledger, result: RunResult, pictures: Album) -> dict[str, Any]:
    """The run's pictures and report; trouble with the report is a problem among the pictures'."""
    if result.verdict is None or not (result.verdict.path / VERDICT).is_file():
        return {"pictures": pictures}  # an evaluate of one's own may write another file
    try:
        return {"pictures": pictures, "report": write_report(root, ledger, result.run.id)}
    except PenstockError as error:
        problem = f"the report could not be written: {error.what}"
        return {"pictures": Album(pictures.files, (*pictures.problems, problem))}


def _pushed_by_hand(result: RunResult, workspace: Workspace) -> Path | None:
    verdict = result.verdict
    if verdict is None or verdict.status == "passed" or workspace.model_name is None:
        return None
    return serves(model_folder(workspace.serving_dir, workspace.model_name), verdict.model_digest)


def _prepare_next(plan: Sequence[Planned]) -> None:
    """Let the step after the one that begins start what takes long, if both have work to do."""
    if len(plan) > 1 and not (plan[0].sealed or plan[1].sealed):
        prepare = getattr(plan[1].step.load(), "prepare", None)
        if prepare:
            prepare()


def _summary(sealed: Sealed) -> str:
    """What came out, in words; a component of one's own may leave its artifacts without."""
    artifacts = (getattr(sealed.outputs, f.name) for f in dataclasses.fields(sealed.outputs))
    return "; ".join(words for a in artifacts if (words := getattr(a, "summary", "")))


def _report(
    record: RunRecord, step: str, done: float, total: float | None = None, detail: str = ""
) -> None:
    record.progress(step, done, total, detail)
