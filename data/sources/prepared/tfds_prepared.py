"""Read datasets that TensorFlow Datasets has prepared: the base of two sources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from data.errors import BadDataError, EnvironmentTrouble, summarize_error
from data.sources.arrays.class_names import choose_class_names
from data.sources.prepared.tfds_images import is_image, is_label, make_sized_decoders
from data.sources.prepared.tfds_shards import check_shards
from data.sources.source import Chunk, Part, chunk_size
from data.spec import ImageSpec

_SPLITS = ("train", "test")
_PART_IMAGES = 20_000  # a few seconds of work, mostly decoding


class _Facts(NamedTuple):
    """Facts from the metadata of a prepared dataset."""

    spec: ImageSpec
    counts: dict[str, int]  # split → images
    keys: tuple[str, str]  # names of the image and label features


class PreparedSource(ABC):
    """A `Source` of the splits train and test of a dataset that a subclass chooses."""

    def __init__(self, what: str, class_names: tuple[str, ...] | None) -> None:
        self._what = what  # name of the dataset in messages
        self._class_names = class_names

    @abstractmethod
    def builder(self) -> Any:
        """Return the `tfds.core.DatasetBuilder` of the prepared dataset; workers call this too."""

    @contextmanager
    def open_builder(self, instruction: Any) -> Iterator[Any]:
        """Yield a builder that can read a `tfds.core.ReadInstruction` in the block."""
        yield self.builder()

    def spec(self) -> ImageSpec:
        return self._facts.spec

    def num_images(self) -> int:
        return sum(self._facts.counts.values())

    def parts(self) -> list[Part]:
        return [
            Part(split, index, start, min(start + _PART_IMAGES, total))
            for split, total in self._facts.counts.items()
            for index, start in enumerate(range(0, total, _PART_IMAGES))
        ]

    def read(self, part: Part) -> Iterator[Chunk]:
        """Read the part's images, in the order of the dataset's shards."""
        import tensorflow as tf
        import tensorflow_datasets as tfds

        spec, _, (image, label) = self._facts
        instruction = tfds.core.ReadInstruction(
            part.split, from_=part.start, to=part.stop, unit="abs"
        )
        with self.open_builder(instruction) as builder:
            check_shards(builder, instruction)
            dataset = builder.as_dataset(
                split=instruction,
                decoders=make_sized_decoders(builder.info.features, image, spec),
                shuffle_files=False,
                read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
            )
            dataset = dataset.map(lambda example: (example[image], example[label]))
            try:
                for images, labels in dataset.batch(chunk_size(spec.image_bytes)):
                    yield Chunk(images.numpy().reshape(-1, *spec.shape), labels.numpy())
            except (tf.errors.PermissionDeniedError, tf.errors.UnavailableError) as error:
                raise EnvironmentTrouble(
                    f"{self._what} cannot be read",
                    got=summarize_error(error),
                    follows="nothing was ingested",
                    remedy="fix the permissions or the network, then run the same command again",
                ) from error
            except (tf.errors.OpError, ValueError) as error:
                raise BadDataError(
                    f"{self._what} cannot be read as images of one size",
                    expected=f"complete TFRecords of images of shape {spec.shape}",
                    got=summarize_error(error),
                    follows="nothing was ingested",
                    remedy="prepare the dataset again, or choose one whose images have one size",
                ) from error

    @cached_property
    def _facts(self) -> _Facts:
        builder = self.builder()
        keys = builder.info.supervised_keys or ("image", "label")
        features = dict(builder.info.features.items())
        if [type(key) for key in keys] != [str, str] or not isinstance(keys, tuple):
            raise self._unfit_error("supervised_keys of two features, an image and a label", keys)
        image, label = keys
        if not is_image(features.get(image)) or not is_label(features.get(label)):
            raise self._unfit_error(
                "an image and a class label, named image and label or by supervised_keys",
                ", ".join(f"{name}: {type(f).__name__}" for name, f in features.items()),
            )
        missing = [split for split in _SPLITS if split not in builder.info.splits]
        if missing:
            splits = ", ".join(builder.info.splits) or "none; the dataset may not be prepared"
            raise self._unfit_error("the splits train and test", splits)
        dtype = np.dtype(features[image].np_dtype)
        if dtype != np.uint8:
            raise self._unfit_error("images of uint8", dtype)
        height, width, channels = self._shape(builder, image)
        own = tuple(features[label].names)
        names = choose_class_names(self._class_names, own, self._what)
        return _Facts(
            ImageSpec(height=height, width=width, channels=channels, class_names=names),
            {split: builder.info.splits[split].num_examples for split in _SPLITS},
            (image, label),
        )

    def _shape(self, builder: Any, image: str) -> tuple[int, int, int]:
        """Return the shape from the features, or else of the first image; `read` checks all."""
        shape = builder.info.features[image].shape
        if None in shape:
            with self.open_builder("train[:1]") as holder:
                check_shards(holder, "train[:1]")
                first = next(iter(holder.as_dataset(split="train[:1]")), None)
            shape = shape if first is None else tuple(first[image].shape)
        if len(shape) not in (2, 3) or None in shape:
            raise self._unfit_error("images of one shape (height, width[, channels])", shape)
        height, width, channels = (*shape, 1)[:3]
        return height, width, channels

    def _unfit_error(self, expected: str, got: object) -> BadDataError:
        return BadDataError(
            f"{self._what} cannot be used as labelled images of one size",
            expected=expected,
            got=got,
            follows="nothing was ingested",
            remedy="choose another dataset, or write a source of your own (data.sources.Source)",
        )
