"""Read prepared datasets of TensorFlow Datasets: as arrays of one size, or as image files."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from data.errors import BadDataError, ConfigError
from data.sources.arrays.array_layout import ArrayLayout, describe_assumption
from data.sources.file_source import FilePart, ImageFile
from data.sources.prepared.tfds_dataset import TfdsDataset
from data.sources.prepared.tfds_features import Keys, choose_keys
from data.sources.prepared.tfds_images import make_sized_decoders
from data.sources.prepared.tfds_labels import Labels, find_labels
from data.sources.prepared.tfds_splits import Range, choose_ranges, cut_parts
from data.sources.source import Chunk, Part, chunk_size
from data.sources.source_config import SourceConfig
from data.spec import ImageSpec

_PART_IMAGES = 20_000  # of arrays: a few seconds of work, mostly decoding
_PART_FILES = 4096  # of files: a part begins by passing over the records before it in its file
_PART_BYTES = 64 << 20
_FILES_AT_A_TIME = 32


def make_prepared_source(
    dataset: TfdsDataset, config: SourceConfig
) -> PreparedArrays | PreparedFiles:
    """Make the source of a dataset: of files if its images are encoded and of several sizes.

    Raises:
        BadDataError: it is no dataset, or it has not one image and one label.
        ConfigError: a setting names another feature than an image or a label.
        EnvironmentTrouble: it cannot be read.
    """
    import tensorflow_datasets as tfds

    info = dataset.builder().info
    features = dict(info.features.items()) if hasattr(info.features, "items") else {}
    keys = choose_keys(features, info.supervised_keys, config, dataset.what)
    image = features[keys.image]
    if isinstance(image, tfds.features.Image) and None in image.shape:
        return PreparedFiles(dataset, keys, config)
    return PreparedArrays(dataset, keys, config)


class _Facts(NamedTuple):
    """Facts from the metadata of a prepared dataset, and from its labels if they have no names."""

    parts: tuple[Range, ...]
    part_bytes: tuple[int, ...]  # about; 0: not known
    unused: tuple[str, ...]
    labels: Labels


class _Prepared:
    """What both kinds of sources know of their dataset."""

    _dtypes: tuple[str, ...]  # of the images

    def __init__(self, dataset: TfdsDataset, keys: Keys, config: SourceConfig) -> None:
        self._dataset = dataset
        self._keys = keys
        self._config = config
        if prepare := getattr(dataset, "prepare", None):
            self.prepare = prepare

    def describe(self) -> str:
        """Return which features are read and what is not used."""
        facts = [f"images from {self._keys.image}, labels from {self._keys.label}"]
        if self._facts.unused:
            facts.append("not used: " + ", ".join(self._facts.unused))
        return "; ".join(facts)

    @cached_property
    def _facts(self) -> _Facts:
        dataset, config = self._dataset, self._config
        info = dataset.builder().info
        dtype = np.dtype(info.features[self._keys.image].np_dtype).name
        if dtype not in self._dtypes:
            raise self._unfit_error(f"images of {' or '.join(self._dtypes)}", dtype)
        ranges, unused = choose_ranges(info.splits, config.splits, dataset.what)
        feature = info.features[self._keys.label]
        labels = find_labels(dataset, self._keys.label, feature, ranges, config)
        parts = [part for images in ranges for part in self._cut(images, info.splits)]
        sizes = [_mean_bytes(info.splits[part.own]) * (part.stop - part.start) for part in parts]
        return _Facts(tuple(parts), tuple(map(int, sizes)), unused, labels)

    def _cut(self, images: Range, splits: Any) -> Iterator[Range]:
        fetches = self._dataset.fetches_files
        return cut_parts([images], splits, None if fetches else self._most(splits[images.own]))

    def _most(self, info: Any) -> int:
        """Return how many images of a split a part has."""
        raise NotImplementedError

    def _unfit_error(self, expected: str, got: object) -> BadDataError:
        return BadDataError(
            f"{self._dataset.what} cannot be used as labelled images",
            expected=expected,
            got=got,
            follows="nothing was ingested",
            remedy="choose another dataset, or write a source of your own (data.sources.Source)",
        )


class PreparedArrays(_Prepared):
    """A `Source` of images whose size the dataset states, decoded by TensorFlow Datasets."""

    _dtypes = ("uint8",)

    @cached_property
    def _name(self) -> str:
        return str(self._dataset.builder().info.name)

    @cached_property
    def _layout(self) -> ArrayLayout:
        return ArrayLayout.of(self._config, self._name)

    def describe(self) -> str:
        """Return which features are read, what is not used, and what is assumed."""
        return "; ".join([super().describe(), *describe_assumption(self._name, self._config)])

    @cached_property
    def _spec(self) -> ImageSpec:
        height, width, channels = self._layout.arrange_shape(self._stored_shape)
        names = self._facts.labels.names
        return ImageSpec(height=height, width=width, channels=channels, class_names=names)

    def spec(self) -> ImageSpec:
        return self._spec

    def num_images(self) -> int:
        return sum(part.stop - part.start for part in self._facts.parts)

    def parts(self) -> list[Part]:
        """Return the parts; they count the images of a split, in the order of `ingest.splits`."""
        parts: list[Part] = []
        ends: Counter[str | None] = Counter()
        for index, images in enumerate(self._facts.parts):
            start = ends[images.split]
            ends[images.split] += images.stop - images.start
            parts.append(Part(images.split, index, start, ends[images.split]))
        return parts

    def read(self, part: Part) -> Iterator[Chunk]:
        """Read the part's images, in the order of the dataset's shards."""
        shape, labels = self._stored_shape, self._facts.labels
        feature = self._dataset.builder().info.features[self._keys.image]
        decoders = make_sized_decoders(feature, self._keys.image, *shape[:2])
        batch = chunk_size(self._spec.image_bytes)
        for images in self._locate(part):
            for pixels, stored in self._dataset.read_batches(images, self._keys, decoders, batch):
                arranged = self._layout.arrange_images(pixels.reshape(-1, *shape))
                yield Chunk(arranged, labels.number(stored))

    def _locate(self, part: Part) -> Iterator[Range]:
        """Yield where the images of a part lie in the dataset's own splits."""
        for whole, images in zip(self.parts(), self._facts.parts, strict=True):
            start = max(part.start, whole.start)
            stop = min(whole.stop or 0, part.stop or sys.maxsize)
            if whole.split == part.split and start < stop:
                shift = images.start - whole.start
                yield images._replace(start=start + shift, stop=stop + shift)

    def _most(self, info: Any) -> int:
        return _PART_IMAGES

    @cached_property
    def _stored_shape(self) -> tuple[int, int, int]:
        """The shape from the features, or else of the first image; `read` checks all."""
        shape = self._dataset.builder().info.features[self._keys.image].shape
        if None in shape and self._facts.parts:
            first = self._facts.parts[0]._replace(stop=self._facts.parts[0].start + 1)
            for pixels, _ in self._dataset.read_batches(first, self._keys, {}, 1):
                shape = pixels.shape[1:]
        if None in shape:
            raise self._unfit_error("images of one shape (height, width[, channels])", shape)
        height, width, channels = (*shape, 1)[:3]
        return height, width, channels


