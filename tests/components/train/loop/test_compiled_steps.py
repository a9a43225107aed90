from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.train import Config, devices
from components.train.loop.compiled_steps import CompiledLoop


def test_the_step_is_traced_once_and_the_sums_are_numpys() -> None:
    traced = []

    def step(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        traced.append(images)
        mean = tf.reduce_mean(images, axis=[1, 2, 3])
        return {"right": tf.cast(labels == 1, tf.float32), "loss": mean, "weight": weights}

    def prepare(
        images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return images, tf.ones_like(labels, tf.float32)

    loop = CompiledLoop(step, prepare, devices.choose_hardware(Config(device="cpu")), (2, 3, 1))
    assert loop.sums.means() == {}
    rng = np.random.default_rng(0)
    for epoch, sizes in enumerate(((10, 4), (7,))):
        loop.sums.start()
        seen = [
            (rng.integers(0, 256, (n, 2, 3, 1), np.uint8), rng.integers(0, 2, n)) for n in sizes
        ]
        for images, labels in seen:
            batches = -(-len(labels) // 4)
            losses = loop.call(images, labels, 0, batches, 4).numpy()
            wanted = [images[at : at + 4].mean() for at in range(0, len(labels), 4)]
            np.testing.assert_allclose(losses, wanted, rtol=1e-6)
        images, labels = (np.concatenate(part) for part in zip(*seen, strict=True))
        means = loop.sums.means()
        assert next(iter(means)) == "loss"
        assert means["loss"] == pytest.approx(images.mean(), rel=1e-6)
        assert means["right"] == pytest.approx(labels.mean())
        assert int(loop.done) == (4, 6)[epoch]
    assert len(traced) == 1
