"""From a source to the Examples artifact, on Beam.

    parts → read chunks → split off validation, encode → write shards → a small record of each

Between the stages go chunks of images, never single ones, and nothing is grouped or reshuffled:
runners fuse the stages, so a chunk is gone from memory when it is written. Each worker writes whole
shards under names of its own; the launcher gives them their final names, in the source's order, so
that the same source gives the same files.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from data.content import falls_within
from data.errors import BadDataError, PenstockError
from data.examples import Examples, shard_name, write_description
from data.sources import Part, Source
from data.sources.labels import check_labels
from data.spec import IMAGE, LABEL, ImageSpec

SHARD_BYTES = 64 << 20  # a shard is closed once it holds so much: enough to read well, not to wait


class Piece(NamedTuple):
    """Part of a chunk that goes to one split."""

    split: str
    part: int
    chunk: int
    images: np.ndarray  # (n, height, width, channels) uint8
    labels: np.ndarray  # (n,) int64


class Encoded(NamedTuple):
    """A piece as serialized tf.Examples, and its images per class."""

    split: str
    part: int
    chunk: int
    records: list[bytes]
    counts: np.ndarray  # (classes,) int64


@dataclass
class Shard:
    """A file written by a worker; `order` places it among its split's."""

    split: str
    order: tuple[int, int]  # part, first chunk
    file: str
    counts: list[int]
    size: int = 0
    examples: int = 0

    def to_json(self) -> str:
        return json.dumps(vars(self))

    @staticmethod
    def from_json(line: str) -> Shard:
        plain = json.loads(line)
        return Shard(**{**plain, "order": tuple(plain["order"])})


class ReadPieces(beam.DoFn):  # type: ignore[misc]
    """Part → pieces: each chunk checked, and its images dealt out to splits by content."""

    def __init__(self, source: Source, spec: ImageSpec, validation_share: float) -> None:
        self._source = source
        self._spec = spec
        self._validation_share = validation_share
        self._read = Metrics.counter("ingest", "images_read")

    def process(self, part: Part) -> Iterator[Piece]:
        try:
            first = part.start
            for number, (images, labels) in enumerate(self._source.read(part)):
                self._check(images, labels, part, first)
                self._read.inc(len(labels))
                first += len(labels)
                for split, chosen in self._deal(part.split, images):
                    if chosen.any():
                        yield Piece(split, part.index, number, images[chosen], labels[chosen])
        except PenstockError as error:
            raise RuntimeError(error.marked()) from error

    def _deal(self, split: str, images: np.ndarray) -> list[tuple[str, np.ndarray]]:
        if split != "train" or not self._validation_share:
            return [(split, np.ones(len(images), bool))]
        validation = falls_within(images, self._validation_share)
        return [("train", ~validation), ("validation", validation)]

    def _check(self, images: np.ndarray, labels: np.ndarray, part: Part, first: int) -> None:
        where = f"{type(self._source).__name__}, split {part.split!r}"
        if images.dtype != np.uint8 or images.shape != (len(labels), *self._spec.shape):
            raise BadDataError(
                f"{where} gave images of another kind than its spec says",
                expected=f"uint8 {(len(labels), *self._spec.shape)}",
                got=f"{images.dtype} {images.shape}",
                follows="nothing was written",
                remedy="mend the source",
            )
        check_labels(labels, self._spec.num_classes, where, first)


class Encode(beam.DoFn):  # type: ignore[misc]
    """Pieces → serialized tf.Examples: image = raw pixel bytes, label = int64."""

    def __init__(self, spec: ImageSpec) -> None:
        self._spec = spec

    def setup(self) -> None:
        self._encoder = RecordBatchToExamplesEncoder(None)

    def process(self, piece: Piece) -> Iterator[Encoded]:
        counts = np.bincount(piece.labels, minlength=self._spec.num_classes)
        records = self._encoder.encode(_record_batch(piece.images, piece.labels))
        yield Encoded(piece.split, piece.part, piece.chunk, records, counts)


def _record_batch(images: np.ndarray, labels: np.ndarray) -> pa.RecordBatch:
    """(n, height, width, channels) uint8 and (n,) int64 → columns of one value per example."""
    pixels = pa.py_buffer(np.ascontiguousarray(images))
    binary = pa.binary(images[0].size)
    image = pa.FixedSizeBinaryArray.from_buffers(binary, len(images), [None, pixels])
    columns = {IMAGE: image.cast(pa.binary()), LABEL: pa.array(labels, pa.int64())}
    return pa.RecordBatch.from_arrays(
        [
            pa.FixedSizeListArray.from_arrays(column, 1).cast(pa.list_(column.type))
            for column in columns.values()
        ],
        names=list(columns),
    )


