"""Write image files of a source to TFRecord shards with Beam: decoded, hashed, split and encoded.

A portion of the files is read, decoded and written in one bundle, so that no image crosses a
GroupByKey or a Reshuffle. Beside its shards a worker writes what it found in a portion: bad files,
groups and splits. Files get random names, because a runner may retry a bundle.
"""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.combiners import ToListCombineFn

from data.base.content_hash import hash_text
from data.base.visible_text import escape_line
from data.code.worker_code import SameCodeDoFn
from data.errors import BadDataError, suggest_names
from data.examples.from_files.outcome import NO_SPLIT, WrittenPortion
from data.examples.from_files.portions import Portion
from data.examples.splits import SplitShares
from data.examples.tf_example import encode_features
from data.examples.write import Shard, serialize_errors, write_record
from data.files.durable_files import failed_write_error, translate_disk_errors, write_json
from data.images.read_files import ReadImage, read_files
from data.sources.file_source import PART_BYTES, PART_FILES, FilePart, FileSource, ImageFile
from data.sources.split_names import SPLIT_NAMES, VALIDATION
from data.spec import FORMAT, HEIGHT, IMAGE, LABEL, SPAN, WIDTH, ImageSpec

_BUFFER = 1 << 18  # bytes that are written at a time


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """What becomes of the files: the images' size, the store, the splits."""

    spec: ImageSpec
    store: Literal["raw", "encoded"]
    shares: SplitShares
    features: tuple[str, ...] = ()  # names of the further features, each of which a file must have
    span: str | None = None
    keep_going: bool = False  # whether bad files are left out; else the first one ends the job


class WriteFiles(beam.PTransform):
    """Writes portions of files to shards in `folder`, and their outcomes to the file `record`.

    Both must be on a file system that all workers and the launching process share.
    """

    def __init__(
        self,
        source: FileSource,
        portions: Sequence[Portion],
        rules: FileRules,
        folder: Path,
        record: Path,
    ) -> None:
        super().__init__()
        self._source = source
        self._portions = list(portions)
        self._rules = rules
        self._folder = str(folder)
        self._record = str(record)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[None]:
        return (
            pipeline
            | "Portions" >> beam.Create(self._portions)
            | "Write" >> beam.ParDo(WritePortion(self._source, self._rules, self._folder))
            | "Collect" >> beam.CombineGlobally(ToListCombineFn()).without_defaults()
            | "Record" >> beam.Map(write_record, self._record)
        )


class WritePortion(SameCodeDoFn):
    """Reads a portion and writes its shards; yields its `WrittenPortion` as a dict."""

    def __init__(self, source: FileSource, rules: FileRules, folder: str) -> None:
        self._source = source
        self._rules = rules
        self._folder = folder

    def process(self, portion: Portion) -> Iterator[dict[str, Any]]:
        with serialize_errors(), ExitStack() as open_files:
            writer = _PortionWriter(portion.index, self._rules, Path(self._folder), open_files)
            for part in portion.parts:
                for file, image in self._read(part):
                    writer.add(file, image)
            yield dataclasses.asdict(writer.finish())

    def _read(self, part: FilePart) -> Iterator[tuple[ImageFile, ReadImage]]:
        """Yield each file of a part with its image; memory holds some of them at a time."""
        count = 0
        for files in _batch_files(self._source.read_files(part)):
            count += len(files)
            yield from self._decode(files)
        if count != part.files:
            raise BadDataError(
                "the source yielded another number of files than it listed",
                expected=f"{part.files} in its part {part.index}",
                got=count,
                follows="nothing was ingested",
                remedy="fix the source's list_parts() or read_files(): an unreadable file is "
                "yielded with its problem",
            )

    def _decode(self, files: Sequence[ImageFile]) -> Iterator[tuple[ImageFile, ReadImage]]:
        rules = self._rules
        Metrics.counter("ingest", "read").inc(len(files))
        ungrouped = any(file.group is None for file in files)
        contents = [file.content for file in files if file.problem is None]
        images = read_files(contents, rules.spec, rules.shares.purposes if ungrouped else ())
        for file in files:
            yield file, next(images) if file.problem is None else ReadImage(None, {}, file.problem)


