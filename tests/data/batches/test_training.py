from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from data.batches.label_runs import has_label_runs
from data.batches.training import (
    BUFFER_IMAGES,
    MEMORY_SHARE,
    Feed,
    memory_bytes,
    plan_feed,
    read_training_chunks,
)
from data.errors import ConfigError
from data.examples.artifact import Examples, shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec

CACHES = ["memory", "disk", "stream"]


def feed(cache: str, *, shuffle: int = 3000, batch_size: int = 32, chunk_steps: int = 8) -> Feed:
    return Feed(cache=cache, shuffle=shuffle, batch_size=batch_size, chunk_steps=chunk_steps)


@pytest.fixture
def chunks(small, tmp_path):
    """A function that gives (images, labels) of each chunk."""

    def read(how: Feed, *, epochs: int = 2, seed: int = 0, first_step: int = 0):
        dataset = read_training_chunks(
            small.examples, how, epochs=epochs, seed=seed, first_step=first_step, scratch=tmp_path
        )
        found = list(dataset.as_numpy_iterator())
        for images, labels in found:
            np.testing.assert_array_equal(images, small.images[labels])
        return found

    return read


def orders(found) -> list[np.ndarray]:
    """The labels of each of two epochs."""
    return np.split(np.concatenate([labels for _, labels in found]), 2)


@pytest.mark.parametrize("cache", CACHES)
def test_each_epoch_is_a_permutation_of_its_own_that_the_seed_decides(chunks, cache) -> None:
    first, again, other = (orders(chunks(feed(cache), seed=seed)) for seed in (1, 1, 2))
    for epoch in (*first, *other):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(3000))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("cache", CACHES)
def test_a_shuffle_of_all_is_over_the_whole_split(chunks, cache) -> None:
    labels, _ = orders(chunks(feed(cache)))
    moved = np.abs(np.argsort(labels) - np.arange(3000))
    # a uniform permutation moves an element by a third of the length on average
    assert abs(moved.mean() / 3000 - 1 / 3) < 0.03


def test_a_smaller_buffer_shuffles_all_the_same(chunks) -> None:
    labels, _ = orders(chunks(feed("stream", shuffle=100)))
    in_order = np.concatenate([labels for _, labels in chunks(feed("stream", shuffle=0), epochs=1)])
    assert not np.array_equal(labels, in_order)


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_without_a_shuffle_the_order_is_the_one_at_rest(chunks, small, cache) -> None:
    for labels in orders(chunks(feed(cache, shuffle=0))):
        np.testing.assert_array_equal(labels, small.labels)


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_of_images_sorted_by_class_each_tenth_of_an_epoch_has_all(tmp_path, cache) -> None:
    """60,000 of 10 classes in 7 shards: the commonest has at most 12 % anywhere."""
    labels = np.repeat(np.arange(10), 6000)
    images = np.repeat(labels, 4).astype(np.uint8).reshape(-1, 2, 2, 1)
    for n, some in enumerate(np.array_split(np.arange(60_000), 7)):
        (tmp_path / shard_name("train", n, 7)).write_bytes(encode(images[some], labels[some]))
    spec = ImageSpec(height=2, width=2, channels=1, class_names=tuple("0123456789"))
    examples = Examples(path=tmp_path, spec=spec, counts={"train": (6000,) * 10})
    plan = plan_feed(examples, batch_size=32, cache=cache, scratch=tmp_path)
    assert plan.shuffle == 60_000
    found = read_training_chunks(examples, plan, epochs=2, seed=1, scratch=tmp_path)
    order = np.concatenate([their for _, their in found.as_numpy_iterator()])
    for tenth in np.split(order, 20):
        counts = np.bincount(tenth, minlength=10)
        assert counts.min() > 0
        assert counts.max() <= 0.12 * len(tenth)
    assert has_label_runs(examples, "train")


