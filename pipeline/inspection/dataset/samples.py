"""Choose 25 images of a dataset while all pass by: some of each class, always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

SAMPLES = 25


class Samples:
    """Keeps a few images of each class, of at most 25 classes; their names decide which ones.

    Args:
        class_names: of the dataset.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        shown = min(len(class_names), SAMPLES)
        names = [class_names[i * len(class_names) // shown] for i in range(shown)]
        self._most = -(-SAMPLES // max(shown, 1))
        self._kept: dict[str, list[tuple[bytes, Any]]] = {name: [] for name in names}

    def offer(self, name: str, label: str, image: Any) -> None:
        """Keep an image, if the hash of its name is among the lowest of its class."""
        kept = self._kept.get(label)
        if kept is None:
            return
        number = hashlib.blake2b(name.encode(errors="surrogateescape")).digest()
        if len(kept) < self._most or number < kept[-1][0]:
            kept.append((number, image))
            kept.sort(key=lambda item: item[0])
            del kept[self._most :]

    def choose(self) -> list[tuple[str, Any]]:
        """Return up to 25 pairs of a class and an image, in the order of the classes."""
        rounds = [
            (name, kept[i][1])
            for i in range(self._most)
            for name, kept in self._kept.items()
            if i < len(kept)
        ]
        order = {name: index for index, name in enumerate(self._kept)}
        return sorted(rounds[:SAMPLES], key=lambda pair: order[pair[0]])
