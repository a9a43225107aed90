"""Read mutated datasets by their sources: `python mutated_sources.py FORMAT FIRST COUNT`.

It prints the outcomes as JSON. Mutation N is the same in every run. Each ends in as many images and
the same pixels as a reader without Penstock's code finds, or in an error with its four parts.
Parquet files have a campaign of their own: mutated_parquet.py.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import idx_files
import mutated_tables
import numpy as np
import peak_memory

from data.errors import PenstockError
from data.examples.write import check_chunk
from data.sources import Source, SourceConfig, make_source
from data.sources.file_source import FileSource

Files = dict[str, bytes]  # name → content
Mutate = Callable[[bytes], bytes]
_RANDOM = np.random.default_rng(0)
_LABELS = np.arange(12, dtype=np.uint8) % 3
_IMAGES = _RANDOM.integers(0, 256, (12, 5, 4), dtype=np.uint8)
_SPLITS = {"train": slice(0, 8), "test": slice(8, 12)}


class Counts(NamedTuple):
    """What a reader finds."""

    images: int
    total: int | None = None  # of all pixels, or of the bytes of all files; None: not added up


class Format(NamedTuple):
    source: str
    make: Callable[[Path], list[Files]]  # whole datasets, in some of the forms of the format
    count: Callable[[Path], Counts]  # without Penstock's code
    # changes the inside of a file, and wraps it again with checksums that are right
    change_inside: Callable[[bytes, Mutate, np.random.Generator], bytes] | None = None
    path: str = "."  # of the dataset, below the folder


def _make_idx(folder: Path) -> list[Files]:
    splits = {split: (_IMAGES[s], _LABELS[s]) for split, s in _SPLITS.items()}
    made = []
    for compress in (False, True):
        idx_files.write_idx(folder / str(compress), **splits, compress=compress)
        made.append(_read_files(folder / str(compress)))
    return made


def _count_idx(folder: Path) -> Counts:
    images = total = 0
    for path in folder.glob("*images*"):
        content = _inflate(path.read_bytes())
        number, height, width = (int(n) for n in np.frombuffer(content[4:16], ">u4"))
        pixels = np.frombuffer(content[16:], np.uint8)
        assert pixels.size == number * height * width
        images, total = images + number, total + int(pixels.sum())
    return Counts(images, total)


def _inflate(content: bytes) -> bytes:
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _change_gzip(content: bytes, mutate: Mutate, draw: np.random.Generator) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return mutate(content)
    return gzip.compress(mutate(gzip.decompress(content)), 1, mtime=0)


def _make_npz(folder: Path) -> list[Files]:
    arrays = {
        f"{kind}_{split}": array[s]
        for split, s in _SPLITS.items()
        for kind, array in (("x", _IMAGES), ("y", _LABELS))
    }
    made = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **arrays)
        made.append({"a.npz": file.getvalue()})
    return made


def _count_npz(folder: Path) -> Counts:
    with np.load(folder / "a.npz", allow_pickle=False) as arrays:
        # A member whose name is damaged counts as another array, which nobody asked for.
        images = [arrays[f"x_{split}"] for split in _SPLITS if f"x_{split}" in arrays]
    return Counts(sum(map(len, images)), sum(int(array.sum()) for array in images))


def _change_npz(content: bytes, mutate: Mutate, draw: np.random.Generator) -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as whole,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as changed,
    ):
        names = whole.namelist()
        chosen = names[draw.integers(len(names))]
        for name in names:
            member = whole.read(name)
            changed.writestr(name, mutate(member) if name == chosen else member)
    return file.getvalue()


def _make_csv(folder: Path) -> list[Files]:
    header = ",".join(["label", *(f"pixel{i}" for i in range(16))])
    rows = [
        ",".join(map(str, [n, *i.reshape(-1)[:16]])) for i, n in zip(_IMAGES, _LABELS, strict=True)
    ]
    lines = "\n".join([header, *rows, ""]).encode()
    return [{"train.csv": lines}, {"train.csv": gzip.compress(lines, mtime=0)}]


def _count_csv(folder: Path) -> Counts:
    text = _inflate((folder / "train.csv").read_bytes()).decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    header = [name.strip().lower() for name in rows[0]]
    label = header.index("label")
    pixels = [int(v) for row in rows[1:] for i, v in enumerate(row) if i != label]
    return Counts(len(rows) - 1, sum(pixels))


def _make_tfrecord(folder: Path) -> list[Files]:
    import tfrecord_files

    raw = tfrecord_files.make_pixels(_IMAGES, _LABELS, height=5, width=4)
    names = [
        {"image/encoded": _png(i), "class_name": "abc"[n]}
        for i, n in zip(_IMAGES, _LABELS, strict=True)
    ]
    made = []
    for number, (records, compression) in enumerate(
        [(raw, ""), (names, ""), (raw, "GZIP"), (names, "ZLIB")]
    ):
        for split, s in _SPLITS.items():
            path = folder / str(number) / f"{split}.tfrecord"
            tfrecord_files.write_tfrecord(path, records[s], compression)
        made.append(_read_files(folder / str(number)))
    return made


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def _count_tfrecord(folder: Path, files: str = "*.tfrecord*") -> Counts:
    import tensorflow as tf

    images = 0
    for path in folder.glob(files):
        head = path.read_bytes()[:2]
        compression = {b"\x1f\x8b": "GZIP", b"\x78\x9c": "ZLIB", b"\x78\x5e": "ZLIB"}.get(head, "")
        records = tf.data.TFRecordDataset(str(path), compression_type=compression)
        images += sum(1 for _ in records.as_numpy_iterator())
    return Counts(images)


def _change_record(content: bytes, mutate: Mutate, draw: np.random.Generator) -> bytes:
    import zlib

    from data.files.tfrecord_frames import frame_record

    wrapped = content[:2] in (b"\x1f\x8b", b"\x78\x9c", b"\x78\x5e")
    content = zlib.decompress(content, 47) if wrapped else content
    records, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        records.append(content[at + 12 : at + 12 + length])
        at += length + 16
    chosen = int(draw.integers(len(records)))
    records[chosen] = mutate(records[chosen])
    content = b"".join(map(frame_record, records))
    return gzip.compress(content, 1, mtime=0) if wrapped else content


def _make_cifar(folder: Path) -> list[Files]:
    def batch(images: int, labels: int) -> bytes:
        values = _RANDOM.integers(0, 256, (images, labels + 3072), dtype=np.uint8)
        values[:, :labels] = np.arange(images)[:, None] % 10
        return values.tobytes()

    small = {f"data_batch_{n}.bin": batch(2, 1) for n in range(1, 6)}
    names = "\n".join("abcdefghij").encode()
    return [
        {**small, "test_batch.bin": batch(3, 1), "batches.meta.txt": names},
        {"train.bin": batch(4, 2), "test.bin": batch(3, 2)},
    ]


def _count_cifar(folder: Path) -> Counts:
    images = total = 0
    for path in folder.glob("*.bin"):
        labels = 2 if path.name in ("train.bin", "test.bin") else 1
        values = np.fromfile(path, np.uint8).reshape(-1, labels + 3072)
        images, total = images + len(values), total + int(values[:, labels:].sum())
    return Counts(images, total)


def _make_tfds(folder: Path) -> list[Files]:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    image, label = (
        tfds.features.Image(shape=(5, 4, 1)),
        tfds.features.ClassLabel(names=["a", "b", "c"]),
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="small",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"image": image, "label": label}),
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices(
                {"image": _IMAGES[s][..., None], "label": _LABELS[s].astype(np.int64)}
            )
            for split, s in _SPLITS.items()
        },
        data_dir=str(folder),
    )
    return [_read_files(folder / "small" / "1.0.0")]


def _count_tfds(folder: Path) -> Counts:
    """A split whose name is damaged is another one, which is not used."""
    assert list(folder.glob("*.tfrecord*"))
    info = json.loads((folder / "dataset_info.json").read_text(errors="replace"))
    names = [split["name"] for split in info["splits"] if split["name"] in _SPLITS]
    return Counts(sum(_count_tfrecord(folder, f"*-{n}.tfrecord*").images for n in names))


def _read_files(folder: Path) -> Files:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


FORMATS = {
    "cifar_binary": Format("cifar_binary", _make_cifar, _count_cifar),
    "idx": Format("idx", _make_idx, _count_idx, _change_gzip),
    "npz": Format("npz", _make_npz, _count_npz, _change_npz, "a.npz"),
    "pixels_csv": Format("pixels_csv", _make_csv, _count_csv, _change_gzip, "train.csv"),
    "tfds_dir": Format("tfds_dir", _make_tfds, _count_tfds, _change_record),
    "tfrecord": Format("tfrecord", _make_tfrecord, _count_tfrecord, _change_record),
}


def mutate_dataset(form: Format, whole: Files, draw: np.random.Generator) -> Files:
    """Change one file; half of the time below its checksums."""

    def mutate(content: bytes) -> bytes:
        return mutated_tables.mutate(content, draw)

    names = sorted(whole)
    name = names[draw.integers(len(names))]
    inside = form.change_inside if draw.random() < 0.5 else None
    if inside and not name.endswith((".json", ".txt")):
        return {**whole, name: inside(whole[name], mutate, draw)}
    return {**whole, name: mutate(whole[name])}


def read(form: Format, folder: Path) -> str:
    """Read a dataset, and return how it ended."""
    try:
        source = make_source(form.source, SourceConfig(path=str(folder / form.path)))
        counts, bad = _read_arrays(source) if isinstance(source, Source) else _read_images(source)
    except PenstockError as error:
        parts = (error.what, error.expected, error.got, error.follows, error.remedy)
        "".join(map(str, parts)).encode()
        return "refused" if all(parts) else f"refused without all parts: {error}"
    wanted = form.count(folder)
    assert counts.images == wanted.images, (counts, wanted)
    assert None in (counts.total, wanted.total) or counts == wanted, (counts, wanted)
    return "read, with bad files" if bad else "read"


def _read_arrays(source: Source) -> tuple[Counts, int]:
    spec, images, total = source.spec(), 0, 0
    for part in source.parts():
        for chunk in source.read(part):
            check_chunk(chunk, spec, part)
            images, total = images + len(chunk.labels), total + int(chunk.images.sum())
    assert images == source.num_images()
    return Counts(images, total), 0


def _read_images(source: FileSource) -> tuple[Counts, int]:
    names, images, bad = set(source.class_names()), 0, 0
    for part in source.list_parts():
        files = list(source.read_files(part))
        assert len(files) == part.files
        for file in files:
            assert bool(file.content) != bool(file.problem)
            assert file.problem or file.label in names
        images, bad = images + len(files), bad + sum(bool(file.problem) for file in files)
    return Counts(images), bad


def run(name: str, first: int, count: int) -> dict[str, Any]:
    """Read mutations, and return their outcomes, the longest time and the growth of memory."""
    form, outcomes, longest = FORMATS[name], Counter[str](), (0.0, -1)
    with tempfile.TemporaryDirectory() as temporary:
        whole = form.make(Path(temporary) / "made")
        for number, files in enumerate(whole):
            assert read(form, _write(Path(temporary) / f"whole{number}", files)) == "read"

        def read_all() -> None:
            nonlocal longest
            for number in range(first, first + count):
                draw = np.random.default_rng(number)
                mutated = mutate_dataset(form, whole[number % len(whole)], draw)
                folder = _write(Path(temporary) / f"mutated{number % len(whole)}", mutated)
                start = time.process_time()
                try:
                    outcomes[read(form, folder)] += 1
                except BaseException:
                    print(f"mutation {number} of {name}", file=sys.stderr)
                    raise
                longest = max(longest, (time.process_time() - start, number))

        grown = peak_memory.growth(read_all)
    return {"outcomes": dict(outcomes), "slowest": longest, "grown": grown}


def _write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
