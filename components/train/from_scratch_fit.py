"""Train the model of the from-scratch tutorial: an example of a train_fn of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from components.models.from_scratch import Sequential, build, cross_entropy, descend

if TYPE_CHECKING:
    from components.train.training import Training

_LEARNING_RATE = 0.001


def train_fn(training: Training) -> Sequential:
    """Train hand-written layers by gradient descent; `train.model_options` sets their `units`."""
    config = training.config
    with training.hardware.scope():
        model = build(training.examples.spec, config.model_options, training.seed)
    training.warm_start(model.weights)
    learning_rate = config.learning_rate or _LEARNING_RATE

    def values(output: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        right = tf.argmax(output, axis=1) == labels
        return {"loss": cross_entropy(output, labels), "accuracy": right}

    def step(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            results = values(model(images), labels)
            loss = tf.reduce_sum(results["loss"] * weights)
        descend(model.weights, tape.gradient(loss, model.weights), learning_rate)
        return results

    training.run(
        step,
        variables=model.weights,
        validate=lambda images, labels: values(model(images), labels),
    )
    return model
