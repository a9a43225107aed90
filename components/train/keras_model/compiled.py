"""Compile a Keras model with the optimizer of the config and its loss."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from data.errors import ConfigError, summarize_error

if TYPE_CHECKING:
    from components.train.training import Training

_IMAGES = 8
_MEANS = ("sum_over_batch_size", "mean")
# Arguments of `compile` that cannot be used, and what to do instead.
_UNUSED = {
    "metrics": "Train measures loss and accuracy; measure more in a callback",
    "weighted_metrics": "Train measures loss and accuracy; measure more in a callback",
    "run_eagerly": "Train compiles its steps; write a train_fn to train eagerly",
}


def compile_model(model: keras.Model, optimizer: keras.Optimizer, training: Training) -> None:
    """Compile the model, keeping a loss that it was compiled with, and try the loss.

    Raises:
        ConfigError: it was compiled with arguments that Train does not use, or with another
            optimizer than that of the config; its loss does not fit the labels or
            `train.model_output`.
    """
    config, replicas = training.config, training.hardware.replicas
    given = model._compile_config.config if model.compiled else {}
    _refuse_unused(given, optimizer)
    loss = given.get("loss")
    if loss is not None:
        _refuse_other_output(loss, config.model_output)
    own = type(model).compute_loss is not keras.Model.compute_loss
    if replicas > 1 and (own or getattr(loss, "reduction", _MEANS[0]) not in _MEANS):
        raise ConfigError(
            f"the model {config.model!r} has its own loss, and there are {replicas} devices",
            expected="a loss that is a mean over images, which can be divided among devices",
            follows="nothing was trained",
            remedy="train on one device (CUDA_VISIBLE_DEVICES=0, or train.device=cpu), or compile "
            "the model with a keras.losses.Loss that is a mean",
        )
    model.compile(
        optimizer=optimizer,
        loss=loss or keras.losses.SparseCategoricalCrossentropy(config.model_output == "logits"),
        loss_weights=given.get("loss_weights"),
        metrics=["accuracy"],
    )
    if replicas == 1:
        _try_loss(model, training)


class Loss:
    """Compute the loss of a batch as Keras does: a scalar.

    It is the mean loss over the images plus the losses that layers add.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._takes_training = "training" in inspect.signature(model.compute_loss).parameters

    def __call__(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        output: tf.Tensor,
        weights: tf.Tensor | None,
        training: bool,
    ) -> tf.Tensor:
        arguments = {"training": training} if self._takes_training else {}
        loss = self._model.compute_loss(images, labels, output, weights, **arguments)
        # Keras divides the loss by the number of replicas, because it sums over them.
        scale = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.cast(loss, tf.float32) * tf.cast(scale, tf.float32)


def _refuse_unused(given: dict[str, Any], optimizer: keras.Optimizer) -> None:
    for name, instead in _UNUSED.items():
        if given.get(name):
            raise ConfigError(
                f"the model is compiled with {name}, which Train does not use",
                expected="a model that is not compiled, or compile(optimizer=None, loss=…)",
                got=f"{name}={given[name]!r}",
                follows="nothing was trained",
                remedy=instead,
            )
    compiled = given.get("optimizer")
    if compiled is not None and _describe(compiled) != _describe(optimizer):
        raise ConfigError(
            "the model is compiled with another optimizer than that of the config",
            expected=f"no optimizer, or {_describe(optimizer)}",
            got=_describe(compiled),
            follows="nothing was trained",
            remedy="compile(optimizer=None, loss=…) in build_model, or load_model(…, "
            "compile=False), and name the optimizer in train.optimizer, train.optimizer_options "
            "and train.learning_rate",
        )


def _describe(optimizer: keras.Optimizer) -> dict[str, Any]:
    settings = {k: v for k, v in optimizer.get_config().items() if k != "name"}
    return {"optimizer": type(optimizer).__name__, **settings}


def _refuse_other_output(loss: Any, model_output: str) -> None:
    """Refuse a loss that takes logits if the model gives probabilities, or the reverse."""
    function = keras.losses.get(loss) if isinstance(loss, str) else loss
    from_logits = getattr(function, "from_logits", None)
    if from_logits is None and inspect.isfunction(inspect.unwrap(function)):
        parameter = inspect.signature(function).parameters.get("from_logits")
        from_logits = parameter.default if parameter else None
    if from_logits is not None and bool(from_logits) != (model_output == "logits"):
        raise ConfigError(
            f"the model's loss has from_logits={bool(from_logits)}, and train.model_output says "
            f"{model_output}",
            expected=f"from_logits={model_output == 'logits'}",
            follows="nothing was trained",
            remedy="change from_logits in compile(loss=…), or train.model_output",
        )


def _try_loss(model: keras.Model, training: Training) -> None:
    """Try the loss on grey images; this also lets Keras build its metrics."""
    shape = (_IMAGES, *training.examples.spec.shape)
    images = training.transform(tf.fill(shape, 127.0))
    labels = tf.zeros(_IMAGES, tf.int64)
    try:
        output = model(images, training=False)
        loss = Loss(model)(images, labels, output, None, False)
        model.compute_metrics(images, labels, output)
    except Exception as error:
        raise ConfigError(
            f"the loss of the model {training.config.model!r} cannot be computed",
            expected=f"a loss of labels (n,) int64 and outputs {tuple(output.shape[1:])} each",
            got=summarize_error(error),
            remedy="change the loss that the model is compiled with, or its compute_loss",
        ) from error
    model.reset_metrics()
    if loss.shape != ():
        raise ConfigError(
            f"the loss of the model {training.config.model!r} is not a scalar",
            expected="a scalar, the mean over a batch",
            got=f"shape {tuple(loss.shape)}",
            remedy="reduce it in compute_loss, or set the reduction of the loss",
        )
