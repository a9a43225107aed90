"""Train a Keras model as the config says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.train.checks.keras_names import SCHEDULES
from components.train.checks.model import build_checked_model
from components.train.keras_model.compiled import Loss, compile_model
from components.train.keras_model.keras_callbacks import KerasCallbacks
from components.train.loop.final_weights import FinalWeights
from data.errors import ConfigError, suggest_names

if TYPE_CHECKING:
    from components.train.config import Config
    from components.train.training import Training


def train_fn(training: Training) -> keras.Model:
    """Build the model that the config names, and train it.

    Raises:
        ConfigError: the model, optimizer or schedule cannot be built or does not fit; the softmax
            would be applied to the model's output twice or not at all.
    """
    config = training.config
    with training.hardware.scope():
        model = build_checked_model(training)
        training.warm_start(model.weights)  # before the optimizer, which may copy them
        # adds loss scaling to the optimizer if the precision needs it
        steps = config.epochs * training.steps_per_epoch
        compile_model(model, make_optimizer(config, steps), training)
        model.optimizer.build(model.trainable_variables)
    update = Update(model.optimizer, model.trainable_variables, training)
    loss_of = Loss(model)
    weighted = bool(config.class_weights or config.balance_classes or config.sample_weight_fn)

    def values(loss: tf.Tensor, output: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        right = tf.argmax(tf.cast(output, tf.float32), axis=1) == labels
        return {"loss": tf.fill(tf.shape(labels), loss), "accuracy": right}

    def step(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        share = tf.cast(tf.shape(labels)[0], tf.float32)  # images on this replica
        batch = sum_over_replicas(share)
        with tf.GradientTape() as tape:
            output = model(images, training=True)
            loss = loss_of(images, labels, output, weights * batch if weighted else None, True)
            scaled = model.optimizer.scale_loss(loss * (share / batch))
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
        final=make_final_weights(model),
    )
    return model


def make_final_weights(model: keras.Model) -> FinalWeights:
    """Use the averages of the weights if the optimizer keeps them (`use_ema`), as Keras does."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of loss scaling
    if not optimizer.use_ema:
        return FinalWeights()
    weights = model.trainable_variables
    return FinalWeights(weights, lambda: optimizer.finalize_variable_values(weights))


def sum_over_replicas(number: tf.Tensor) -> tf.Tensor:
    """Sum a number over all replicas of a step."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return number
    return context.all_reduce(tf.distribute.ReduceOp.SUM, number)


def make_optimizer(config: Config, steps: int) -> keras.Optimizer:
    """Make the optimizer of the config, with its options and learning rate schedule.

    Args:
        config: the config of Train.
        steps: of the whole training; a schedule without `decay_steps` decays until the last.

    Raises:
        ConfigError: an unknown name (the close matches are named), or options that Keras refuses.
    """
    if config.optimizer.lower() == "schedulefreeadamw":
        # A step reads a moment before or after it was written: Keras does not fix the order.
        raise ConfigError(
            "ScheduleFreeAdamW gives different weights when Keras compiles it or uses a strategy",
            follows="nothing was trained",
            remedy="--set train.optimizer=adamw, with use_ema=true in train.optimizer_options for "
            "an average, or write a train_fn",
        )
    options = dict(config.optimizer_options)
    if config.learning_rate is not None:
        options["learning_rate"] = config.learning_rate
    if config.learning_rate_schedule:
        options["learning_rate"] = _make_schedule(
            config.learning_rate_schedule, config.schedule_options, steps
        )
    return _instantiate(keras.optimizers, config.optimizer, options)


def _make_schedule(name: str, options: Mapping[str, Any], steps: int) -> Any:
    """Make a learning rate schedule; one that decays does so until the last step by default."""
    names = {each.lower(): each for each in SCHEDULES}
    takes, _ = SCHEDULES.get(names.get(name.lower(), ""), ("", ""))
    if "decay_steps" in takes.split() and "decay_steps" not in options:
        warmup = options.get("warmup_steps") or 0  # CosineDecay decays after its warm-up
        options = {**options, "decay_steps": max(1, steps - warmup)}
    # Keras computes with the type that it gets, and cannot multiply a rate of type int
    rates = {
        option: float(value)
        for option, value in options.items()
        if type(value) is int and option.endswith(("rate", "target"))
    }
    return _instantiate(keras.optimizers.schedules, name, {**options, **rates})


def _instantiate(module: Any, name: str, options: Mapping[str, Any]) -> Any:
    """Instantiate a class of a Keras module, by its name in any case."""
    classes = {n.lower(): kind for n, kind in vars(module).items() if isinstance(kind, type)}
    if name.lower() not in classes:
        raise ConfigError(
            f"{module.__name__.removesuffix('.api')} has no {name!r}",
            remedy=suggest_names(name.lower(), classes),
        )
    try:
        return classes[name.lower()](**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{classes[name.lower()].__name__} does not take these options",
            got=f"{dict(options)}: {error}",
            remedy="correct train.optimizer_options or train.schedule_options; see its page in the "
            "Keras documentation",
        ) from error


class Update:
    """Apply the gradients of a loss, compiled by XLA if that is faster.

    XLA makes one pass over memory; Keras runs a dozen operations for each variable.
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
