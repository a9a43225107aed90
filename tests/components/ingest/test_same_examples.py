"""The same images give the same Examples in the same splits, whatever format they come in."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import formats
import numpy as np
import pytest
from PIL import Image

from components import ingest
from components.artifacts import Examples
from components.context import Context
from data.examples.tfrecord import read_records

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")

NAMES = tuple("0123456789")
COUNTS = {"train": 120, "test": 60}
SHAPES = {"mnist": (28, 28, 1), "fashion": (28, 28, 1), "signs": (32, 32, 3)}
REORDERED = formats.OF_FILES  # by name; TFDS shuffles what it stores
CASES = [(name, form) for name, shape in SHAPES.items() for form in formats.list_formats(shape)]
CASES += [("photographs", form) for form in formats.OF_FILES]  # JPEG files as they are


@pytest.fixture(scope="module")
def read_images(mnist_dir: Path, fashion_dir: Path, sign_digits_dir: Path) -> Callable:
    """A function that reads the first images of a dataset, by split: images and labels."""

    @cache
    def read(name: str) -> formats.Splits:
        if name in ("mnist", "fashion"):
            folder = {"mnist": mnist_dir, "fashion": fashion_dir}[name]
            prefixes = zip(COUNTS.items(), ("train", "t10k"), strict=True)
            return {split: read_idx(folder, prefix, count) for (split, count), prefix in prefixes}
        photographs = read_photographs(sign_digits_dir)
        if name == "photographs":
            return photographs
        return {
            split: (np.stack([*map(shrink, contents)]), labels)
            for split, (contents, labels) in photographs.items()
        }

    return read


def read_idx(folder: Path, prefix: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"{prefix}-{kind}-ubyte.gz").read_bytes()), "u1")
        for kind in ("images-idx3", "labels-idx1")
    )
    return images[16:].reshape(-1, 28, 28, 1)[:count], labels[8:][:count].astype(np.int64)


def read_photographs(folder: Path) -> formats.Splits:
    """Read JPEG files of 100 x 100 pixels, as many of each class."""
    with (folder / "labels.csv").open() as table:
        rows = [(row["path"], int(row["label"])) for row in csv.DictReader(table)]
    splits = {}
    start = 0
    for split, count in COUNTS.items():
        each = count // len(NAMES)
        chosen = [
            (folder / path, label)
            for wanted in range(len(NAMES))
            for path, label in [row for row in rows if row[1] == wanted][start : start + each]
        ]
        start += each
        contents = np.array([path.read_bytes() for path, _ in chosen], dtype=object)
        splits[split] = contents, np.array([label for _, label in chosen], np.int64)
    return splits


def shrink(content: bytes) -> np.ndarray:
    """Decode a photograph, and make it 32 x 32 pixels."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB").resize((32, 32)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, read_images: Callable) -> Callable:
    """A function that ingests a dataset in a format; once each."""

    @cache
    def ingest_as(name: str, form: str) -> Examples:
        folder, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out")
        settings = formats.WRITERS[form](folder, read_images(name), NAMES)
        config = ingest.Config(**settings, store="raw", validation_share=0.25)
        context = Context(output_dir=out, beam_args=("--runner=FnApiRunner",))
        return ingest.run(ingest.Inputs(), config, context).examples

    return ingest_as


def list_records(examples: Examples, split: str) -> list[bytes]:
    return [*read_records(examples, split, range(examples.num_examples(split)))]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_same_images_give_the_same_examples_in_any_format(
    name: str, form: str, run, read_images
) -> None:
    reference = run(name, "image_folder" if name == "photographs" else "npz")
    examples = run(name, form)
    assert examples.counts == reference.counts
    assert examples.spec.shape == reference.spec.shape
    assert len(examples.spec.class_names) == len(NAMES)
    for split in ("train", "validation", "test"):
        own, expected = list_records(examples, split), list_records(reference, split)
        assert own == expected if form not in REORDERED else Counter(own) == Counter(expected)
    counts = {split: sum(examples.counts[split]) for split in examples.counts}
    assert counts["test"] == COUNTS["test"]
    assert counts["train"] + counts["validation"] == COUNTS["train"]
    assert 0 < counts["validation"] < COUNTS["train"] / 2
