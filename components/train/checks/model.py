"""A model is tried before it is trained, so that what does not fit is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.train.keras_model.suspicions import find_suspicions
from data.code.import_path import load_object
from data.errors import ConfigError, PenstockError, summarize_error
from data.spec import ImageSpec

if TYPE_CHECKING:
    from components.train.config import Config
    from components.train.training import Training

_IMAGES = 8
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
# Methods that Keras's `fit` would call, and Train does not.
_NOT_CALLED = (
    "fit",
    "train_step",
    "test_step",
    "make_train_function",
    "make_test_function",
    "compute_metrics",
)
_SUM_TOLERANCE = 0.01  # of a row of probabilities in float16


def build_checked_model(training: Training) -> keras.Model:
    """The model that `train.model` builds, tried on noise.

    Raises:
        ConfigError: it cannot be built, does not take the transformed images, has a training step
            of its own, or gives something else than `train.model_output` says.
    """
    config, spec = training.config, training.examples.spec
    model = build_configured_model(config, spec)
    with _told(config, spec):
        seen = training.transform(tf.constant(_noise(spec)))
        output = model(seen, training=False)
        output = np.asarray(tf.cast(output, tf.float32))
    check_output(output, spec, config.model, config.model_output)
    refuse_python(model, seen, config.model)
    for words in find_suspicions(model, seen.numpy(), output, config.model_output):
        training.warn(words)
    return model


def build_configured_model(config: Config, spec: ImageSpec) -> keras.Model:
    """What the config's build_model gives for these images.

    Raises:
        ConfigError: it fails, gives no Keras model, or one with a training step of its own.
    """
    build_model = load_object(config.model_path)
    with _told(config, spec):
        model = build_model(spec, config.model_options)
        if not isinstance(model, keras.Model):
            raise TypeError(f"a {type(model).__name__}, which is no Keras model")
    for name in _NOT_CALLED:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            raise ConfigError(
                f"the model {config.model!r} has a {name} of its own, which would not be called",
                follows="nothing was trained",
                remedy="write it as a train_fn: see train.train_fn in docs/how-to/training.md",
            )
    return model


@contextmanager
def _told(config: Config, spec: ImageSpec) -> Iterator[None]:
    """Turn what the user's own model raises in the block into words."""
    try:
        yield
    except PenstockError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the model {config.model!r} cannot be built for images of {spec.shape}",
            expected="build_model(spec, options): a Keras model that takes the transformed images",
            got=summarize_error(error),
            remedy="mend the function that train.model names",
        ) from error


def refuse_python(model: keras.Model, seen: tf.Tensor, name: str) -> None:
    """Refuse a model that needs Python to answer: what serves it has none.

    Args:
        model: built.
        seen: any transformed images.
        name: of the model, for the words.
    """
    try:
        call = tf.function(lambda images: model(images, training=False), autograph=False)
        asked = tf.TensorSpec([None, *seen.shape[1:]], seen.dtype)
        graph = call.get_concrete_function(asked).graph.as_graph_def()
    except Exception as error:
        got = summarize_error(error)
    else:
        nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
        needs = [node.name for node in nodes if node.op in _PYTHON]
        if not needs:
            return
        got = f"Python is called in {', '.join(needs[:4])}"
    raise ConfigError(
        f"the model {name!r} works in Python only, and cannot be exported",
        expected="TensorFlow's operations alone",
        got=got,
        follows="nothing was trained",
        remedy="write it without numpy_function, py_function and .numpy()",
    )


def check_output(output: np.ndarray, spec: ImageSpec, model: str, model_output: str) -> None:
    """Refuse an output of the wrong width, or of the other kind than the loss takes.

    Args:
        output: (n, classes) float32, what the model gives for any n images.

    Raises:
        ConfigError: with what the loss would make of it.
    """
    if output.shape[1:] != (spec.num_classes,):
        raise ConfigError(
            f"the output of the model {model!r} does not fit the classes",
            expected=f"shape (batch, {spec.num_classes})",
            got=f"(batch, {', '.join(map(str, output.shape[1:]))})",
            remedy="let the last layer give spec.num_classes numbers",
        )
    sums = output.sum(axis=1)
    are = bool((output >= 0).all() and (np.abs(sums - 1) < _SUM_TOLERANCE).all())
    if are == (model_output == "probabilities") or not np.isfinite(output).all():
        return
    happens = "the softmax would be taken twice" if are else "no softmax would be taken at all"
    seen = (
        f"values from {output.min():.3g} to {output.max():.3g}, rows that sum to {sums.min():.3g}"
    )
    other = "probabilities" if are else "logits"
    raise ConfigError(
        f"the model {model!r} gives {other}, and train.model_output says {model_output}: {happens}",
        expected=model_output,
        got=f"{seen} to {sums.max():.3g}",
        follows="nothing was trained",
        remedy=f"--set train.model_output={other}, or "
        + ("take the softmax off the last layer" if are else "let the last layer end in softmax"),
    )


def check_served(
    predict: Callable[[tf.Tensor], Any], spec: ImageSpec, model: str, model_output: str
) -> None:
    """The same for a model that a train_fn returned, once it is trained.

    Args:
        predict: from transformed images to (n, classes).
    """
    output = tf.cast(predict(tf.constant(_noise(spec))), tf.float32)
    check_output(np.asarray(output), spec, model, model_output)


def _noise(spec: ImageSpec) -> np.ndarray:
    shape = (_IMAGES, *spec.shape)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
