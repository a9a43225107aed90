"""Define sources as a user would, for import paths `own_sources:…`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from data.sources import Chunk, Part, SourceConfig
from data.spec import ImageSpec


class Files:
    """Images and labels in .npy files `<split>_images`, `<split>_labels` in the folder `path`.

    Options: chunk, images per chunk; parts, per split; promise, what num_images says.
    """

    def __init__(self, config: SourceConfig) -> None:
        self.folder = config.path
        self.chunk, self.pieces = (
            config.options.get(n, d) for n, d in (("chunk", 100), ("parts", 1))
        )
        self.promise = config.options.get("promise")
        self.names = config.class_names or tuple(map(str, range(10)))

    def load(self, name: str) -> np.ndarray:
        return np.load(f"{self.folder}/{name}.npy")

    def spec(self) -> ImageSpec:
        height, width, channels = self.load("train_images").shape[1:]
        return ImageSpec(height=height, width=width, channels=channels, class_names=self.names)

    def parts(self) -> list[Part]:
        found = []
        for split in ("test", "train"):  # in no special order
            bounds = np.linspace(0, len(self.load(f"{split}_labels")), self.pieces + 1).astype(int)
            found += [Part(split, i, *map(int, bounds[i : i + 2])) for i in range(self.pieces)]
        return found[::-1]

    def num_images(self) -> int | None:
        return self.promise

    def read(self, part: Part) -> Iterator[Chunk]:
        images, labels = (self.load(f"{part.split}_{n}") for n in ("images", "labels"))
        for start in range(part.start, part.stop or 0, self.chunk):
            stop = min(start + self.chunk, part.stop or 0)
            yield Chunk(images[start:stop], labels[start:stop])


class Wrong(Files):
    """Its last chunk is spoilt in the way that the option `how` names."""

    def __init__(self, config: SourceConfig) -> None:
        super().__init__(config)
        self.how = config.options["how"]

    def read(self, part: Part) -> Iterator[Chunk]:
        yield from super().read(part)
        images, labels = np.zeros((3, *self.spec().shape), np.uint8), np.zeros(3, int)
        if self.how == "raises":
            raise ValueError("a bug of the user's")
        yield {
            "float": Chunk(images / 255, labels),
            "size": Chunk(images[:, 1:], labels),
            "fewer labels": Chunk(images, labels[1:]),
            "label": Chunk(images, labels + 10),
            "negative": Chunk(images, labels - 1),
            "text": Chunk(images, labels.astype(str)),
        }[self.how]


class Unsplit(Files):
    """Gives the same images no split: some of them in a first part, the rest in a second."""

    def parts(self) -> list[Part]:
        lengths = [len(self.load(f"{split}_labels")) for split in ("train", "test")]
        return [Part(None, index, 0, length) for index, length in enumerate(lengths)]

    def read(self, part: Part) -> Iterator[Chunk]:
        yield from super().read(dataclasses.replace(part, split=("train", "test")[part.index]))


class OtherSplit(Files):
    """Gives a split by a name that ingest does not know."""

    def parts(self) -> list[Part]:
        return [Part("valid", 0, 0, 3)]


class Nothing(Files):
    """Has no parts."""

    def parts(self) -> list[Part]:
        return []


class Stamped(Files):
    """Says by the option `word` what its data is."""

    def __init__(self, config: SourceConfig) -> None:
        super().__init__(config)
        self.word = config.options.get("word", "same")

    def stamp(self) -> str:
        if self.word == "down":
            raise ConnectionRefusedError("nobody listens")
        return self.word


def make_stamped(config: SourceConfig) -> Stamped:
    return Stamped(config)
