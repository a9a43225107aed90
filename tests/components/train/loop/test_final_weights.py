from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.train.loop.final_weights import FinalWeights


class Interrupted:
    """Two weights and their averages; Ctrl-C after the first was put in place."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.values = [rng.normal(size=(3, 2)).astype(np.float32) for _ in range(2)]
        self.weights = [tf.Variable(value) for value in self.values]
        self.averages = [value * np.float32(1 / 3) for value in self.values]
        self.interrupts = False

    def finalize(self) -> None:
        for weight, average in zip(self.weights, self.averages, strict=True):
            weight.assign(average)
            if self.interrupts:
                raise KeyboardInterrupt

    def are(self, values: list[np.ndarray]) -> bool:
        pairs = zip(self.weights, values, strict=True)
        return all(np.array_equal(weight.numpy(), value) for weight, value in pairs)


def test_there_and_back_bit_for_bit() -> None:
    model = Interrupted()
    final = FinalWeights(model.weights, model.finalize)
    final.show()
    assert model.are(model.averages)
    assert not final.changed()
    final.put_back()
    assert model.are(model.values)
    model.weights[0].assign_add(tf.ones([3, 2]))
    final.put_back()  # again: nothing more is put back
    assert not model.are(model.values)


def test_an_interrupt_halfway_is_put_back_too() -> None:
    model = Interrupted()
    model.interrupts = True
    final = FinalWeights(model.weights, model.finalize)
    with pytest.raises(KeyboardInterrupt):
        final.show()
    assert not model.are(model.values)
    final.put_back()
    assert model.are(model.values)


def test_what_somebody_wrote_shows() -> None:
    model = Interrupted()
    final = FinalWeights(model.weights, model.finalize)
    final.show()
    model.weights[1].assign(tf.fill([3, 2], float("nan")))
    assert final.changed()


def test_nan_that_was_there_is_no_change() -> None:
    model = Interrupted()
    model.averages[0][0, 0] = np.nan
    final = FinalWeights(model.weights, model.finalize)
    final.show()
    assert not final.changed()


def test_without_final_weights_nothing_is_touched() -> None:
    final = FinalWeights()
    final.show()
    assert not final.changed()
    final.put_back()
