"""Swap the trained weights with the weights to export, such as an average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class FinalWeights:
    """Swaps the trained weights with the weights to export, and back.

    So the same model is validated, chosen and exported. An interrupt may come at any time: after
    `put_back`, which may be repeated, all weights are the trained ones.
    """

    def __init__(
        self, weights: Sequence[Any] = (), finalize: Callable[[], None] = lambda: None
    ) -> None:
        """Without arguments the trained weights are exported.

        Args:
            weights: variables of Keras or TensorFlow that `finalize` changes.
            finalize: assigns the values to export to them, such as averages, and changes nothing
                else.
        """
        self._weights = list(weights)
        self._finalize = finalize
        self._trained: list[tf.Tensor] = []  # the trained values, while others are assigned
        self._shown: list[tf.Tensor] = []  # the values to export

    def show(self) -> None:
        """Assign the weights to export."""
        self._trained = self._read_values()
        self._finalize()
        self._shown = self._read_values()

    def changed(self) -> bool:
        """Whether the weights changed since `show`: such a change would be lost."""
        pairs = zip(self._shown, self._read_values(), strict=True)
        same = (tf.reduce_all((a == b) | ((a != a) & (b != b))) for a, b in pairs)
        return not all(map(bool, same))

    def put_back(self) -> None:
        """Assign the trained weights again, bit for bit."""
        for variable, value in zip(self._weights, self._trained, strict=bool(self._trained)):
            variable.assign(value)
        self._trained = self._shown = []

    def _read_values(self) -> list[tf.Tensor]:
        return [tf.identity(tf.convert_to_tensor(weight)) for weight in self._weights]
