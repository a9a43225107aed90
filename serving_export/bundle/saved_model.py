"""Write and load serving bundles: a SavedModel with three signatures, and a manifest.

The SavedModel also has two functions that are no signatures: `read_image` turns an image file into
pixels, and `transform_images` turns pixels into the inputs of its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from data.errors import BadDataError
from data.images.reasons import explain_error
from data.spec import ImageSpec
from serving_export.bundle.manifest import (
    READ,
    SIGNATURES,
    TRANSFORM,
    WEIGHTS,
    Manifest,
    read_manifest,
    verify_bundle,
    write_manifest,
)
from serving_export.bundle.model_digest import digest_model
from serving_export.bundle.open_models import load_saved_model
from serving_export.bundle.signatures import (
    ModelOutput,
    make_probabilities_function,
    make_read_function,
    make_serving_functions,
    make_transform_function,
)
from serving_export.bundle.transform_graph import TransformFn
from serving_export.bundle.warmup import write_warmup

if TYPE_CHECKING:
    import keras


def write_bundle(
    path: Path,
    *,
    model: keras.Model | tf.Module,
    transform_path: Path,
    spec: ImageSpec,
    model_output: ModelOutput,
    metadata: dict[str, Any],
    assets: Mapping[str, bytes] | None = None,
) -> str:
    """Write a trained model with its preprocessing, in the form that is evaluated and served.

    The bundle includes warm-up requests for TensorFlow Serving.

    Args:
        path: the bundle's folder, which must not exist.
        model: maps transformed images to (batch, classes); exported in inference mode.
        transform_path: tensorflow-transform's output folder.
        spec: of the images and classes.
        model_output: whether the model returns logits (a softmax is added) or probabilities.
        metadata: JSON-able facts for the manifest, such as how the model was trained.
        assets: further files of the bundle, relative path → content.

    Returns:
        The bundle's digest.

    Raises:
        ConfigError: the model's output is not one number per class.
    """
    from keras.export import ExportArchive  # imported here: loading needs no Keras

    transform = TransformFn(transform_path)
    read = make_read_function(spec)
    functions = make_serving_functions(
        make_probabilities_function(model, transform, spec, model_output),
        read,
        spec,
    )
    archive = ExportArchive()  # tracks the variables and tables of any Keras model
    archive.track(model)
    archive.track(transform)
    weights = list(getattr(model, "weights", model.variables))
    archive.add_variable_collection(WEIGHTS, weights)
    for name, function in functions.items():
        traced = function.get_concrete_function()
        archive.add_endpoint(name, function)
        # Saving would trace the function once more, and keep both graphs; Keras takes what is
        # traced only for an endpoint with an input signature.
        setattr(archive._tf_trackable, name, traced)
        archive._endpoint_signatures[name] = function.input_signature
    # Keras has no public way to save a function that is not a signature.
    setattr(archive._tf_trackable, TRANSFORM, make_transform_function(transform, spec))
    setattr(archive._tf_trackable, READ, read)
    archive.write_out(str(path), verbose=False)
    digest = digest_model(functions, weights, path)
    write_warmup(path, spec)
    for name, content in (assets or {}).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return write_manifest(path, spec, metadata, digest)


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle."""

    manifest: Manifest
    digest: str
    saved: Any  # the loaded SavedModel; its signatures live only as long as it does

    def __call__(self, signature: str, batch: Any) -> dict[str, np.ndarray]:
        """Call a signature.

        Args:
            signature: "serving_default", "images" or "examples".
            batch: its input, see `signatures.make_serving_functions`.

        Returns:
            `probabilities` (batch, classes) float32, `class_index` (batch,) int64 and
            `class_name` (batch,) bytes.
        """
        answer = self.saved.signatures[signature](**{SIGNATURES[signature]: tf.constant(batch)})
        return {name: tensor.numpy() for name, tensor in answer.items()}

    def read_image(self, file: bytes) -> np.ndarray:
        """Decode and fit an image file as the signatures do: (height, width, channels) uint8.

        Raises:
            BadDataError: a bad file; `got` says what is wrong with it.
        """
        try:
            pixels: np.ndarray = getattr(self.saved, READ)(tf.constant(file)).numpy()
            return pixels
        except tf.errors.OpError as error:
            raise BadDataError(
                "the image cannot be read",
                expected="an image file that the model takes",
                got=explain_error(error),
                remedy="fix or leave out the file",
            ) from error


def load_bundle(path: Path, digest: str | None = None) -> Bundle:
    """Check every byte of a bundle, then load it.

    Raises:
        BadDataError: a file was changed, removed or added, or the bundle has another digest than
            the given one.
    """
    verified = verify_bundle(path, digest)
    return Bundle(read_manifest(path), verified, load_saved_model(path))
