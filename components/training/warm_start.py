"""Weights of an earlier model to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import keras

from data.errors import ConfigError
from serving_export.manifest import read_manifest
from serving_export.saved_model import WEIGHTS, load_bundle
from serving_export.versions import bundle_folder

if TYPE_CHECKING:
    from components.training.session import Training


def load_weights(model: keras.Model, training: Training) -> None:
    """Give a model the weights of the bundle that `train.warm_start` names.

    The optimizer begins anew. Variables are matched by their order.

    Raises:
        BadDataError: no bundle of ours lies there, or its bytes changed.
        ConfigError: its classes, or the shapes of its weights, are others; each is named.
    """
    folder = bundle_folder(Path(str(training.config.warm_start)))
    names = read_manifest(folder).spec.class_names
    if names != training.examples.spec.class_names:
        raise ConfigError(
            f"the model in {folder} knows other classes",
            expected=training.examples.spec.class_names,
            got=names,
            remedy="warm-start from a model of the same classes, or train without",
        )
    theirs, ours = getattr(load_bundle(folder).saved, WEIGHTS), model.weights
    fits = len(theirs) == len(ours) and all(
        tuple(a.shape) == tuple(b.shape) for a, b in zip(theirs, ours, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"the weights of the model in {folder} do not fit",
            expected=_shapes(ours),
            got=_shapes(theirs),
            follows="nothing was trained",
            remedy="build the same model as it was, or train without train.warm_start",
        )
    for variable, value in zip(ours, theirs, strict=True):
        variable.assign(value)


def _shapes(weights: list[keras.Variable]) -> str:
    return ", ".join(f"{w.name.partition(':')[0]} {tuple(w.shape)}" for w in weights)
