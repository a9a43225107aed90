"""From raw images to what a step sees, on the device: augmentation, the transform graph, weights.

Augmentation is here and nowhere else, so the serving graph cannot have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.artifacts import Examples
from data.base.import_path import load_object
from data.batches.training import SPLIT
from data.errors import ConfigError, did_you_mean
from data.spec import ImageSpec

if TYPE_CHECKING:
    from components.train.config import Config

_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
_FILL = "constant"  # what a shift or a rotation uncovers is 0, as beyond an image's edge


class Preparation:
    """`prepare` for the compiled loop, and the variables that it changes."""

    def __init__(
        self,
        examples: Examples,
        transform: Callable[[tf.Tensor], tf.Tensor],
        config: Config,
        seed: int,
    ) -> None:
        self._transform = transform
        self._seed = seed
        self._layers = augmentation(config.augmentation, examples.spec, seed)
        self._own = load_object(config.augmentation_fn) if config.augmentation_fn else None
        self._class_weights = tf.constant(class_weights(examples, config), tf.float32)
        self._sample_weights = (
            load_object(config.sample_weight_fn) if config.sample_weight_fn else None
        )

    @property
    def variables(self) -> list[Any]:
        """The generators of random numbers of the augmentation."""
        return [variable for layer in self._layers for variable in layer.variables]

    def prepare(
        self, images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What the step sees, and a weight (n,) float32 for each image.

        Args:
            images: (n, height, width, channels) float32, 0-255.
            labels: (n,) int64.
            number: () int64, another for each batch of the training and each replica.
        """
        weights = tf.gather(self._class_weights, labels)
        if self._sample_weights:
            weights *= tf.cast(self._sample_weights(images, labels), tf.float32)
        for layer in self._layers:
            images = layer(images, training=True)
        if self._own:
            images = self._own(images, tf.stack([tf.constant(self._seed, tf.int64), number]))
        return self._transform(images), weights


def augmentation(wanted: Mapping[str, Any], spec: ImageSpec, seed: int) -> list[keras.Layer]:
    """Keras's random layers for a config's `augmentation`, applied in this order.

    flip: "horizontal", "vertical" or "horizontal_and_vertical"; half of the images each way.
    rotation: up to so many degrees either way, more than 0, at most 180.
    shift: up to this share of height and of width either way, more than 0, less than 1.
    crop: pad each side by so many pixels of 0, then cut the image's size out anywhere.

    Raises:
        ConfigError: an unknown name, or a value out of range.
    """
    made: dict[str, Callable[[Any], list[keras.Layer]]] = {
        "flip": lambda mode: [keras.layers.RandomFlip(_one_of(mode, _FLIPS), seed=seed)],
        "rotation": lambda degrees: [
            keras.layers.RandomRotation(_within(degrees, 180) / 360, _FILL, seed=seed + 1)
        ],
        "shift": lambda share: [
            keras.layers.RandomTranslation(
                _within(share, 1), _within(share, 1), fill_mode=_FILL, seed=seed + 2
            )
        ],
        "crop": lambda pixels: [
            keras.layers.ZeroPadding2D(int(_within(pixels, min(spec.height, spec.width)))),
            keras.layers.RandomCrop(spec.height, spec.width, seed=seed + 3),
        ],
    }
    for name in wanted:
        if name not in made:
            raise ConfigError(f"no augmentation {name!r}", remedy=did_you_mean(name, made))
    layers = []
    for name, make in made.items():
        if name in wanted:
            try:
                layers += make(wanted[name])
            except (ValueError, TypeError) as error:
                raise ConfigError(
                    f"train.augmentation: {name} cannot be {wanted[name]!r}", got=error
                ) from error
    return layers


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"expected {' or '.join(allowed)}")
    return value


def _within(value: float, most: float) -> float:
    if not 0 < value <= most:
        raise ValueError(f"expected more than 0, at most {most}")
    return value


def class_weights(examples: Examples, config: Config) -> list[float]:
    """A weight for each class, in the order of the classes.

    `balance_classes` gives images / (classes * images of the class), as scikit-learn's
    "balanced"; `class_weights` multiplies the classes that it names.

    Raises:
        ConfigError: a name that is no class.
    """
    names, counts = examples.spec.class_names, examples.counts[SPLIT]
    for name in config.class_weights:
        if name not in names:
            raise ConfigError(
                f"train.class_weights names {name!r}, which is no class of the data",
                remedy=did_you_mean(name, names),
            )
    total = sum(counts)
    balanced = [total / (len(names) * count) if count else 0.0 for count in counts]
    weights = balanced if config.balance_classes else [1.0] * len(names)
    return [w * config.class_weights.get(n, 1.0) for n, w in zip(names, weights, strict=True)]
