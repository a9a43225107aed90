from __future__ import annotations

import numpy as np
import pytest

from data.errors import BadDataError
from data.sources.arrays.class_names import choose_class_names, count_labels, infer_class_names


def test_names_count_up_to_the_highest_label() -> None:
    assert infer_class_names({0: 5, 2: 1, 1: 3}, None, "here") == ("0", "1", "2")


def test_given_names_may_name_more_classes_than_occur() -> None:
    assert infer_class_names({1: 5}, ("a", "b", "c"), "here") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("counts", "given", "words"),
    [
        ({0: 1, -1: 2}, None, "-1, 2 times"),
        ({0: 1, 1: 1, 70_000: 3}, None, "70000, 3 times"),
        (dict.fromkeys(range(10), 600), ("cat", "dog"), "0 to 1, for 2 given class names"),
        (
            dict.fromkeys(range(1, 27), 9),
            (*"abcdefghijklmnopqrstuvwxyz",),
            "ingest.first_label=1",
        ),
        (dict.fromkeys(range(1, 27), 9), None, "ingest.first_label=1"),
        ({2: 1, 3: 1}, ("a", "b", "c"), "name all classes"),
        ({0: 9, 1: 9, 200: 1}, None, "no image of 2, 3, 4, 5, 6, 7, 8, 9 …"),
    ],
)
def test_a_label_out_of_range(counts, given, words: str) -> None:
    with pytest.raises(BadDataError) as caught:
        infer_class_names(counts, given, "labels.gz")
    assert "labels.gz" in str(caught.value)
    assert words in str(caught.value)


def test_messages_count_as_the_data_does() -> None:
    assert infer_class_names({0: 5, 1: 1}, None, "here", 1) == ("1", "2")
    with pytest.raises(BadDataError, match="out of range") as caught:
        infer_class_names({-1: 2, 0: 3}, None, "here", 1)
    assert caught.value.got == "0, 2 times"
    with pytest.raises(BadDataError, match="have gaps") as caught:
        infer_class_names({1: 2, 2: 3}, None, "here", 1)
    assert caught.value.got == "no image of 1"
    assert "ingest.first_label" not in str(caught.value)


def test_a_sources_own_names_can_be_renamed_one_by_one() -> None:
    assert choose_class_names(None, ("0", "1"), "digits") == ("0", "1")
    assert choose_class_names(("zero", "one"), ("0", "1"), "digits") == ("zero", "one")
    with pytest.raises(BadDataError, match="does not match the classes of digits"):
        choose_class_names(("cat", "dog"), tuple("0123456789"), "digits")


def test_counting_is_numpys() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 100)
    assert count_labels(labels) == {n: int((labels == n).sum()) for n in range(5)}
