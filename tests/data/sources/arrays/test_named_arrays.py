from __future__ import annotations

import pytest

from data.errors import BadDataError, ConfigError
from data.sources.arrays.named_arrays import choose_dataset, pair_splits, parse_array_name


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("train-images", ("", "train", "images")),
        ("t10k-labels", ("", "test", "labels")),
        ("x_train", ("", "train", "images")),
        ("val_labels", ("", "validation", "labels")),
        ("X", ("", None, "images")),
        ("kmnist-test-imgs", ("kmnist", "test", "images")),
        ("emnist-letters-train-labels", ("emnist-letters", "train", "labels")),
        ("EMNIST_byclass.test.Images", ("emnist-byclass", "test", "images")),
        ("train", None),
        ("x_y", None),
        ("train_test_x", None),
        ("", None),
    ],
)
def test_a_name_says_dataset_split_and_kind(name, parsed) -> None:
    assert parse_array_name(name) == parsed


def choose(names: list[str], wanted: str | None = None):
    return choose_dataset([(parse_array_name(name), name) for name in names], wanted, "here")


def test_of_two_arrays_for_one_split_the_first_counts() -> None:
    found = choose(["x_train", "train_images", "y_train"])
    assert found.arrays == {("train", "images"): "x_train", ("train", "labels"): "y_train"}
    assert found.unused == ("train_images",)
    assert choose([]).arrays == {}


def test_several_datasets_need_a_name() -> None:
    names = ["a-train-x", "a-train-y", "b-train-x", "b-train-y"]
    assert set(choose(names, "b").arrays.values()) == set(names[2:])
    assert choose(names, "b").unused == tuple(names[:2])
    for wanted in (None, "c"):
        with pytest.raises(ConfigError, match="2 datasets"):
            choose(names, wanted)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["x_train", "y_train", "x_test", "y_test"], ["train", "test"]),
        (["x_test", "y_test", "x_val", "y_val", "x", "y"], ["train", "validation", "test"]),
        (["x_train", "y_train", "x_val", "y_val"], [None, "validation"]),
        (["x", "y"], [None]),
        (["x", "y", "x_train", "y_train"], [None]),
    ],
)
def test_images_and_labels_are_paired(names, splits) -> None:
    pairs = pair_splits(choose(names).arrays, "here", lambda: "")
    assert list(pairs) == splits
    assert all(x.replace("x", "y") == y for x, y in pairs.values())


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ([], "no images of the split train"),
        (["x_test", "y_test"], "no images of the split train"),
        (["x_train"], "no labels of the split train"),
        (["x_train", "y_train", "y_test"], "no images of the split test"),
    ],
)
def test_half_a_pair_is_refused(names, missing) -> None:
    with pytest.raises(BadDataError, match=missing) as caught:
        pair_splits(choose(names).arrays, "here", lambda: "what is there")
    assert caught.value.got == "what is there"