def _batch_files(files: Iterable[ImageFile]) -> Iterator[list[ImageFile]]:
    """Yield lists of at most PART_FILES files, and about PART_BYTES bytes."""
    batch: list[ImageFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == PART_FILES or size + len(file.content) > PART_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += len(file.content)
    if batch:
        yield batch


class _PortionWriter:
    """Appends images to one shard for each split, and collects what was found."""

    def __init__(self, index: int, rules: FileRules, folder: Path, open_files: ExitStack) -> None:
        self._rules = rules
        self._features = frozenset(rules.features)
        self._folder = folder
        self._open_files = open_files
        self._labels = {name: label for label, name in enumerate(rules.spec.class_names)}
        self._written = WrittenPortion(index, 0, 0, {}, [], "")
        self._shards: dict[str, tuple[Shard, IO[bytes]]] = {}
        self._given: Counter[str] = Counter()
        self._bad: list[tuple[str, str, str]] = []
        self._groups: dict[tuple[str, str], str] = {}  # group, split → one of its files

    def add(self, file: ImageFile, image: ReadImage) -> None:
        """Write an image, or note why there is none."""
        self._written.read += 1
        if image.pixels is None:
            self._add_bad(file, image.problem or "it cannot be decoded")
            return
        label = self._find_label(file)
        split = self._choose_split(file, image)
        record = encode_features(self._make_features(file, image, label))
        shard, stream = self._shards.get(split) or self._open_shard(split)
        try:
            shard.size += stream.write(record)
        except OSError as error:
            raise failed_write_error(f"cannot write {self._folder / shard.file}", error) from error
        shard.counts[label] += 1
        self._given[file.split or NO_SPLIT] += 1
        if file.group is not None:
            self._groups.setdefault((file.group, split), file.name)

    def finish(self) -> WrittenPortion:
        """Close the shards and write the details."""
        for shard, stream in self._shards.values():
            with translate_disk_errors(f"cannot write {self._folder / shard.file}"):
                stream.close()
        written = self._written
        written.given, written.bad = dict(self._given), len(self._bad)
        written.shards = [shard for shard, _ in self._shards.values()]
        written.details = f"{uuid.uuid4().hex}.json"
        path = self._folder / written.details
        groups = [
            (hash_text(group), split, escape_line(group), escape_line(name))
            for (group, split), name in self._groups.items()
        ]
        Metrics.counter("ingest", "bad").inc(written.bad)
        for shard in written.shards:
            Metrics.counter("ingest", f"images_{shard.split}").inc(sum(shard.counts))
        with translate_disk_errors(f"cannot write {path}"):
            write_json(path, {"bad": self._bad, "groups": groups})
        return written

    def _add_bad(self, file: ImageFile, problem: str) -> None:
        name = escape_line(file.name)
        if not self._rules.keep_going:
            raise BadDataError(
                f"{name} cannot be used",
                expected="an image file that can be decoded and fitted",
                got=problem,
                follows="nothing was ingested",
                remedy="fix or remove the file; or leave out up to a hundredth of the files: "
                "--set ingest.max_bad_share=0.01",
            )
        self._bad.append((name, escape_line(file.label), escape_line(problem)))

    def _find_label(self, file: ImageFile) -> int:
        label = self._labels.get(file.label)
        if label is None:
            raise BadDataError(
                f"{escape_line(file.name)} has a label that is no class: {file.label!r}",
                follows="nothing was ingested",
                remedy=suggest_names(file.label, self._labels),
            )
        return label

    def _choose_split(self, file: ImageFile, image: ReadImage) -> str:
        if file.split is not None and file.split not in SPLIT_NAMES:
            raise BadDataError(
                f"{escape_line(file.name)} has an unknown split: {file.split!r}",
                expected=" or ".join(SPLIT_NAMES),
                follows="nothing was ingested",
                remedy=suggest_names(file.split, SPLIT_NAMES),
            )
        if file.split == VALIDATION and self._rules.shares.validation:
            raise BadDataError(
                "ingest.validation_share would cut a second validation split",
                expected="no validation split in the source",
                got=f"{escape_line(file.name)} in validation",
                follows="nothing was ingested",
                remedy="--set ingest.validation_share=0",
            )
        return self._rules.shares.choose_split(file.split, file.group, image.shares)

    def _make_features(
        self, file: ImageFile, image: ReadImage, label: int
    ) -> dict[str, bytes | int]:
        rules = self._rules
        if file.features.keys() != self._features:
            raise BadDataError(
                f"{escape_line(file.name)} has other features than ingest.features",
                expected=", ".join(rules.features) or "none",
                got=", ".join(file.features) or "none",
                follows="nothing was ingested",
                remedy="fix the source's read_files()",
            )
        features: dict[str, bytes | int] = {LABEL: label}
        if rules.store == "encoded":
            features |= {
                IMAGE: file.content,
                FORMAT: image.kind.encode(),
                HEIGHT: image.height,
                WIDTH: image.width,
            }
        else:
            assert image.pixels is not None
            features[IMAGE] = image.pixels.tobytes()
        if rules.span is not None:
            features[SPAN] = rules.span.encode()
        return features | {name: text.encode() for name, text in file.features.items()}

    def _open_shard(self, split: str) -> tuple[Shard, IO[bytes]]:
        file = f"{uuid.uuid4().hex}.tfrecord"
        no_images = [0] * self._rules.spec.num_classes
        shard = Shard(split, self._written.index, 0, file, no_images)
        with translate_disk_errors(f"cannot write {self._folder / file}"):
            stream = (self._folder / file).open("wb", buffering=_BUFFER)
        self._open_files.callback(_close_after_error, stream)
        self._shards[split] = shard, stream
        return self._shards[split]


def _close_after_error(stream: IO[bytes]) -> None:
    """Close a file whose last bytes perhaps cannot be written; a closed one stays as it is."""
    with contextlib.suppress(OSError):
        stream.close()
