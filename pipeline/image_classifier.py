"""The standard graph, ingest → normalize → train → evaluate → export, and the words to state one.

A recipe needs nothing but this module.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from components.evaluate import Config as Evaluate
from components.evaluate.rules import Allowed, Change, Paired, Threshold
from components.export import Config as Export
from components.ingest import Config as Ingest
from components.normalize import Config as Normalize
from components.train import Config as Train
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.config.overrides import apply_overrides

__all__ = [
    "Allowed",
    "Change",
    "Evaluate",
    "Export",
    "Ingest",
    "Normalize",
    "Paired",
    "PipelineConfig",
    "Ref",
    "Step",
    "Threshold",
    "Train",
    "image_classifier",
    "variant",
]


def image_classifier(
    name: str,
    *,
    ingest: Ingest,
    train: Train,
    evaluate: Evaluate,
    normalize: Normalize | None = None,
    export: Export | None = None,
    seed: int = 0,
) -> PipelineConfig:
    """A pipeline of the five components; its model is pushed as `name` unless `export` differs."""
    examples = Ref("ingest", "examples")
    transform_graph = Ref("normalize", "transform_graph")
    model, verdict = Ref("train", "model"), Ref("evaluate", "verdict")
    steps = (
        Step(name="ingest", component="components.ingest", config=ingest),
        Step(
            name="normalize",
            component="components.normalize",
            config=normalize or Normalize(),
            inputs={"examples": examples},
        ),
        Step(
            name="train",
            component="components.train",
            config=train,
            inputs={"examples": examples, "transform_graph": transform_graph},
        ),
        Step(
            name="evaluate",
            component="components.evaluate",
            config=evaluate,
            inputs={"examples": examples, "model": model},
        ),
        Step(
            name="export",
            component="components.export",
            config=export or Export(model_name=name),
            inputs={"model": model, "verdict": verdict},
        ),
    )
    return PipelineConfig(name=name, seed=seed, steps=steps)


def variant(pipeline: PipelineConfig, name: str, **steps: Mapping[str, Any]) -> PipelineConfig:
    """A recipe with some values changed, pushed under a name of its own.

        variant(mnist(), "mnist_wide", train={"model_options": {"units": 512}, "epochs": 20})

    Raises:
        ConfigError: an unknown step or key, with the close matches; a value of the wrong type.
    """
    changed = apply_overrides(pipeline, {"export": {"model_name": name}, **steps})
    return dataclasses.replace(changed, name=name)
