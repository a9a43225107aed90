"""Choose 25 images of a dataset while its files pass by: some of each class, always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from data.sources.file_source import ImageFile

SAMPLES = 25


class Samples:
    """Keeps a few files of each class, of at most 25 classes; which ones is drawn by their names.

    Args:
        class_names: of the dataset.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        shown = min(len(class_names), SAMPLES)
        names = [class_names[i * len(class_names) // shown] for i in range(shown)]
        self._most = -(-SAMPLES // max(shown, 1))
        self._kept: dict[str, list[tuple[bytes, bytes]]] = {name: [] for name in names}

    def offer(self, file: ImageFile) -> None:
        """Keep a file, if its number in the draw is among the lowest of its class."""
        kept = self._kept.get(file.label)
        if kept is None:
            return
        number = hashlib.blake2b(file.name.encode(errors="surrogateescape")).digest()
        if len(kept) < self._most or number < kept[-1][0]:
            kept.append((number, file.content))
            kept.sort(key=lambda item: item[0])
            del kept[self._most :]

    def choose(self) -> list[tuple[str, bytes]]:
        """Return up to 25 pairs of a class and a file's content, in the order of the classes."""
        rounds = [
            (name, kept[i][1])
            for i in range(self._most)
            for name, kept in self._kept.items()
            if i < len(kept)
        ]
        order = {name: index for index, name in enumerate(self._kept)}
        return sorted(rounds[:SAMPLES], key=lambda pair: order[pair[0]])