def test_labels_in_any_order_are_no_runs(small, tmp_path) -> None:
    assert not has_label_runs(small.examples, "train")
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(2), [900, 100]))
    path = tmp_path / "mixed"
    path.mkdir()
    (path / shard_name("train", 0, 1)).write_bytes(encode(small.images[:1000], labels))
    mixed = Examples(path=path, spec=small.examples.spec, counts={"train": (900, 100)})
    assert not has_label_runs(mixed, "train")


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize(("batch_size", "chunk_steps"), [(32, 8), (7, 3), (3000, 1), (1000, 2)])
def test_the_last_chunk_of_an_epoch_has_what_is_left(chunks, cache, batch_size, chunk_steps):
    found = chunks(feed(cache, batch_size=batch_size, chunk_steps=chunk_steps))
    size = batch_size * chunk_steps
    sizes = [size] * (3000 // size) + [3000 % size] * (3000 % size > 0)
    assert [len(labels) for _, labels in found] == 2 * sizes


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("first_step", [0, 1, 8, 50, 93, 94, 95, 120, 187])
def test_from_any_step_on_come_the_very_chunks_that_were_left(chunks, cache, first_step) -> None:
    how = feed(cache)
    steps = math.ceil(3000 / 32)
    epoch, step = divmod(first_step, steps)
    begun = epoch * math.ceil(steps / 8) + step // 8
    left, want = chunks(how, first_step=first_step), chunks(how)[begun:]
    assert len(left) == len(want)
    for (images, labels), (their, wanted) in zip(left, want, strict=True):
        np.testing.assert_array_equal(labels, wanted)
        np.testing.assert_array_equal(images, their)


def test_a_copy_that_a_killed_run_left_half_written_is_made_anew(chunks, tmp_path) -> None:
    before = orders(chunks(feed("disk")))
    for file in (tmp_path / "records").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    (tmp_path / "records" / "copy_0.lockfile").touch()
    np.testing.assert_array_equal(orders(chunks(feed("disk"))), before)


def test_where_the_images_lie_follows_from_the_memory(small, tmp_path) -> None:
    examples = small.examples
    enough = math.ceil(3000 * 60 / MEMORY_SHARE)
    plan = {
        (memory, bool(scratch)): plan_feed(examples, batch_size=32, memory=memory, scratch=scratch)
        for memory in (enough, enough - 8)
        for scratch in (tmp_path, None)
    }
    assert plan[enough, True].cache == plan[enough, False].cache == "memory"
    assert plan[enough - 8, True].cache == "disk"
    assert plan[enough - 8, False].cache == "stream"
    assert {p.shuffle for p in plan.values()} == {3000, 2999}
    assert plan_feed(examples, batch_size=32, shuffle=False).shuffle == 0
    assert 0 < memory_bytes() < 1 << 50


def test_the_buffer_of_what_does_not_fit_is_bounded(small) -> None:
    many = dataclasses.replace(small.examples, counts={"train": (2_000_000,)})
    assert plan_feed(many, batch_size=32, cache="stream").shuffle == (64 << 20) // 60 > 10_000
    large = dataclasses.replace(many, spec=dataclasses.replace(many.spec, height=300, width=300))
    assert plan_feed(large, batch_size=32, cache="stream").shuffle == BUFFER_IMAGES
    little = plan_feed(large, batch_size=32, cache="stream", memory=400 << 20)
    assert little.shuffle == (100 << 20) // 270_000


@pytest.mark.parametrize("side", [1, 28, 200, 3000])
@pytest.mark.parametrize("batch_size", [1, 32, 4096])
def test_a_chunk_is_at_least_a_step_and_never_much_memory(small, side, batch_size) -> None:
    spec = dataclasses.replace(small.examples.spec, height=side, width=side)
    plan = plan_feed(dataclasses.replace(small.examples, spec=spec), batch_size=batch_size)
    assert 1 <= plan.chunk_steps <= 64
    assert plan.chunk_steps == 1 or plan.chunk_steps * batch_size * spec.image_bytes <= 16 << 20


def test_a_copy_on_disk_needs_a_folder(small) -> None:
    with pytest.raises(ConfigError, match="needs a scratch folder"):
        read_training_chunks(small.examples, feed("disk"), epochs=1, seed=0)
