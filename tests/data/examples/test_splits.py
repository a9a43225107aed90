from __future__ import annotations

import numpy as np
import pytest

from data.base.content_hash import hash_image_shares
from data.examples.splits import SplitShares

IMAGES = np.random.default_rng(0).integers(0, 256, (400, 4, 4, 1), dtype=np.uint8)
SHARES = [
    dict(zip(("test", "validation"), pair, strict=True))
    for pair in zip(
        hash_image_shares(IMAGES, "test"), hash_image_shares(IMAGES, "validation"), strict=True
    )
]


def assign(shares: SplitShares, given: str | None = None, group: str | None = None) -> list[str]:
    return [shares.choose_split(given, group, image) for image in SHARES]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_given_split_is_kept(split: str) -> None:
    assert set(assign(SplitShares(), split)) == {split}
    assert set(assign(SplitShares(test=0.9), split)) == {split}


def test_without_shares_all_is_train() -> None:
    assert set(assign(SplitShares())) == {"train"}
    assert SplitShares().purposes == ()


def test_validation_is_cut_from_train_as_for_arrays() -> None:
    expected = hash_image_shares(IMAGES, "validation") < 0.25
    for given in ("train", None):
        splits = assign(SplitShares(validation=0.25), given)
        assert [split == "validation" for split in splits] == expected.tolist()


def test_a_larger_share_only_adds() -> None:
    small, large = (assign(SplitShares(test=share)) for share in (0.2, 0.4))
    assert {i for i, s in enumerate(small) if s == "test"} < {
        i for i, s in enumerate(large) if s == "test"
    }
    with_validation = assign(SplitShares(test=0.2, validation=0.5))
    assert [s == "test" for s in with_validation] == [s == "test" for s in small]
    rest = [s for s in with_validation if s != "test"]
    assert abs(rest.count("validation") / len(rest) - 0.5) < 0.1


def test_a_group_is_in_one_split_whatever_its_images() -> None:
    shares = SplitShares(test=0.3, validation=0.3)
    splits = [assign(shares, group=f"person {number}") for number in range(300)]
    assert all(len(set(of_group)) == 1 for of_group in splits)
    of_groups = [of_group[0] for of_group in splits]
    assert abs(of_groups.count("test") / 300 - 0.3) < 0.1
    assert abs(of_groups.count("validation") / 300 - 0.7 * 0.3) < 0.1
    assert shares.choose_split(None, "b\udcff", {}) in ("train", "validation", "test")


@pytest.mark.parametrize("given", ["train", "validation", "test", None])
@pytest.mark.parametrize("validation", [0, 0.25])
@pytest.mark.parametrize("test", [0, 0.3])
def test_an_array_of_images_is_divided_as_its_images_one_by_one(given, validation, test) -> None:
    shares = SplitShares(test=test, validation=validation)
    masks = shares.divide(given, IMAGES)
    assert np.sum(list(masks.values()), axis=0).tolist() == [1] * len(IMAGES)
    for split, mask in masks.items():
        assert mask.tolist() == [name == split for name in assign(shares, given)]
