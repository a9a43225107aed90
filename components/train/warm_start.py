"""Weights of an earlier model to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.errors import ConfigError
from data.spec import ImageSpec
from serving_export.bundle.manifest import WEIGHTS, read_manifest
from serving_export.bundle.saved_model import load_bundle
from serving_export.model_store.layout import find_bundle_folder


def load_weights(
    weights: Sequence[Any], spec: ImageSpec, model_dir: Path, digest: str | None = None
) -> None:
    """Give variables the values that they have in a pushed model; matched by their order.

    Args:
        weights: Keras's or TensorFlow's variables.
        spec: of the images and classes that are to be trained on.
        model_dir: a bundle, or a model's folder, of which the highest version is taken.
        digest: of the model that is meant; None: whoever calls vouches for what lies there.

    Raises:
        BadDataError: no bundle of ours lies there, its bytes changed, or it is another model.
        ConfigError: its classes, or the shapes of its weights, are others; each is named.
    """
    folder = find_bundle_folder(model_dir)
    names = read_manifest(folder).spec.class_names
    if names != spec.class_names:
        raise ConfigError(
            f"the model in {folder} knows other classes",
            expected=spec.class_names,
            got=names,
            remedy="warm-start from a model of the same classes, or train without",
        )
    theirs = getattr(load_bundle(folder, digest).saved, WEIGHTS)
    fits = len(theirs) == len(weights) and all(
        tuple(a.shape) == tuple(b.shape) for a, b in zip(theirs, weights, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"the weights of the model in {folder} do not fit",
            expected=_shapes(weights),
            got=_shapes(theirs),
            follows="nothing was trained",
            remedy="build the same model as it was, or train without train.warm_start",
        )
    for variable, value in zip(weights, theirs, strict=True):
        variable.assign(value)


def _shapes(weights: Sequence[Any]) -> str:
    return ", ".join(f"{w.name.partition(':')[0]} {tuple(w.shape)}" for w in weights)
