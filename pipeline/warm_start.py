"""`train.warm_start = "run:ID"`: the model that a run trained, as a folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from data.errors import ConfigError, did_you_mean
from pipeline.artifact_store import Slot
from pipeline.graph import PipelineConfig, Step
from pipeline.ledger import Ledger

_RUN = "run:"


def resolved(pipeline: PipelineConfig, root: Path, ledger: Ledger) -> PipelineConfig:
    """The pipeline with each `warm_start` that names a run made the folder of that run's model.

    Raises:
        ConfigError: no such run, with the close matches, or no model of it lies there.
    """
    steps = tuple(_resolved(step, root, ledger) for step in pipeline.steps)
    return dataclasses.replace(pipeline, steps=steps)


def _resolved(step: Step, root: Path, ledger: Ledger) -> Step:
    named = getattr(step.config, "warm_start", None)
    if not (isinstance(named, str) and named.startswith(_RUN)):
        return step
    folder = _bundle_of(named.removeprefix(_RUN), root, ledger)
    return dataclasses.replace(
        step, config=dataclasses.replace(step.config, warm_start=str(folder))
    )


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
