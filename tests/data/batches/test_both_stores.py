"""Raw and encoded Examples of the same images: whatever reads them sees the same pixels."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from encoded_examples import encode_file, write_both_stores
from image_files import noise, to_file

from data.batches.parse import translate_record_errors
from data.batches.repeated import read_again
from data.batches.sequential import check_images, read_batches
from data.batches.training import plan_feed, read_training_chunks
from data.errors import BadDataError
from data.examples.artifact import Examples, shard_name
from data.examples.read_images import read_images
from data.geometry import Geometry
from data.spec import ImageSpec

SPEC = ImageSpec(
    height=6, width=8, channels=3, class_names=("a", "b", "c"), geometry=Geometry(fit="stretch")
)
COUNT = 50
SIZES = [(6, 8), (1, 1), (13, 7), (40, 60)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Examples, Examples]:
    """Raw and encoded Examples of files of several sizes."""
    files = [
        (to_file(noise(*SIZES[i % 4], 3, i), "JPEG" if i % 3 else "PNG"), i % 3)
        for i in range(COUNT)
    ]
    return write_both_stores(tmp_path_factory.mktemp("both"), SPEC, {"train": files})


@pytest.fixture
def plain(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> tuple[Examples, Examples]:
    """PNG files of the right size and a decoder of one operation: the whole one costs a second."""
    monkeypatch.setattr(
        "data.batches.parse.read_image",
        lambda file, spec: tf.io.decode_png(file, channels=spec.channels),
    )
    files = [(to_file(noise(6, 8, 3, i)), i % 3) for i in range(COUNT)]
    return write_both_stores(tmp_path_factory.mktemp("plain"), SPEC, {"train": files})


def check_equal(one: tf.data.Dataset, other: tf.data.Dataset) -> None:
    for (images, labels), (their, theirs) in zip(one, other, strict=True):
        np.testing.assert_array_equal(images, their)
        np.testing.assert_array_equal(labels, theirs)


def read_chunks(
    examples: Examples, cache: str, scratch: Path, first_step: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    feed = plan_feed(examples, batch_size=4, cache=cache, scratch=scratch)
    chunks = read_training_chunks(
        examples,
        dataclasses.replace(feed, chunk_steps=3),
        epochs=2,
        seed=3,
        first_step=first_step,
        scratch=scratch,
    )
    return list(chunks.as_numpy_iterator())


def test_batches_in_order_also_where_some_records_are_raw(both, tmp_path) -> None:
    """As in a window of spans, one of which was small enough to be stored raw."""
    raw, encoded = both
    mixed = dataclasses.replace(encoded, path=tmp_path)
    for number, source in enumerate(both):
        shard = source.shards("train")[number]
        (tmp_path / shard.name).write_bytes(shard.read_bytes())
    wanted, batches = (read_batches(examples, "train", batch_size=8) for examples in (raw, mixed))
    assert wanted.cardinality() == batches.cardinality() == -(-COUNT // 8)
    assert wanted.element_spec == batches.element_spec
    check_equal(wanted, batches)
    indices = [0, 7, 49, 7, 20, 30]
    check_equal(
        [read_images(raw, "train", indices)] * 2,
        [read_images(examples, "train", indices) for examples in (encoded, mixed)],
    )


def test_a_stream_of_training(both, tmp_path) -> None:
    raw, encoded = (read_chunks(examples, "stream", tmp_path) for examples in both)
    check_equal(raw, encoded)
    assert sum(len(labels) for _, labels in encoded) == 2 * COUNT


@pytest.mark.parametrize("cache", ["memory", "disk", "stream"])
@pytest.mark.parametrize("first_step", [0, 5, 18])
def test_training_from_any_step_on(plain, cache: str, first_step: int, tmp_path) -> None:
    raw, encoded = (read_chunks(examples, cache, tmp_path, first_step) for examples in plain)
    check_equal(raw, encoded)
    epoch, step = divmod(first_step, 13)
    images = sum(len(labels) for _, labels in encoded)
    assert images == (2 - epoch) * COUNT - step // 3 * 12


@pytest.mark.parametrize(("memory", "cache"), [(None, "memory"), (100, "disk"), (100, "stream")])
def test_validation_of_many_epochs(plain, tmp_path, memory: int | None, cache: str) -> None:
    """Files are read once where the images fit."""
    raw, encoded = plain

    def read(examples: Examples) -> tf.data.Dataset:
        return read_again(
            examples,
            "train",
            batch_size=16,
            transform=lambda images: images / 255,
            scratch=tmp_path if cache == "disk" else None,
            memory=memory,
        )

    wanted, batches = read(raw), read(encoded)
    assert wanted.element_spec == batches.element_spec
    assert wanted.cardinality() == batches.cardinality()
    check_equal(wanted, batches)
    if cache != "stream":
        shutil.rmtree(encoded.path)
    check_equal(wanted, batches)


def test_raw_examples_are_parsed_without_a_decoder(both, monkeypatch, tmp_path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("traced")

    monkeypatch.setattr("data.batches.parse.read_image", refuse)
    raw, encoded = both
    for cache in ("memory", "disk", "stream"):
        read_chunks(raw, cache, tmp_path)
    check_images(raw, "train")
    with pytest.raises(AssertionError, match="traced"):
        read_batches(encoded, "train", batch_size=8)


def damage(folder: Path, content: bytes) -> Examples:
    """Write Examples whose second file has this content."""
    records = [encode_file(to_file(noise(6, 8, 3)), 1), encode_file(content, 2)]
    (folder / shard_name("train", 0, 1)).write_bytes(b"".join(records))
    return Examples(path=folder, spec=SPEC, counts={"train": (0, 1, 1)}, store="encoded")


def check_error(error: BadDataError, folder: Path) -> None:
    assert str(folder) in error.what
    assert "{{" not in str(error)
    assert len(str(error)) < 1000
    assert "ingest again" in error.remedy


@pytest.mark.parametrize("cache", ["memory", "disk", "stream"])
def test_training_names_the_dataset_of_a_damaged_file(plain, tmp_path, cache: str) -> None:
    examples = damage(tmp_path, to_file(noise(6, 8, 3))[:99])
    with pytest.raises(BadDataError) as caught, translate_record_errors(examples):
        read_chunks(examples, cache, tmp_path)
    check_error(caught.value, tmp_path)


@pytest.mark.parametrize(
    "content", [to_file(noise(40, 60, 3))[:99], b"", b"no image"], ids=["cut", "empty", "text"]
)
def test_single_images_name_the_dataset_of_a_damaged_file(tmp_path, content: bytes) -> None:
    examples = damage(tmp_path, content)
    with pytest.raises(BadDataError) as caught:
        read_images(examples, "train", [0, 1])
    check_error(caught.value, tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(to_file(noise(40, 60, 3), "JPEG")[:99], "JPEG"), (b"", "an image file: it is empty")],
    ids=["cut", "empty"],
)
def test_a_damaged_file_is_found_by_reading_all(tmp_path, content: bytes, words: str) -> None:
    examples = damage(tmp_path, content)
    with pytest.raises(BadDataError) as caught:
        check_images(examples, "train")
    check_error(caught.value, tmp_path)
    assert words in str(caught.value.got)


def test_the_buffer_counts_files_where_they_are_larger(both) -> None:
    """As many files as fit a quarter of the memory, however small the images."""
    _, encoded = both
    few = dataclasses.replace(encoded, counts={"train": (1, 1, 1)})
    record = -(-sum(shard.stat().st_size for shard in encoded.shards("train")) // 3)
    assert record > SPEC.image_bytes
    assert plan_feed(few, batch_size=1, cache="stream", memory=8 * record).shuffle == 2
