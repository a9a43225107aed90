"""The weights as they will be exported, where training itself goes on with others: an average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class FinalWeights:
    """Puts the weights that will be exported in the place of those that are trained, and back.

    What is validated, chosen and exported is so one model. An interrupt may come at any time: after
    `put_back`, which may be called again, all weights are as they were trained.
    """

    def __init__(
        self, weights: Sequence[Any] = (), finalize: Callable[[], None] = lambda: None
    ) -> None:
        """Without arguments: what is trained is what is exported.

        Args:
            weights: Keras's or TensorFlow's variables that `finalize` changes.
            finalize: gives them the values that the trained model is to have, such as their
                averages, and changes nothing else.
        """
        self._weights = list(weights)
        self._finalize = finalize
        self._trained: list[tf.Tensor] = []  # the weights as trained, while others stand there
        self._shown: list[tf.Tensor] = []  # those others

    def show(self) -> None:
        """Put the final weights there."""
        self._trained = self._values()
        self._finalize()
        self._shown = self._values()

    def changed(self) -> bool:
        """Whether somebody wrote into the weights since `show`: it will be lost."""
        pairs = zip(self._shown, self._values(), strict=True)
        same = (tf.reduce_all((a == b) | ((a != a) & (b != b))) for a, b in pairs)
        return not all(map(bool, same))

    def put_back(self) -> None:
        """Put the weights as trained there again, bit for bit."""
        for variable, value in zip(self._weights, self._trained, strict=bool(self._trained)):
            variable.assign(value)
        self._trained = self._shown = []

    def _values(self) -> list[tf.Tensor]:
        return [tf.identity(tf.convert_to_tensor(weight)) for weight in self._weights]
