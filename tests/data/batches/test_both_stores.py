"""Raw and encoded Examples of the same images: whatever reads them sees the same pixels."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from encoded_examples import encode_file, write_both_stores
from image_files import noise, to_file

from data.batches.parse import translate_record_errors
from data.batches.repeated import read_again
from data.batches.sequential import read_batches
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
    files = [
        (to_file(noise(*SIZES[i % 4], 3, i), "JPEG" if i % 3 else "PNG"), i % 3)
        for i in range(COUNT)
    ]
    return write_both_stores(
        tmp_path_factory.mktemp("both"), SPEC, {"train": files, "test": files[:9]}
    )


def check_equal(one: tf.data.Dataset, other: tf.data.Dataset) -> None:
    for (images, labels), (their, theirs) in zip(one, other, strict=True):
        np.testing.assert_array_equal(images, their)
        np.testing.assert_array_equal(labels, theirs)


def test_batches_in_order(both) -> None:
    raw, encoded = (read_batches(examples, "train", batch_size=8) for examples in both)
    assert raw.cardinality() == encoded.cardinality() == -(-COUNT // 8)
    assert raw.element_spec == encoded.element_spec
    check_equal(raw, encoded)


@pytest.mark.parametrize("cache", ["memory", "disk", "stream"])
@pytest.mark.parametrize("first_step", [0, 18])
def test_chunks_of_training(both, cache: str, first_step: int, tmp_path) -> None:
    def read(examples: Examples) -> tf.data.Dataset:
        feed = plan_feed(examples, batch_size=4, cache=cache, scratch=tmp_path)
        feed = dataclasses.replace(feed, chunk_steps=3)
        return list(
            read_training_chunks(
                examples, feed, epochs=2, seed=3, first_step=first_step, scratch=tmp_path
            ).as_numpy_iterator()
        )

    raw, encoded = map(read, both)
    check_equal(raw, encoded)
    assert sum(len(labels) for _, labels in encoded) == 2 * COUNT - first_step // 13 * COUNT - (
        first_step % 13 // 3 * 12
    )


@pytest.mark.parametrize(("memory", "cache"), [(None, "memory"), (100, "disk"), (100, "stream")])
def test_validation_of_many_epochs(both, tmp_path, memory: int | None, cache: str) -> None:
    """Files are read once where the images fit."""
    raw, encoded = both
    mine = dataclasses.replace(encoded, path=tmp_path / "mine")
    shutil.copytree(encoded.path, mine.path)
    scratch = tmp_path if cache == "disk" else None

    def read(examples: Examples) -> tf.data.Dataset:
        return read_again(
            examples,
            "train",
            batch_size=16,
            transform=lambda images: images / 255,
            scratch=scratch,
            memory=memory,
        )

    wanted, batches = read(raw), read(mine)
    assert wanted.element_spec == batches.element_spec
    assert wanted.cardinality() == batches.cardinality()
    check_equal(wanted, batches)
    if cache != "stream":
        shutil.rmtree(mine.path)
    check_equal(wanted, batches)


def test_single_images(both) -> None:
    raw, encoded = (read_images(examples, "train", [7, 49, 0, 7, 20]) for examples in both)
    check_equal([raw], [encoded])


def test_raw_examples_are_parsed_without_a_decoder(both, monkeypatch, tmp_path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("traced")

    monkeypatch.setattr("data.batches.parse.read_image", refuse)
    raw, encoded = both
    for cache in ("memory", "disk", "stream"):
        feed = plan_feed(raw, batch_size=4, cache=cache, scratch=tmp_path)
        list(read_training_chunks(raw, feed, epochs=1, seed=0, scratch=tmp_path))
    with pytest.raises(AssertionError, match="traced"):
        read_batches(encoded, "train", batch_size=8)


def test_a_record_without_a_format_is_pixels(both, tmp_path) -> None:
    """As in a window of spans, one of which was small enough to be stored raw."""
    raw, encoded = both
    mixed = dataclasses.replace(encoded, path=tmp_path)
    for number, source in enumerate(both):
        shard = source.shards("train")[number]
        (tmp_path / shard.name).write_bytes(shard.read_bytes())
    check_equal(*(read_batches(examples, "train", batch_size=8) for examples in (raw, mixed)))
    indices = range(0, COUNT, 7)
    check_equal([read_images(raw, "train", indices)], [read_images(mixed, "train", indices)])


def read_all(examples: Examples, how: str) -> None:
    if how == "single":
        read_images(examples, "train", [1])
    elif how == "in order":
        list(read_batches(examples, "train", batch_size=4))
    else:
        feed = plan_feed(examples, batch_size=4, cache=how, scratch=examples.path)
        list(read_training_chunks(examples, feed, epochs=1, seed=0, scratch=examples.path))


@pytest.mark.parametrize("how", ["memory", "disk", "stream", "in order", "single"])
@pytest.mark.parametrize(
    "content", [to_file(noise(40, 60, 3))[:99], b"", b"no image"], ids=["cut", "empty", "text"]
)
def test_a_file_that_cannot_be_decoded_names_the_dataset(tmp_path, how: str, content) -> None:
    records = [encode_file(to_file(noise(5, 5, 3)), 1), encode_file(content, 2)]
    (tmp_path / shard_name("train", 0, 1)).write_bytes(b"".join(records))
    examples = Examples(path=tmp_path, spec=SPEC, counts={"train": (0, 1, 1)}, store="encoded")
    with pytest.raises(BadDataError) as caught, translate_record_errors(examples):
        read_all(examples, how)
    assert str(tmp_path) in caught.value.what
    if how != "single":
        assert "{{" not in str(caught.value)
    assert "ingest again" in caught.value.remedy


def test_the_buffer_counts_files_where_they_are_larger(both) -> None:
    """200 KB of file, a small image: as many as fit a quarter of the memory."""
    _, encoded = both
    many = dataclasses.replace(encoded, counts={"train": (1, 1, 1)})
    record = -(-sum(shard.stat().st_size for shard in encoded.shards("train")) // 3)
    plan = plan_feed(many, batch_size=1, cache="stream", memory=8 * record)
    assert record > SPEC.image_bytes
    assert plan.shuffle == 2
