"""Try a model on a few images before it is trained."""

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
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")  # operations that call Python
# Methods that `fit` of Keras calls and Train does not.
_NOT_CALLED = (
    "fit",
    "train_step",
    "test_step",
    "make_train_function",
    "make_test_function",
    "compute_metrics",
)
_SUM_TOLERANCE = 0.01  # deviation of a sum of probabilities in float16 from 1


def build_checked_model(training: Training) -> keras.Model:
    """Build the model that `train.model` names, and try it on noise.

    Raises:
        ConfigError: it cannot be built, does not take the transformed images, has its own training
            step, or its output is not what `train.model_output` says.
    """
    config, spec = training.config, training.examples.spec
    model = build_configured_model(config, spec)
    with _explain_build_errors(config, spec):
        inputs = training.transform(tf.constant(_make_noise(spec)))
        output = model(inputs, training=False)
        output = np.asarray(tf.cast(output, tf.float32))
    check_output(output, spec, config.model, config.model_output)
    refuse_python(model, inputs, config.model)
    for warning in find_suspicions(model, inputs.numpy(), output, config.model_output):
        training.warn(warning)
    return model


def build_configured_model(config: Config, spec: ImageSpec) -> keras.Model:
    """Call the build_model of the config.

    Raises:
        ConfigError: it fails, returns no Keras model, or a model with its own training step.
    """
    build_model = load_object(config.model_path)
    with _explain_build_errors(config, spec):
        model = build_model(spec, config.model_options)
        if not isinstance(model, keras.Model):
            raise TypeError(f"a {type(model).__name__}, which is not a keras.Model")
    for name in _NOT_CALLED:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            raise ConfigError(
                f"the model {config.model!r} has its own {name}, which would not be called",
                expected="a model that uses the training step of keras.Model",
                follows="nothing was trained",
                remedy="write the training as a train_fn: see docs/how-to/training.md",
            )
    return model


@contextmanager
def _explain_build_errors(config: Config, spec: ImageSpec) -> Iterator[None]:
    """Turn errors of the user's model in the block into a ConfigError."""
    try:
        yield
    except PenstockError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the model {config.model!r} cannot be built for images of {spec.shape}",
            expected="build_model(spec, options): a Keras model that takes the transformed images",
            got=summarize_error(error),
            remedy="fix the function that train.model names",
        ) from error


def refuse_python(model: keras.Model, inputs: tf.Tensor, name: str) -> None:
    """Refuse a model that calls Python: a model server has no Python.

    Args:
        model: a built model.
        inputs: any transformed images.
        name: name of the model, for messages.
    """
    try:
        call = tf.function(lambda images: model(images, training=False), autograph=False)
        signature = tf.TensorSpec([None, *inputs.shape[1:]], inputs.dtype)
        graph = call.get_concrete_function(signature).graph.as_graph_def()
    except Exception as error:
        got = summarize_error(error)
    else:
        nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
        calls = [node.name for node in nodes if node.op in _PYTHON]
        if not calls:
            return
        got = f"Python is called in {', '.join(calls[:4])}"
    raise ConfigError(
        f"the model {name!r} calls Python and cannot be exported",
        expected="only TensorFlow operations",
        got=got,
        follows="nothing was trained",
        remedy="write it without numpy_function, py_function and .numpy()",
    )


def check_output(output: np.ndarray, spec: ImageSpec, model: str, model_output: str) -> None:
    """Refuse an output of the wrong width, or probabilities in place of logits or the reverse.

    Args:
        output: (n, classes) float32, the output of the model for any n images.

    Raises:
        ConfigError: the output does not fit the classes or `train.model_output`.
    """
    if output.shape[1:] != (spec.num_classes,):
        raise ConfigError(
            f"the output of the model {model!r} does not fit the classes",
            expected=f"shape (batch, {spec.num_classes})",
            got=f"(batch, {', '.join(map(str, output.shape[1:]))})",
            remedy="let the last layer give spec.num_classes numbers",
        )
    sums = output.sum(axis=1)
    is_probability = bool((output >= 0).all() and (np.abs(sums - 1) < _SUM_TOLERANCE).all())
    if is_probability == (model_output == "probabilities") or not np.isfinite(output).all():
        return
    effect = (
        "the softmax would be applied twice" if is_probability else "no softmax would be applied"
    )
    values = (
        f"values from {output.min():.3g} to {output.max():.3g}, rows that sum to {sums.min():.3g}"
    )
    actual = "probabilities" if is_probability else "logits"
    raise ConfigError(
        f"the model {model!r} gives {actual}, and train.model_output says {model_output}: {effect}",
        expected=model_output,
        got=f"{values} to {sums.max():.3g}",
        follows="nothing was trained",
        remedy=f"--set train.model_output={actual}, or "
        + (
            "remove the softmax from the last layer"
            if is_probability
            else "end the last layer with a softmax"
        ),
    )


def check_served(
    predict: Callable[[tf.Tensor], Any], spec: ImageSpec, model: str, model_output: str
) -> None:
    """Check the output of a trained model that a train_fn returned.

    Args:
        predict: a function from transformed images to (n, classes).
    """
    output = tf.cast(predict(tf.constant(_make_noise(spec))), tf.float32)
    check_output(np.asarray(output), spec, model, model_output)


def _make_noise(spec: ImageSpec) -> np.ndarray:
    shape = (_IMAGES, *spec.shape)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
