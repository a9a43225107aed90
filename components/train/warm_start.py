"""Start a training from the weights of an earlier model."""

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
    """Assign the values of a pushed model to variables, matched by their order.

    Args:
        weights: variables of Keras or TensorFlow.
        spec: of the images and classes that are trained on.
        model_dir: a bundle, or the folder of a model: its highest version is taken.
        digest: the expected digest; None: the caller has checked the model.

    Raises:
        BadDataError: there is no Penstock bundle there, its bytes changed, or it is another model.
        ConfigError: its classes or the shapes of its weights differ; they are named.
    """
    folder = find_bundle_folder(model_dir)
    names = read_manifest(folder).spec.class_names
    if names != spec.class_names:
        raise ConfigError(
            f"the model in {folder} was trained on other classes",
            expected=spec.class_names,
            got=names,
            remedy="name a model with the same classes, or train without train.warm_start",
        )
    values = getattr(load_bundle(folder, digest).saved, WEIGHTS)
    fits = len(values) == len(weights) and all(
        tuple(a.shape) == tuple(b.shape) for a, b in zip(values, weights, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"the weights of the model in {folder} do not fit",
            expected=_format_shapes(weights),
            got=_format_shapes(values),
            follows="nothing was trained",
            remedy="build a model with the same weights, or train without train.warm_start",
        )
    for variable, value in zip(weights, values, strict=True):
        variable.assign(value)


def _format_shapes(weights: Sequence[Any]) -> str:
    return ", ".join(f"{w.name.partition(':')[0]} {tuple(w.shape)}" for w in weights)