class WriteShards(beam.DoFn):  # type: ignore[misc]
    """Encoded pieces → shard files under unique names; yields a record of each."""

    def __init__(self, folder: str, classes: int) -> None:
        self._folder = folder
        self._classes = classes
        self._written = Metrics.counter("ingest", "images_written")

    def start_bundle(self) -> None:
        self._open: dict[tuple[str, int], tuple[Shard, Any]] = {}

    def process(self, piece: Encoded) -> Iterator[str]:
        import tensorflow as tf

        key = (piece.split, piece.part)
        if key not in self._open:
            file = FileSystems.join(self._folder, f"{piece.split}-{uuid.uuid4().hex}")
            order = (piece.part, piece.chunk)
            shard = Shard(piece.split, order, file, [0] * self._classes)
            self._open[key] = shard, tf.io.TFRecordWriter(file)
        shard, writer = self._open[key]
        for record in piece.records:
            writer.write(record)
        shard.size += sum(map(len, piece.records))
        shard.examples += len(piece.records)
        shard.counts = [a + int(b) for a, b in zip(shard.counts, piece.counts, strict=True)]
        self._written.inc(len(piece.records))
        if shard.size >= SHARD_BYTES:
            yield self._close(key)

    def finish_bundle(self) -> Iterator[beam.utils.windowed_value.WindowedValue]:
        for key in list(self._open):
            yield beam.transforms.window.GlobalWindows.windowed_value(self._close(key))

    def _close(self, key: tuple[str, int]) -> str:
        shard, writer = self._open.pop(key)
        writer.close()
        return shard.to_json()


class WriteExamples(beam.PTransform):  # type: ignore[misc]
    """Parts of a source → shard files in `folder`, and `folder`/records* that tell of them."""

    def __init__(self, source: Source, validation_share: float, folder: Path) -> None:
        super().__init__()
        self._source = source
        self._share = validation_share
        self._folder = folder

    def expand(self, pipeline: beam.Pipeline) -> Any:
        spec = self._source.spec()
        return (
            pipeline
            | "Parts" >> beam.Create(list(self._source.parts()), reshuffle=False)
            | "ReadPieces" >> beam.ParDo(ReadPieces(self._source, spec, self._share))
            | "Encode" >> beam.ParDo(Encode(spec))
            | "WriteShards" >> beam.ParDo(WriteShards(str(self._folder), spec.num_classes))
            | "WriteRecords" >> beam.io.WriteToText(str(self._folder / "records"))
        )


def finish(folder: Path, path: Path, spec: ImageSpec) -> Examples:
    """Give the shards their final names and describe them.

    Args:
        folder: where the workers wrote; empty of shards afterwards.
        path: where the Examples are to lie.
        spec: of the images.

    Raises:
        BadDataError: no train or no test images.
    """
    import tensorflow_datasets as tfds

    lines = [line for f in folder.glob("records*") for line in f.read_text().splitlines()]
    shards = sorted(map(Shard.from_json, lines), key=lambda s: (s.split, s.order))
    splits = [s for s in ("train", "validation", "test") if any(x.split == s for x in shards)]
    for needed in ("train", "test"):
        if needed not in splits:
            raise BadDataError(
                f"the source gave no {needed} images",
                expected="images in train and in test",
                got=", ".join(splits) or "no images at all",
                follows="nothing was written",
                remedy="was the dataset made? check what ingest.path holds",
            )
    infos, counts = [], {}
    for split in splits:
        own = [shard for shard in shards if shard.split == split]
        for index, shard in enumerate(own):
            Path(shard.file).rename(path / shard_name(split, index, len(own)))
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[shard.examples for shard in own],
                num_bytes=sum(shard.size for shard in own),
            )
        )
        counts[split] = tuple(sum(column) for column in zip(*(s.counts for s in own), strict=True))
    examples = Examples(path=path, spec=spec, counts=counts)
    _describe_for_tfds(examples, infos)
    write_description(examples)
    return examples


def _describe_for_tfds(examples: Examples, infos: Iterable[Any]) -> None:
    """Write features.json and dataset_info.json, by TensorFlow Datasets itself."""
    import tensorflow_datasets as tfds

    spec = examples.spec
    tfds.folder_dataset.write_metadata(
        data_dir=str(examples.path),
        features=tfds.features.FeaturesDict(
            {
                IMAGE: tfds.features.Tensor(
                    shape=spec.shape, dtype=np.uint8, encoding=tfds.features.Encoding.BYTES
                ),
                LABEL: tfds.features.ClassLabel(names=list(spec.class_names)),
            }
        ),
        split_infos=list(infos),
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        check_data=False,
    )
