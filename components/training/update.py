"""How gradients change the weights: alike on one device and on several, compiled where it pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from components.training.hardware import Hardware
from data.errors import ConfigError

_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")
_ON_ONE_DEVICE = ("gradient_accumulation_steps", "ema_overwrite_frequency")


class Update:
    """Applies the gradients of a loss by a Keras optimizer.

    XLA makes one pass over memory of what Keras writes as a dozen operations for each variable.

    On several devices Keras clips the gradients of each replica's share, and looks for an overflow
    of a scaled loss in the first's, before it sums them. Here each gets an equal part of the sum
    instead, and clips at an equal part of the threshold, so both see what one device would.

    Raises:
        ConfigError: an option of the optimizer that Keras cannot have on several devices.
    """

    def __init__(
        self, optimizer: keras.Optimizer, variables: Sequence[Any], hardware: Hardware
    ) -> None:
        self._optimizer = optimizer
        self._variables = list(variables)
        self._hardware = hardware
        if hardware.replicas > 1:
            _let_replicas_agree(getattr(optimizer, "inner_optimizer", optimizer), hardware)

    def __call__(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        gradients = tape.gradient(loss, [variable.value for variable in self._variables])
        pairs = [(g, v) for g, v in zip(gradients, self._variables, strict=True) if g is not None]

        def apply(*some: tf.Tensor) -> None:
            self._optimizer.apply(list(some), [variable for _, variable in pairs])

        if self._hardware.xla == "update":
            apply = tf.function(apply, jit_compile=True, autograph=False)
        apply(*self._parts([tf.convert_to_tensor(gradient) for gradient, _ in pairs]))

    def _parts(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Of their sum over the replicas, one for each; of one replica, the gradients."""
        if self._hardware.replicas == 1:
            return gradients
        sums = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        return [gradient / self._hardware.replicas for gradient in sums]


def _let_replicas_agree(optimizer: keras.Optimizer, hardware: Hardware) -> None:
    for option in _ON_ONE_DEVICE:
        if getattr(optimizer, option):
            raise ConfigError(
                f"{option} works on one device alone",
                expected=f"train.optimizer_options without it on {hardware.words}",
                got=getattr(optimizer, option),
                follows="nothing was trained",
                remedy="train without it, or let CUDA_VISIBLE_DEVICES name one GPU",
            )
    for option in _CLIPPING:
        if getattr(optimizer, option):
            setattr(optimizer, option, getattr(optimizer, option) / hardware.replicas)
