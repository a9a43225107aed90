"""Load the preprocessing graph that tensorflow-transform saved, for tf.data and for export."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from data.spec import IMAGE


class TransformFn(tf.Module):
    """Calls a saved transform graph, and tracks its tables and constants."""

    def __init__(self, path: Path) -> None:
        """Load tensorflow-transform's output folder, which contains `transform_fn/`."""
        super().__init__()
        self.saved = tf.saved_model.load(str(path / "transform_fn"))

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Transform a batch of images.

        Args:
            images: (batch, height, width, channels) float32, 0-255.

        Returns:
            The transformed feature `image`, (batch, …), of the graph's own dtype and range.
        """
        (inputs,), _ = self.saved.transform_fn.structured_input_signature
        # Served images have no label, but the graph's signature requires all raw features. What it
        # computes from the others is not used, so they are zeros.
        features = {
            name: tf.zeros([tf.shape(images)[0], *spec.shape[1:]], spec.dtype)
            for name, spec in inputs.items()
            if name != IMAGE
        }
        return self.saved.transform_fn({**features, IMAGE: images})[IMAGE]
