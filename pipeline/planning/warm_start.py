"""`train.warm_start = "run:ID"` or `"serving"`: the model that is meant, as a folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from components.train.config import RUN, SERVING
from data.errors import ConfigError, did_you_mean
from pipeline.config.graph import PipelineConfig, Step
from pipeline.storage.artifact_store import Slot
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import model_folder, newest_folder


def resolve_warm_start(
    pipeline: PipelineConfig, root: Path, ledger: Ledger, serving_dir: Path
) -> PipelineConfig:
    """The pipeline with each `warm_start` by a word made the folder of the model that it means.

    "run:ID" is the model that a run trained; "serving" the version that serves now, and None while
    there is none.

    Raises:
        ConfigError: no such run, with the close matches, or no model of it lies there; a pipeline
            that pushes to no model.
    """

    def change(step: Step) -> Step:
        named = getattr(step.config, "warm_start", None)
        folder: Path | None
        if named == SERVING:
            folder = _that_serves(pipeline, serving_dir)
        elif isinstance(named, str) and named.startswith(RUN):
            folder = _bundle_of(named.removeprefix(RUN), root, ledger)
        else:
            return step
        meant = None if folder is None else str(folder)
        return dataclasses.replace(step, config=dataclasses.replace(step.config, warm_start=meant))

    return dataclasses.replace(pipeline, steps=tuple(map(change, pipeline.steps)))


def lacks_serving_model(written: PipelineConfig, step: Step) -> bool:
    """Whether the step, as resolved, was to begin with the model that serves, and none does."""
    if getattr(step.config, "warm_start", "") is not None:
        return False
    return getattr(written.step(step.name).config, "warm_start", None) == SERVING


def _that_serves(pipeline: PipelineConfig, serving_dir: Path) -> Path | None:
    if pipeline.model_name is None:
        raise ConfigError(
            'train.warm_start = "serving": the pipeline pushes to no model',
            expected="a step with a model_name, as export has it",
            remedy="name a model's folder instead",
        )
    folder = model_folder(serving_dir, pipeline.model_name)
    return newest_folder(folder)


def _bundle_of(run_id: str, root: Path, ledger: Ledger) -> Path:
    run = ledger.run(run_id)
    if run is None:
        known = [r.id for r in ledger.runs(200)]
        raise ConfigError(
            f"train.warm_start: no run {run_id!r} in {root}", remedy=did_you_mean(run_id, known)
        )
    for execution in ledger.executions(run.id):
        for kind, facts in ledger.artifacts(execution.fingerprint).values():
            slot = Slot.of(root, execution.component, execution.fingerprint)
            folder: Path = slot.path / facts["path"] / "bundle"
            if kind == "Model" and folder.is_dir():
                return folder
    raise ConfigError(
        f"train.warm_start: the run {run.id} has left no model",
        expected="a run that got past the training, its artifact still there",
        remedy="name another run, or a pushed model's folder",
    )
