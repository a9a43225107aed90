"""Write a source's images to TFRecord shards with Beam, and a list of the shards.

Images cross no GroupByKey or Reshuffle: a part is read, encoded and written in one bundle. Shards
get random names, because a runner may retry a bundle; `data.examples.finalize` sorts and names the
shards of the successful bundles.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.transforms.combiners import ToListCombineFn
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from data.code.worker_code import SameCodeDoFn
from data.errors import BadDataError, PenstockError, serialize_error
from data.examples.splits import SplitShares
from data.examples.tf_example import encode
from data.files.durable_files import translate_disk_errors, write_json
from data.sources import Chunk, Part, Source
from data.sources.split_names import SPLIT_NAMES
from data.spec import ImageSpec

SHARD_BYTES = 64 << 20  # a larger shard is closed


class Piece(NamedTuple):
    """The encoded images of a chunk that belong to one split."""

    split: str
    part: int
    chunk: int  # index of the chunk in its part
    counts: tuple[int, ...]  # images per class
    records: bytes


@dataclass
class Shard:
    """A file that was written; `(split, part, chunk)` is its position in the dataset."""

    split: str
    part: int
    chunk: int  # index of its first chunk
    file: str
    counts: list[int]
    size: int = 0


class WriteExamples(beam.PTransform):
    """Writes a source's images to shards in `folder`, and their list to the JSON file `record`.

    Both must be on a file system that all workers and the launching process share. Where no image
    is read, `record` is not written: writing an empty list would cost a stage.
    """

    def __init__(
        self,
        source: Source,
        shares: SplitShares,
        folder: Path,
        record: Path,
        span: str | None = None,
    ) -> None:
        super().__init__()
        self._source = source
        self._shares = shares
        self._folder = str(folder)
        self._record = str(record)
        self._span = span

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[None]:
        spec = self._source.spec()
        pieces = Encode(spec.num_classes, self._shares, self._span)
        return (
            pipeline
            | "Parts" >> beam.Create(_number_parts(self._source.parts()))
            | "ReadChunks" >> beam.ParDo(ReadChunks(self._source, spec))
            | "Encode" >> beam.ParDo(pieces)
            | "WriteShards" >> beam.ParDo(WriteShards(self._folder, spec.num_classes))
            | "Collect" >> beam.CombineGlobally(ToListCombineFn()).without_defaults()
            | "Record" >> beam.Map(write_record, self._record)
        )


def _number_parts(parts: Iterable[Part]) -> list[Part]:
    """Number parts across splits: images without a split join those of a split in one order."""
    in_order = sorted(parts, key=lambda part: part.index)
    return [dataclasses.replace(part, index=index) for index, part in enumerate(in_order)]


class ReadChunks(SameCodeDoFn):
    """Reads a part; yields (part, index, chunk) for each chunk, checked against the spec."""

    def __init__(self, source: Source, spec: ImageSpec) -> None:
        self._source = source
        self._spec = spec

    def process(self, part: Part) -> Iterator[Any]:
        with serialize_errors():
            if part.split not in (*SPLIT_NAMES, None):
                raise BadDataError(
                    f"unknown split {part.split!r}",
                    expected=" or ".join(SPLIT_NAMES),
                    remedy="fix the source's parts()",
                )
            for index, values in enumerate(self._source.read(part)):
                chunk = check_chunk(Chunk(*values), self._spec, part)
                Metrics.counter("ingest", "read").inc(len(chunk.labels))
                yield part, index, chunk


class Encode(SameCodeDoFn):
    """Encodes (part, index, chunk) as a `Piece` for each split that has images of the chunk."""

    def __init__(self, num_classes: int, shares: SplitShares, span: str | None = None) -> None:
        self._num_classes = num_classes
        self._shares = shares
        self._span = span

    def process(self, element: tuple[Part, int, Chunk]) -> Iterator[Any]:
        part, index, (images, labels) = element
        for split, mask in self._shares.divide(part.split, images).items():
            if mask.any():
                counts = np.bincount(labels[mask], minlength=self._num_classes).tolist()
                Metrics.counter("ingest", f"images_{split}").inc(sum(counts))
                records = encode(images[mask], labels[mask], self._span)
                yield Piece(split, part.index, index, tuple(counts), records)


class WriteShards(SameCodeDoFn):
    """Appends each piece to a shard of its split and part; yields the shards of the bundle."""

    def __init__(self, folder: str, num_classes: int) -> None:
        self._folder = Path(folder)
        self._num_classes = num_classes

    def start_bundle(self) -> None:
        self._shards: dict[tuple[str, int], list[Shard]] = {}

    def process(self, piece: Piece) -> None:
        shards = self._shards.setdefault((piece.split, piece.part), [])
        if not shards or shards[-1].size >= SHARD_BYTES:
            file = f"{uuid.uuid4().hex}.tfrecord"
            no_images = [0] * self._num_classes
            shards.append(Shard(piece.split, piece.part, piece.chunk, file, no_images))
        shard = shards[-1]
        path = self._folder / shard.file
        # opened for each piece, so that a failed bundle leaves no open file
        with (
            serialize_errors(),
            translate_disk_errors(f"cannot write {path}"),
            path.open("ab") as target,
        ):
            shard.size += target.write(piece.records)
        Metrics.counter("ingest", "written").inc(sum(piece.counts))
        shard.counts = [a + b for a, b in zip(shard.counts, piece.counts, strict=True)]
        Metrics.counter("ingest", "bytes").inc(len(piece.records))

    def finish_bundle(self) -> Iterable[WindowedValue]:
        for shards in self._shards.values():
            for shard in shards:
                plain = dataclasses.asdict(shard)
                yield WindowedValue(plain, GlobalWindow().max_timestamp(), [GlobalWindow()])


def check_chunk(chunk: Chunk, spec: ImageSpec, part: Part) -> Chunk:
    """Check a chunk against the spec; return it with labels as int64.

    Raises:
        BadDataError: wrong dtype or shape, numbers of images and labels that differ, or a label out
            of range.
    """
    images, labels = np.asarray(chunk.images), np.asarray(chunk.labels)
    fits = images.dtype == np.uint8 and images.shape == (len(labels), *spec.shape)
    if not fits or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise BadDataError(
            f"a chunk of {part.split} does not match the source's spec",
            expected=f"images uint8 (n, {', '.join(map(str, spec.shape))}), labels integers (n,)",
            got=f"images {images.dtype} {images.shape}, labels {labels.dtype} {labels.shape}",
            follows="nothing was ingested",
            remedy="fix the source's read() or spec()",
        )
    out_of_range = (labels < 0) | (labels >= spec.num_classes)
    if out_of_range.any():
        raise BadDataError(
            f"a label of {part.split} is out of range",
            expected=f"0 to {spec.num_classes - 1}",
            got=labels[out_of_range][0],
            follows="nothing was ingested",
            remedy="if the labels count from 1, subtract 1 from each; otherwise name all classes "
            "or fix the labels",
        )
    return Chunk(images, labels.astype(np.int64))


def write_record(shards: list[dict[str, Any]], path: str) -> None:
    """Write the list of shards as JSON."""
    with serialize_errors(), translate_disk_errors(f"cannot write {path}"):
        write_json(Path(path), shards)


@contextmanager
def serialize_errors() -> Iterator[None]:
    """Raise a PenstockError of the block as text that a runner passes to the launching process."""
    try:
        yield
    except PenstockError as error:
        raise RuntimeError(serialize_error(error)) from error
