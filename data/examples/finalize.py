"""Finish a dataset: name the shards that workers wrote, check the counts, write the metadata."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from data.errors import BadDataError, EnvironmentTrouble
from data.examples.artifact import Examples, shard_name, write_description
from data.examples.tfds_metadata import ShardFacts, write_metadata
from data.examples.write import Shard
from data.files.durable_files import read_json
from data.sources.split_names import SPLIT_NAMES, TEST, TRAIN, VALIDATION

_REMEDIES = {
    TRAIN: "check that the dataset is complete, and let ingest.test_share and "
    "ingest.validation_share leave images for train",
    VALIDATION: "set ingest.validation_share higher, or to 0",
    TEST: "--set ingest.test_share=0.2 cuts a fifth of the images that have no split; with "
    "ingest.group, images that belong together stay together",
}


def read_shards(record: Path) -> list[Shard]:
    """Read the list of shards that `WriteExamples` wrote."""
    return [Shard(**shard) for shard in read_json(record)]


def finalize_examples(
    examples: Examples,
    shards: list[Shard],
    written: Path,
    *,
    expected: int | None,
    splits: Iterable[str],
    source: dict[str, Any],
) -> Examples:
    """Name the shards in order, check the counts, and write the metadata.

    Order and bytes depend on the source alone, not on the runner.

    Args:
        examples: what is made, still without counts; the shards are moved to its folder.
        shards: those that count.
        written: folder in which workers wrote shards; those of bundles that were retried are there
            too and are not moved.
        expected: number of images in all splits; None where the source does not know it.
        splits: the splits that must not be empty.
        source: origin of the images, for `examples.json`.

    Raises:
        BadDataError: an empty split, or an unexpected number of images.
        EnvironmentTrouble: shards that workers wrote are not visible on this machine.
    """
    path = examples.path
    shards = sorted(shards, key=lambda s: (SPLIT_NAMES.index(s.split), s.part, s.chunk))
    by_split = {split: list(group) for split, group in groupby(shards, lambda s: s.split)}
    counts = {split: _add_counts(group) for split, group in by_split.items()}
    _check(counts, expected, splits)
    for split, group in by_split.items():
        for number, shard in enumerate(group):
            _move(written / shard.file, path / shard_name(split, number, len(group)))
    facts = {
        split: [ShardFacts(sum(shard.counts), shard.size) for shard in group]
        for split, group in by_split.items()
    }
    write_metadata(
        path,
        examples.spec,
        facts,
        with_span=source.get("span") is not None,
        store=examples.store,
        further=examples.features,
    )
    examples = dataclasses.replace(examples, counts=counts)
    write_description(examples, source)
    return examples


def check_splits(images: Mapping[str, int], required: Iterable[str]) -> None:
    """Check that the required splits have images.

    Args:
        images: split → number of images.
        required: names of splits.

    Raises:
        BadDataError: a split is empty.
    """
    for split in required:
        if not images.get(split):
            raise BadDataError(
                f"the split {split!r} is empty",
                expected="one or more images",
                got=", ".join(f"{count:,} in {name}" for name, count in images.items())
                or "none in any split",
                follows="nothing was ingested",
                remedy=_REMEDIES[split],
            )


def _add_counts(shards: list[Shard]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*(shard.counts for shard in shards), strict=True)))


def _check(counts: dict[str, tuple[int, ...]], expected: int | None, splits: Iterable[str]) -> None:
    images = {split: sum(of_split) for split, of_split in counts.items()}
    check_splits(images, splits)
    total = sum(images.values())
    if expected not in (None, total):
        raise BadDataError(
            "the source returned another number of images than its num_images()",
            expected=expected,
            got=total,
            follows="nothing was ingested",
            remedy="fix the source's num_images(), parts() or read()",
        )


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except FileNotFoundError as error:
        raise EnvironmentTrouble(
            "the shards that Beam's workers wrote are not visible on this machine",
            expected=f"the file {source}",
            got="no such file",
            follows="nothing was ingested",
            remedy="use a root on a file system that workers and this machine share",
        ) from error
