"""Build a network of dense layers without Keras, like the from-scratch tutorial.

layer   y = activation(x W + b)
loss    -log of the label's probability
step    W <- W - learning_rate * d loss / d W
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from components.models.options import check_from_scratch_options
from data.spec import ImageSpec

Activation = Callable[[tf.Tensor], tf.Tensor]

_GREATEST_WEIGHT = 0.1
_EPSILON = 1e-7  # the default of keras.config.epsilon()


class Dense(tf.Module):
    """(n, inputs) float32 -> (n, units) float32: `activation(x W + b)`.

    W: (inputs, units), initially uniform in [0, 0.1), the same for the same seed.
    b: (units,), initially zeros.
    """

    def __init__(
        self, inputs: int, units: int, activation: Activation | None, seed: tuple[int, int]
    ) -> None:
        super().__init__()
        self._activation = activation
        initial = tf.random.stateless_uniform([inputs, units], seed, maxval=_GREATEST_WEIGHT)
        self.W = _make_variable(initial, "W")
        self.b = _make_variable(tf.zeros([units]), "b")

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        y = tf.matmul(x, self.W) + self.b
        return y if self._activation is None else self._activation(y)

    @property
    def weights(self) -> list[tf.Variable]:
        return [self.W, self.b]


class Sequential(tf.Module):
    """Dense layers in sequence: (n, …) float32 -> the output of the last layer.

    Each image is flattened in row-major order.
    """

    def __init__(self, dense: Sequence[Dense]) -> None:
        super().__init__()
        self._dense = list(dense)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        # -1 would fail on a batch without images, which the share of a replica may be
        x = tf.reshape(images, [tf.shape(images)[0], self._dense[0].W.shape[0]])
        for layer in self._dense:
            x = layer(x)
        return x

    @property
    def weights(self) -> list[tf.Variable]:
        """W and b of each layer, in order."""
        return [weight for layer in self._dense for weight in layer.weights]


def build(spec: ImageSpec, options: Mapping[str, Any], seed: int) -> Sequential:
    """Build dense relu, dense softmax: (n, height, width, channels) -> (n, classes) probabilities.

    Raises:
        ConfigError: an option that `check_from_scratch_options` refuses.
    """
    units = check_from_scratch_options(options)["units"]
    return Sequential(
        [
            Dense(spec.image_bytes, units, tf.nn.relu, (seed, 0)),
            Dense(units, spec.num_classes, tf.nn.softmax, (seed, 1)),
        ]
    )


def cross_entropy(probabilities: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Compute the loss of each image: (n, classes) float32, (n,) integers -> (n,) float32.

    The operations are those of the sparse categorical cross entropy of probabilities in Keras:
    probabilities are clipped to [1e-7, 1 - 1e-7], so that each has a finite logarithm, and divided
    by their sum. The loss is at most 16.2.
    """
    clipped = tf.clip_by_value(probabilities, _EPSILON, 1 - _EPSILON)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.math.log(clipped))


def descend(
    weights: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], learning_rate: float
) -> None:
    """Subtract `learning_rate` times its gradient from each weight.

    On several replicas the gradients are of shares of one loss, and are summed.
    """
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(gradient * learning_rate)


def _make_variable(initial: tf.Tensor, name: str) -> tf.Variable:
    """Make a variable that sums the changes of all replicas."""
    return tf.Variable(initial, name=name, aggregation=tf.VariableAggregation.SUM)