class PreparedFiles(_Prepared):
    """A `FileSource` of the encoded images as they are stored, named such as train/123."""

    _dtypes = ("uint8", "uint16")

    def __init__(self, dataset: TfdsDataset, keys: Keys, config: SourceConfig) -> None:
        super().__init__(dataset, keys, config)
        if config.transpose is not None:
            raise ConfigError(
                f"{dataset.what} has images of several sizes, which cannot use ingest.transpose",
                expected="images of one size",
                got=f"ingest.transpose = {config.transpose}",
                follows="nothing was ingested",
                remedy="remove the setting",
            )

    def class_names(self) -> tuple[str, ...]:
        return self._facts.labels.names

    def given_splits(self) -> set[str | None]:
        return {part.split for part in self._facts.parts}

    def list_parts(self) -> list[FilePart]:
        pairs = zip(self._facts.parts, self._facts.part_bytes, strict=True)
        return [
            FilePart(index=n, files=part.stop - part.start, size=size or None, items=part)
            for n, (part, size) in enumerate(pairs)
        ]

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        """Read the part's images, in the order of the dataset's shards."""
        import tensorflow_datasets as tfds

        images, labels = part.items, self._facts.labels
        decoders = {self._keys.image: tfds.decode.SkipDecoding()}
        index = images.start
        for contents, stored in self._dataset.read_batches(
            images, self._keys, decoders, _FILES_AT_A_TIME
        ):
            numbers = labels.number(stored).tolist()
            for content, number in zip(contents, numbers, strict=True):
                known = 0 <= number < len(labels.names)
                yield ImageFile(
                    name=f"{images.own}/{index}",
                    content=content if known else b"",
                    label=labels.names[number] if known else "",
                    split=images.split,
                    problem=None if known else f"no class has its label, {number}",
                )
                index += 1

    def _most(self, info: Any) -> int:
        return max(1, min(_PART_FILES, int(_PART_BYTES / max(1, _mean_bytes(info)))))


def _mean_bytes(info: Any) -> float:
    """Return the mean size of a split's examples as the metadata states it; 0: not stated."""
    return int(info.num_bytes) / max(1, int(info.num_examples))
