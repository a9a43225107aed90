from __future__ import annotations

import pytest

from data.errors import BadDataError, ConfigError
from data.sources.split_names import choose_splits, find_split_name


@pytest.mark.parametrize(
    ("own", "setting", "splits", "unused"),
    [
        (["train", "test"], {}, {"train": "train", "test": "test"}, ()),
        (["Train", "val", "TEST"], {}, {"Train": "train", "val": "validation", "TEST": "test"}, ()),
        (["train"], {}, {"train": None}, ()),
        (["training", "dev"], {}, {"training": None, "dev": "validation"}, ()),
        (["train", "extra", "test"], {}, {"train": "train", "test": "test"}, ("extra",)),
        (
            ["train", "extra", "test"],
            {"train": "train + extra", "test": "test"},
            {"train": "train", "extra": "train", "test": "test"},
            (),
        ),
        (["a", "b"], {"train": "a"}, {"a": None}, ("b",)),
        (["train", "test"], {"train": "train+test"}, {"train": None, "test": None}, ()),
    ],
)
def test_own_splits_become_those_of_the_examples(own, setting, splits, unused) -> None:
    assert choose_splits(own, setting, "it") == (splits, unused)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"train": "trian"}, "a split that is not there: 'trian'"),
        ({"train": "train", "test": "train"}, "twice: 'train'"),
        ({"train": "train+"}, "a split that is not there: ''"),
    ],
)
def test_a_setting_must_name_each_split_once(setting, words) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_splits(["train", "test"], setting, "it")


@pytest.mark.parametrize(("own", "setting"), [(["test"], {}), (["a"], {}), (["a"], {"test": "a"})])
def test_something_must_become_train(own, setting) -> None:
    with pytest.raises(BadDataError, match="no split of it becomes train"):
        choose_splits(own, setting, "it")


@pytest.mark.parametrize(
    ("stem", "folders", "name"),
    [
        ("train", [], "train"),
        ("Validation", ["train"], "Validation"),
        ("part", ["training"], "training"),
        ("", ["test"], "test"),
        ("", ["mnist_test", "data"], "test"),
        ("mnist_train", [], "train"),
        ("my_test_data", ["train"], "train"),  # a whole name counts before a word
        ("val_small", ["mnist_train"], "val"),
        ("train-test-split", [], "train-test-split"),
        ("train.train", [], "train"),
        ("contest", [], "contest"),
        ("", ["a", "b"], "b"),
        ("", [], ""),
    ],
)
def test_the_path_of_a_file_names_its_split(stem, folders, name) -> None:
    assert find_split_name(stem, folders) == name
