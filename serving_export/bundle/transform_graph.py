"""The one preprocessing graph, as tensorflow-transform saved it, for tf.data and for export."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from data.spec import IMAGE


class TransformFn(tf.Module):
    """Calls a saved transform graph; whatever it needs (tables, constants) is tracked with it."""

    def __init__(self, path: Path) -> None:
        """Load tensorflow-transform's output folder, the one that holds `transform_fn/`."""
        super().__init__()
        self.saved = tf.saved_model.load(str(path / "transform_fn"))

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Transform a batch of images.

        Args:
            images: (batch, height, width, channels) float32, 0-255.

        Returns:
            The transformed feature `image`, (batch, …), of the graph's own dtype and range.
        """
        (wanted,), _ = self.saved.transform_fn.structured_input_signature
        # Served images have no label. The graph's signature asks for all raw features, and what is
        # computed from the others is not used, so zeros do.
        features = {
            name: tf.zeros([tf.shape(images)[0], *spec.shape[1:]], spec.dtype)
            for name, spec in wanted.items()
            if name != IMAGE
        }
        return self.saved.transform_fn({**features, IMAGE: images})[IMAGE]
