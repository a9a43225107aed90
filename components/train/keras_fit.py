"""How Train fits a Keras model: what the config says, written against `Training` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.train.checks.model import build_checked_model
from components.train.keras_model.compiled import Loss, compile_model
from components.train.keras_model.keras_callbacks import KerasCallbacks
from components.train.loop.final_weights import FinalWeights
from data.errors import ConfigError, suggest_names

if TYPE_CHECKING:
    from components.train.config import Config
    from components.train.training import Training


def train_fn(training: Training) -> keras.Model:
    """Build the model that the config names, and train it to the end.

    Raises:
        ConfigError: a model, optimizer or schedule that cannot be built or does not fit; a model
            whose output the loss would softmax twice or not at all.
    """
    config = training.config
    with training.hardware.scope():
        model = build_checked_model(training)
        training.warm_start(model.weights)  # before the optimizer, which may begin with a copy
        # puts loss scaling around the optimizer where precision needs it
        compile_model(model, make_optimizer(config), training)
        model.optimizer.build(model.trainable_variables)
    update = Update(model.optimizer, model.trainable_variables, training)
    loss_of = Loss(model)
    weighted = bool(config.class_weights or config.balance_classes or config.sample_weight_fn)

    def values(loss: tf.Tensor, output: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        right = tf.argmax(tf.cast(output, tf.float32), axis=1) == labels
        return {"loss": tf.fill(tf.shape(labels), loss), "accuracy": right}

    def step(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        here = tf.cast(tf.shape(labels)[0], tf.float32)
        whole = sum_over_replicas(here)
        with tf.GradientTape() as tape:
            output = model(images, training=True)
            loss = loss_of(images, labels, output, weights * whole if weighted else None, True)
            scaled = model.optimizer.scale_loss(loss * (here / whole))
        update(tape, scaled)
        return values(loss, output, labels)

    def validate(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        output = model(images, training=False)
        return values(loss_of(images, labels, output, None, False), output, labels)

    training.run(
        step,
        variables=[*model.variables, *model.optimizer.variables],
        validate=validate,
        hooks=[KerasCallbacks(model, training)],
        final=final_weights(model),
    )
    return model


def final_weights(model: keras.Model) -> FinalWeights:
    """Of a model whose optimizer averages them (`use_ema`) the averages, as `fit` ends with."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of loss scaling
    if not optimizer.use_ema:
        return FinalWeights()
    weights = model.trainable_variables
    return FinalWeights(weights, lambda: optimizer.finalize_variable_values(weights))


def sum_over_replicas(number: tf.Tensor) -> tf.Tensor:
    """The sum of a number over all replicas of a step."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return number
    return context.all_reduce(tf.distribute.ReduceOp.SUM, number)


def make_optimizer(config: Config) -> keras.Optimizer:
    """The optimizer that the config names, by Keras's own names of it, its options and schedules.

    Raises:
        ConfigError: an unknown name, with the close matches, or options that it does not take.
    """
    if config.optimizer.lower() == "schedulefreeadamw":
        # Each step reads a moment after it was written, or before: Keras leaves that to TensorFlow.
        raise ConfigError(
            "Keras's ScheduleFreeAdamW gives other weights compiled than not, and other ones on a "
            "strategy's device",
            follows="nothing was trained",
            remedy="--set train.optimizer=adamw, with use_ema=true in train.optimizer_options for "
            "an average, or write a train_fn",
        )
    options = dict(config.optimizer_options)
    if config.learning_rate is not None:
        options["learning_rate"] = config.learning_rate
    if config.learning_rate_schedule:
        options["learning_rate"] = _made(
            keras.optimizers.schedules, config.learning_rate_schedule, config.schedule_options
        )
    return _made(keras.optimizers, config.optimizer, options)


def _made(module: Any, name: str, options: Mapping[str, Any]) -> Any:
    """A class of the module by its name in any case, called with the options."""
    known = {n.lower(): kind for n, kind in vars(module).items() if isinstance(kind, type)}
    if name.lower() not in known:
        raise ConfigError(
            f"{module.__name__.removesuffix('.api')} has no {name!r}",
            remedy=suggest_names(name.lower(), known),
        )
    try:
        return known[name.lower()](**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{known[name.lower()].__name__} cannot be made with these options",
            got=f"{dict(options)}: {error}",
            remedy="its page in Keras's documentation lists them",
        ) from error


class Update:
    """Applies the gradients of a loss, compiled by XLA where that pays.

    XLA makes one pass over memory of what Keras writes as a dozen operations for each variable.
    """

    def __init__(
        self, optimizer: keras.Optimizer, variables: Sequence[Any], training: Training
    ) -> None:
        self._optimizer = optimizer
        self._variables = list(variables)
        self._compiled = training.hardware.xla == "update"

    def __call__(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        gradients = tape.gradient(loss, [variable.value for variable in self._variables])
        pairs = [(g, v) for g, v in zip(gradients, self._variables, strict=True) if g is not None]

        def apply(*some: tf.Tensor) -> None:
            self._optimizer.apply(list(some), [variable for _, variable in pairs])

        if self._compiled:
            apply = tf.function(apply, jit_compile=True, autograph=False)
        apply(*(gradient for gradient, _ in pairs))
