"""Models that others wrote, asked as ours are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import across_the_batch
import numpy as np
import pytest
import tensorflow as tf

from components.evaluate.standalone.unmanaged_model import adapt, load_adapted
from data.spec import ImageSpec
from serving_export.bundle.manifest import EXAMPLES, PROBABILITIES
from serving_export.bundle.requests import encode_for_signatures
from serving_export.parity.batch_independence import find_bundle_difference

SPEC = ImageSpec(height=8, width=8, channels=1, class_names=("a", "b", "c"))


def written(folder: Path, way: Callable[[Any], Any]) -> Path:
    """A SavedModel of uint8 images, by whoever."""
    weights = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)

    class Theirs(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.uint8, "pixels")])
        def classify(self, pixels: Any) -> dict[str, Any]:
            values = way(tf.cast(pixels, tf.float32) / 255.0)
            return {"scores": tf.nn.softmax(tf.reshape(values, [-1, 64]) @ weights)}

    module = Theirs()
    tf.saved_model.save(module, str(folder), signatures={"theirs": module.classify})
    return folder


@pytest.mark.slow
def test_it_is_asked_whether_it_looks_at_other_images(
    digit_arrays: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    images, labels = (array[:100] for array in digit_arrays)
    for way, holds in ((lambda x: x, True), (across_the_batch.z_score, False)):
        folder = written(tmp_path / str(holds), way)
        ask = load_adapted(adapt(folder, SPEC, tmp_path / f"adapted {holds}"))
        (batch,) = (encoded for name, encoded in encode_for_signatures(images) if name == EXAMPLES)
        answers = ask(EXAMPLES, batch)[PROBABILITIES]
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
        seen = find_bundle_difference(ask, images, labels, [EXAMPLES])
        assert (seen.value <= 1e-5) == holds
        assert seen.arrangement.startswith("by examples")
