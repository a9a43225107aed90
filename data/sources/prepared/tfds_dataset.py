"""Define a prepared dataset of TensorFlow Datasets: where it is, and how its examples are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from data.errors import BadDataError, EnvironmentTrouble, summarize_error
from data.sources.prepared.tfds_shards import check_shards
from data.sources.prepared.tfds_splits import Range


class TfdsDataset(ABC):
    """A dataset that a subclass finds, by name or in a folder; pickled to workers."""

    # A worker fetches whole files, so that a part should be the whole of one.
    fetches_files = False

    def __init__(self, what: str) -> None:
        self.what = what  # name of the dataset in messages

    @abstractmethod
    def builder(self) -> Any:
        """Return the `tfds.core.DatasetBuilder` of the prepared dataset; workers call this too."""

    @contextmanager
    def open_builder(self, instruction: Any) -> Iterator[Any]:
        """Yield a builder that can read a `tfds.core.ReadInstruction` in the block."""
        yield self.builder()

    def read_batches(
        self, images: Range, features: tuple[str, ...], decoders: dict[str, Any], batch: int
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Read some features of a range of images, in the order of the dataset's shards.

        Args:
            images: of one split of the dataset.
            features: names of those to read; no others are decoded.
            decoders: feature → decoder, as for `as_dataset`; TFDS's own where there is none.
            batch: most images at a time.

        Raises:
            BadDataError: a file is missing or damaged, or an image cannot be decoded.
            EnvironmentTrouble: a file cannot be read.
        """
        import tensorflow as tf
        import tensorflow_datasets as tfds

        instruction = tfds.core.ReadInstruction(
            images.own, from_=images.start, to=images.stop, unit="abs"
        )
        with self.open_builder(instruction) as builder:
            check_shards(builder, instruction)
            try:
                dataset = builder.as_dataset(
                    split=instruction,
                    decoders=tfds.decode.PartialDecoding(dict.fromkeys(features, True), decoders),
                    shuffle_files=False,
                    read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
                )
                dataset = dataset.map(lambda example: tuple(example[name] for name in features))
                for arrays in dataset.batch(batch):
                    yield tuple(array.numpy() for array in arrays)
            except (tf.errors.PermissionDeniedError, tf.errors.UnavailableError) as error:
                raise EnvironmentTrouble(
                    f"{self.what} cannot be read",
                    got=summarize_error(error),
                    follows="nothing was ingested",
                    remedy="fix the permissions or the network, then run the same command again",
                ) from error
            except (tf.errors.OpError, ValueError) as error:
                raise BadDataError(
                    f"{self.what} cannot be read as labelled images",
                    expected="complete TFRecords of images as its features.json describes them",
                    got=summarize_error(error),
                    follows="nothing was ingested",
                    remedy="prepare the dataset again, or choose another one",
                ) from error
