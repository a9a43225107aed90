"""Prepare raw images for a training step, on the device: augment, transform, weight.

Only this module applies the augmentation, so the serving graph cannot contain it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from components.artifacts import Examples
from components.train.loop.augmentation import Augmentation
from data.batches.training import SPLIT
from data.code.import_path import load_object

if TYPE_CHECKING:
    from components.train.config import Config


class Preparation:
    """Prepares batches for the compiled loop, without any state between batches."""

    def __init__(
        self,
        examples: Examples,
        transform: Callable[[tf.Tensor], tf.Tensor],
        config: Config,
        seed: int,
    ) -> None:
        self._transform = transform
        self._seed = seed
        self._augmentation = Augmentation(config.augmentation, examples.spec)
        self._own = load_object(config.augmentation_fn) if config.augmentation_fn else None
        self._class_weights = tf.constant(compute_class_weights(examples, config), tf.float32)
        self._sample_weights = (
            load_object(config.sample_weight_fn) if config.sample_weight_fn else None
        )

    def prepare(
        self, images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the transformed images, and a weight (n,) float32 for each image.

        Args:
            images: (n, height, width, channels) float32, 0-255.
            labels: (n,) int64.
            number: () int64, unique for each batch of the training and each replica.
        """
        weights = tf.gather(self._class_weights, labels)
        if self._sample_weights:
            weights *= tf.cast(self._sample_weights(images, labels), tf.float32)
        seed = tf.stack([tf.constant(self._seed, tf.int64), number])
        images = self._augmentation(images, seed)
        if self._own:
            images = self._own(images, seed)
        return self._transform(images), weights


def compute_class_weights(examples: Examples, config: Config) -> list[float]:
    """Compute a weight for each class, in the order of the classes.

    `balance_classes` gives images / (classes * images of the class), like "balanced" in
    scikit-learn; `class_weights` multiplies the classes that it names.

    Raises:
        ConfigError: a name is no class.
    """
    names, counts = examples.spec.class_names, examples.counts[SPLIT]
    config.check_class_names(names)
    total = sum(counts)
    balanced = [total / (len(names) * count) if count else 0.0 for count in counts]
    weights = balanced if config.balance_classes else [1.0] * len(names)
    return [w * config.class_weights.get(n, 1.0) for n, w in zip(names, weights, strict=True)]
