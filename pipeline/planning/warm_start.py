"""Resolve `train.warm_start = "run:ID"` and `"serving"` to the folder of a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from components.train.config import RUN, SERVING
from data.errors import ConfigError, suggest_names
from pipeline.config.graph import PipelineConfig, Step
from pipeline.storage.artifact_store import Slot
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import model_folder, newest_folder


def resolve_warm_start(
    pipeline: PipelineConfig, root: Path, ledger: Ledger, serving_dir: Path
) -> PipelineConfig:
    """Replace each `warm_start` that names a run or "serving" by the folder of that model.

    "run:ID" is the model that a run trained; "serving" the version that serves now, or None while
    there is none.

    Raises:
        ConfigError: there is no such run (with the close matches), its model is gone, or the
            pipeline pushes no model.
    """

    def change(step: Step) -> Step:
        named = getattr(step.config, "warm_start", None)
        folder: Path | None
        if named == SERVING:
            folder = _find_serving(pipeline, serving_dir)
        elif isinstance(named, str) and named.startswith(RUN):
            folder = _find_bundle(named.removeprefix(RUN), root, ledger)
        else:
            return step
        path = None if folder is None else str(folder)
        return dataclasses.replace(step, config=dataclasses.replace(step.config, warm_start=path))

    return dataclasses.replace(pipeline, steps=tuple(map(change, pipeline.steps)))


def lacks_serving_model(written: PipelineConfig, step: Step) -> bool:
    """Whether a resolved step should begin with the serving model, and there is none."""
    if getattr(step.config, "warm_start", "") is not None:
        return False
    return getattr(written.step(step.name).config, "warm_start", None) == SERVING


def _find_serving(pipeline: PipelineConfig, serving_dir: Path) -> Path | None:
    if pipeline.model_name is None:
        raise ConfigError(
            'train.warm_start = "serving": this pipeline pushes no model',
            expected="a step with a model_name, such as export",
            remedy="name the folder of a model instead",
        )
    folder = model_folder(serving_dir, pipeline.model_name)
    return newest_folder(folder)


def _find_bundle(run_id: str, root: Path, ledger: Ledger) -> Path:
    run = ledger.run(run_id)
    if run is None:
        run_ids = [r.id for r in ledger.runs(200)]
        raise ConfigError(
            f"train.warm_start: no run {run_id!r} in {root}", remedy=suggest_names(run_id, run_ids)
        )
    for execution in ledger.executions(run.id):
        for kind, facts in ledger.artifacts(execution.fingerprint).values():
            slot = Slot.of(root, execution.component, execution.fingerprint)
            folder: Path = slot.path / facts["path"] / "bundle"
            if kind == "Model" and folder.is_dir():
                return folder
    raise ConfigError(
        f"train.warm_start: run {run.id} has no model",
        expected="a run whose training completed, and whose artifacts still exist",
        remedy="name another run, or the folder of a pushed model",
    )
