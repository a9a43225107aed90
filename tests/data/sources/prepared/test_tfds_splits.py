"""Which images of a prepared dataset become train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from data.errors import BadDataError, ConfigError
from data.sources.prepared.tfds_splits import Range, choose_ranges, cut_parts


@dataclass
class Split:
    """What is used of a `tfds.core.SplitInfo`."""

    shard_lengths: list[int]

    @property
    def num_examples(self) -> int:
        return sum(self.shard_lengths)


OWN = {"test": Split([10]), "train": Split([60, 40]), "extra": Split([7])}


def test_usual_names_without_a_setting() -> None:
    chosen = choose_ranges(OWN, {}, "it")
    assert chosen.ranges == (Range("train", 0, 100, "train"), Range("test", 0, 10, "test"))
    assert chosen.unused == ("extra",)
    alone = choose_ranges({"train": OWN["train"]}, {}, "it")
    assert alone.ranges == (Range("train", 0, 100, None),)


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("train", range(100)),
        ("train[:80%]", range(80)),
        ("train[-10:]", range(90, 100)),
        ("train[10%:20%] + train[30:31]", [*range(10, 20), 30]),
        ("train[1shard]", range(60, 100)),
    ],
)
def test_slices_are_those_of_python(text: str, indices) -> None:
    chosen = choose_ranges(OWN, {"train": text, "test": "test+extra"}, "it")
    train = [i for i in chosen.ranges if i.split == "train"]
    assert [n for i in train for n in range(i.start, i.stop)] == list(indices)
    left = 100 - len(indices)
    assert chosen.unused == ((f"{left} of 100 images of train",) if left else ())


def test_train_without_test_has_no_split() -> None:
    chosen = choose_ranges(OWN, {"train": "train+extra", "validation": "test"}, "it")
    assert {(i.own, i.split) for i in chosen.ranges} == {
        ("train", None),
        ("extra", None),
        ("test", "validation"),
    }


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"train": "train[:80%]", "test": "train[79%:]"}, "an image twice"),
        ({"train": "train+train[:1]", "test": "test"}, "an image twice"),
        ({"train": "train", "test": "train[:0]+train"}, "an image twice"),
        ({"train": "trian"}, r"names no images of it: 'trian'[\s\S]*did you mean 'train'"),
        ({"train": "train[:200%]"}, "names no images of it: 'train"),
        ({"train": "train[:200]"}, "names no images of it: 'train"),
        ({"train": "train["}, "names no images of it: 'train"),
        ({"train": "train+"}, "names no images of it: ''"),
        ({"test": "test"}, "no images for train"),
    ],
)
def test_settings_that_are_refused(setting: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_ranges(OWN, setting, "it")


def test_a_dataset_without_train_or_without_splits() -> None:
    with pytest.raises(BadDataError, match="becomes train"):
        choose_ranges({"all_of_it": Split([3])}, {}, "it")
    with pytest.raises(BadDataError, match="has no splits"):
        choose_ranges({}, {}, "it")


def test_parts_are_the_ranges_in_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        lengths = rng.integers(0, 9, rng.integers(1, 5)).tolist()
        total = sum(lengths)
        start, stop = sorted(rng.integers(0, total + 1, 2).tolist())
        ends = np.cumsum(lengths).tolist()
        for most in (None, 1, 3, 100):
            parts = list(cut_parts([Range("a", start, stop, None)], {"a": Split(lengths)}, most))
            assert [n for p in parts for n in range(p.start, p.stop)] == list(range(start, stop))
            for part in parts:
                if most is None:
                    assert not any(part.start < end < part.stop for end in ends)
                else:
                    assert 0 < part.stop - part.start <= most
