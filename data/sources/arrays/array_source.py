"""Define a source whose files hold the images of a split as arrays of one size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod

from data.errors import BadDataError
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.class_names import choose_class_names, infer_class_names
from data.sources.arrays.labelled_images import Labelled
from data.sources.source import Chunk, Part
from data.sources.source_config import SourceConfig
from data.spec import ImageSpec

_MOST_IMAGE_BYTES = 128 << 20  # some copies of an image are in memory at a time


class ArraySource:
    """A `Source` with a sequence of `Labelled` images for each split.

    Args:
        splits: train, validation or test → its images in their order; None: images without a split.
        config: of the source.
        layout: how the arrays lie in the files; None: as the settings say.
        class_names: where the format defines them; None: inferred from all labels.
        facts: what was assumed and what is not used, for the step's summary.
    """

    def __init__(
        self,
        splits: Mapping[str | None, Sequence[Labelled]],
        config: SourceConfig,
        *,
        layout: ArrayLayout | None = None,
        class_names: tuple[str, ...] | None = None,
        facts: Sequence[str] = (),
    ) -> None:
        self._splits = {split: tuple(pieces) for split, pieces in splits.items()}
        self._layout = layout or ArrayLayout.of(config)
        self._facts = tuple(facts)
        if class_names is None:
            names = self._infer_class_names(config.class_names)
        else:
            names = choose_class_names(config.class_names, class_names, str(config.path))
        height, width, channels = self._choose_shape()
        self._spec = ImageSpec(height=height, width=width, channels=channels, class_names=names)

    @property
    def _pieces(self) -> list[Labelled]:
        return [piece for pieces in self._splits.values() for piece in pieces]

    def _infer_class_names(self, given: tuple[str, ...] | None) -> tuple[str, ...]:
        stored: Counter[int] = Counter()
        for piece in self._pieces:
            stored.update(piece.count_labels())
        first = self._layout.first_label
        counts = {label - first: count for label, count in stored.items()}
        where = " and ".join(dict.fromkeys(piece.label_name for piece in self._pieces))
        return infer_class_names(counts, given, where, first)

    def _choose_shape(self) -> tuple[int, int, int]:
        for piece in self._pieces:
            self._layout.check_axes(piece.image_shape, piece.name)
        shapes = {p.name: self._layout.arrange_shape(p.image_shape) for p in self._pieces}
        if len(set(shapes.values())) > 1:
            raise BadDataError(
                "the splits have images of different sizes",
                expected="one size for all splits",
                got=", ".join(f"{shape} in {name}" for name, shape in shapes.items()),
                follows="nothing was ingested",
                remedy="check that the files belong to the same dataset",
            )
        name, shape = next(iter(shapes.items()))
        if prod(shape) > _MOST_IMAGE_BYTES:
            raise BadDataError(
                f"{name} has images that are too large",
                expected=f"at most {_MOST_IMAGE_BYTES:,} bytes, since memory holds whole images",
                got=f"{' x '.join(map(str, shape))} = {prod(shape):,} bytes",
                follows="nothing was ingested",
                remedy="check the header of the file, or make the images smaller",
            )
        return shape

    def spec(self) -> ImageSpec:
        return self._spec

    def parts(self) -> list[Part]:
        """Return the parts; images are numbered through all files of a split."""
        parts = []
        for split, pieces in self._splits.items():
            bounds, first = [0], 0
            for piece in pieces:
                bounds += [first + start for start in piece.starts if start]
                first += piece.num_images
                bounds.append(first)
            parts += [Part(split, index, *pair) for index, pair in enumerate(pairwise(bounds))]
        return parts

    def num_images(self) -> int:
        return sum(piece.num_images for piece in self._pieces)

    def describe(self) -> str:
        return "; ".join(self._facts)

    def read(self, part: Part) -> Iterator[Chunk]:
        first = 0
        for piece in self._splits[part.split]:
            last = first + piece.num_images
            stop = last if part.stop is None else min(part.stop, last)
            if max(part.start, first) < stop:
                yield from piece.read(max(part.start, first) - first, stop - first, self._layout)
            first = last
