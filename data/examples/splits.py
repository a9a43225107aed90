"""Assign images to splits: by what the source says, else by a hash of their pixels or group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.base.content_hash import hash_image_shares, hash_text_share
from data.sources.split_names import TEST, TRAIN, VALIDATION


@dataclass(frozen=True, kw_only=True)
class SplitShares:
    """The shares that are cut: of the images without a split for test, of train for validation."""

    test: float = 0.0
    validation: float = 0.0

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes for which `content_hash.hash_image_shares` is needed."""
        return tuple(name for name in (TEST, VALIDATION) if getattr(self, name))

    def choose_split(
        self, given: str | None, group: str | None, shares_of_image: Mapping[str, float]
    ) -> str:
        """Choose the split of an image.

        Args:
            given: the split by the source; None: it gives none.
            group: images of one group stay in one split; None: the image alone decides.
            shares_of_image: for each of `purposes`, the hash of the image's pixels, 0-1.
        """

        def is_in(purpose: str, share: float) -> bool:
            if not share:
                return False
            by_hash = shares_of_image[purpose] if group is None else hash_text_share(group, purpose)
            return by_hash < share

        split = given or (TEST if is_in(TEST, self.test) else TRAIN)
        return VALIDATION if split == TRAIN and is_in(VALIDATION, self.validation) else split

    def divide(self, given: str | None, images: np.ndarray) -> dict[str, np.ndarray]:
        """Choose the split of each image of an array, as `choose_split` does for one.

        Args:
            given: the split of all of them by the source; None: it gives none.
            images: (n, …) uint8.

        Returns:
            Split → which images are in it, (n,) bool; each image is in one.
        """
        nowhere = np.zeros(len(images), bool)

        def find(purpose: str, share: float) -> np.ndarray:
            return hash_image_shares(images, purpose) < share if share else nowhere

        test = find(TEST, self.test) if given is None else nowhere | (given == TEST)
        validation = nowhere | (given == VALIDATION)
        if given in (None, TRAIN):
            validation = ~test & find(VALIDATION, self.validation)
        return {TRAIN: ~test & ~validation, VALIDATION: validation, TEST: test}
