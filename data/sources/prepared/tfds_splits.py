"""Choose the images of a prepared dataset for train, validation and test, and cut them in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError, suggest_names, summarize_error
from data.sources.split_names import SPLIT_NAMES, choose_splits, open_train


class Range(NamedTuple):
    """Consecutive images of a split of the dataset's own."""

    own: str  # name of that split
    start: int  # first image
    stop: int  # one past the last image
    split: str | None  # train, validation or test; None: the shares of ingest decide


class ChosenRanges(NamedTuple):
    """What is read of a dataset, and what is not."""

    ranges: tuple[Range, ...]  # train first, then validation, then test
    unused: tuple[str, ...]  # names of splits, or how much of one, for the step's summary


def choose_ranges(splits: Mapping[str, Any], setting: Mapping[str, str], what: str) -> ChosenRanges:
    """Choose the images by the setting, or else by the usual names of splits.

    Where no images become test, those of train have no split, so that a share of them can be cut.

    Args:
        splits: own name → `tfds.core.SplitInfo`.
        setting: `ingest.splits`: train, validation or test → own names or slices of them, such as
            train[:80%], joined by +.
        what: the dataset, for messages.

    Raises:
        ConfigError: the setting names no split or slice of the dataset, or an image twice.
        BadDataError: no images become train.
    """
    if not splits:
        raise BadDataError(
            f"{what} has no splits",
            expected="a prepared dataset with a split named train, at least",
            got="none; the dataset may not be prepared",
            follows="nothing was ingested",
            remedy="prepare the dataset again, or choose another one",
        )
    totals = {own: int(info.num_examples) for own, info in splits.items()}
    if not setting:
        chosen, unused = choose_splits(splits, {}, what)
        ranges = [Range(own, 0, totals[own], split) for own, split in chosen.items()]
        return ChosenRanges(_order(ranges), tuple(map(escape_line, unused)))
    slices = {
        split: _parse(split, text, splits, what) for split, text in setting.items() if text.strip()
    }
    if "train" not in slices:
        raise ConfigError(
            "ingest.splits names no images for train",
            expected=f'train = "…", with splits of {what}: {", ".join(map(escape_line, splits))}',
            got=", ".join(setting) or "nothing",
            follows="nothing was ingested",
            remedy='--set ingest.splits=\'{train = "train[:80%]", test = "train[80%:]"}\', '
            "for example",
        )
    given = open_train({split: split for split in slices})
    ranges = [images._replace(split=given[s]) for s, found in slices.items() for images in found]
    _refuse_overlaps(ranges)
    return ChosenRanges(_order(ranges), tuple(_list_unused(totals, ranges)))


def cut_parts(
    ranges: Iterable[Range], splits: Mapping[str, Any], most: int | None
) -> Iterator[Range]:
    """Cut ranges so that no part has more than `most` images, or so that each lies in one file.

    Args:
        ranges: to be cut.
        splits: own name → `tfds.core.SplitInfo`.
        most: images of a part; None: those of one file of the dataset.
    """
    for images in ranges:
        total = int(splits[images.own].num_examples)
        ends = set(range(images.start, images.stop, most or max(1, total)))
        if most is None:
            end = 0
            for length in splits[images.own].shard_lengths:
                end += length
                ends |= {end} if images.start < end < images.stop else set()
        for start, stop in pairwise([*sorted(ends), images.stop]):
            yield images._replace(start=start, stop=stop)


def _parse(split: str, text: str, splits: Mapping[str, Any], what: str) -> list[Range]:
    """Return the images that one value of the setting names."""
    import tensorflow_datasets as tfds

    ranges = []
    for name in (part.strip() for part in text.split("+")):
        try:
            spec = tfds.core.ReadInstruction(name) if name in splits else name
            found = tfds.core.ReadInstruction.from_spec(spec).to_absolute(splits)
        except Exception as error:  # ValueError, KeyError, NotImplementedError, …
            own = name.partition("[")[0]
            raise ConfigError(
                f"ingest.splits names no images of {what}: {escape_line(name)!r}",
                expected="splits of it or slices of them, such as train[:80%], joined by +: "
                + ", ".join(map(escape_line, splits)),
                got=f"{split} = {text!r}: {summarize_error(error)}",
                follows="nothing was ingested",
                remedy=suggest_names(own, splits) if own not in splits else "fix the slice",
            ) from error
        for images in found:
            total = int(splits[images.splitname].num_examples)
            stop = total if images.to is None else int(images.to)
            ranges.append(Range(images.splitname, int(images.from_ or 0), stop, split))
    return ranges


def _refuse_overlaps(ranges: Sequence[Range]) -> None:
    for first, second in pairwise(
        sorted((i for i in ranges if i.start < i.stop), key=lambda i: i[:3])
    ):
        if first.own == second.own and second.start < first.stop:
            raise ConfigError(
                "ingest.splits names an image twice",
                expected="slices that do not overlap",
                got=" and ".join(
                    f"{escape_line(i.own)}[{i.start}:{i.stop}] for {i.split or 'train'}"
                    for i in (first, second)
                ),
                follows="nothing was ingested",
                remedy="end one slice where the other begins, such as train[:80%] and train[80%:]",
            )


def _list_unused(totals: Mapping[str, int], ranges: Sequence[Range]) -> Iterator[str]:
    for own, total in totals.items():
        left = total - sum(max(0, i.stop - i.start) for i in ranges if i.own == own)
        if left and left == total:
            yield escape_line(own)
        elif left:
            yield f"{left:,} of {total:,} images of {escape_line(own)}"


def _order(ranges: Iterable[Range]) -> tuple[Range, ...]:
    return tuple(sorted(ranges, key=lambda images: SPLIT_NAMES.index(images.split or "train")))
