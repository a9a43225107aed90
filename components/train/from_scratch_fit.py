"""The from-scratch tutorial's training, written as one's own would be: against `Training` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from components.models.from_scratch import Sequential, build, cross_entropy, descend

if TYPE_CHECKING:
    from components.train.training import Training

_LEARNING_RATE = 0.001


def train_fn(training: Training) -> Sequential:
    """Plain gradient descent on hand-written layers; `train.model_options` has their `units`."""
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
            found = values(model(images), labels)
            loss = tf.reduce_sum(found["loss"] * weights)
        descend(model.weights, tape.gradient(loss, model.weights), learning_rate)
        return found

    training.run(
        step,
        variables=model.weights,
        validate=lambda images, labels: values(model(images), labels),
    )
    return model
