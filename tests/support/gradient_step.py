"""Compute a step of the from-scratch tutorial by hand, to check the compiled loop."""

from __future__ import annotations

import tensorflow as tf

from components.models.from_scratch import Sequential, cross_entropy, descend


def gradient_step(
    model: Sequential, images: tf.Tensor, labels: tf.Tensor, learning_rate: float
) -> tf.Tensor:
    """One step of plain stochastic gradient descent, eager or inside a `tf.function`.

    Args:
        images: (n, …) float32, as the model takes them.
        labels: (n,) integers, 0 <= label < classes.

    Returns:
        The mean loss of the batch before the step, () float32.
    """
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(cross_entropy(model(images), labels))
    descend(model.weights, tape.gradient(loss, model.weights), learning_rate)
    return loss
