"""Add up the outcomes of all portions: shards, bad files, groups; and check that nothing is lost.

Memory holds numbers of all portions, but the names of one portion at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import BadDataError, StepError
from data.examples.write import Shard
from data.files.durable_files import read_json

NO_SPLIT = "none"  # in `given`: files to which the source gives no split
_SHOWN = 5  # most bad files that an error names


@dataclass
class WrittenPortion:
    """The outcome of a portion; `details` names the JSON file with its bad files and groups."""

    index: int
    read: int
    bad: int
    given: dict[str, int]  # split by the source, or NO_SPLIT → number of good images
    shards: list[Shard]
    details: str


class BadFile(NamedTuple):
    """A file that cannot be used; all texts can be shown."""

    name: str
    label: str
    problem: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of all portions, in the order of the listing."""

    portions: tuple[WrittenPortion, ...]
    folder: Path  # of the details

    @property
    def read(self) -> int:
        return sum(portion.read for portion in self.portions)

    @property
    def bad(self) -> int:
        return sum(portion.bad for portion in self.portions)

    @property
    def shards(self) -> list[Shard]:
        return [shard for portion in self.portions for shard in portion.shards]

    @property
    def given(self) -> Counter[str]:
        """Number of good images by the split that the source gives, or NO_SPLIT."""
        total: Counter[str] = Counter()
        for portion in self.portions:
            total.update(portion.given)
        return total

    @property
    def images(self) -> Counter[str]:
        """Number of images by split."""
        total: Counter[str] = Counter()
        for shard in self.shards:
            total[shard.split] += sum(shard.counts)
        return total

    def bad_files(self) -> Iterator[BadFile]:
        """Yield the bad files in the order of the listing."""
        for portion in self.portions:
            if portion.bad:
                for values in self._read_details(portion)["bad"]:
                    yield BadFile(*values)

    def check(self, listed: int, max_bad_share: float | None) -> None:
        """Check that every file was written or found to be bad, and that not too many are bad.

        Args:
            listed: number of files in the source's parts.
            max_bad_share: the largest share of bad files.

        Raises:
            BadDataError: too many bad files.
            StepError: files were lost: an error of Penstock or of the Beam runner.
        """
        written = sum(sum(shard.counts) for shard in self.shards)
        indices = [portion.index for portion in self.portions]
        if self.read != listed or written + self.bad != listed or len(set(indices)) < len(indices):
            raise StepError(
                "files were lost or counted twice between reading and writing",
                expected=f"{listed:,} files read, each written once or bad",
                got=f"{self.read:,} read, {written:,} written, {self.bad:,} bad, "
                f"{len(indices):,} portions of {len(set(indices)):,}",
                follows="nothing was ingested",
                remedy="run the same command again; if the error returns, report it",
            )
        if self.bad and self.bad > (max_bad_share or 0) * listed:
            shown = [f"{bad.name}: {bad.problem}" for bad in islice(self.bad_files(), _SHOWN)]
            raise BadDataError(
                f"{self.bad:,} of {listed:,} files cannot be used: "
                "more than ingest.max_bad_share allows",
                expected=f"at most a share of {max_bad_share}",
                got="; ".join(shown) + ("; …" if self.bad > _SHOWN else ""),
                follows="nothing was ingested",
                remedy="fix or remove the files, or set ingest.max_bad_share higher",
            )

    def check_groups(self) -> None:
        """Raise BadDataError if the images of a group are in more than one split."""
        splits: dict[int, str] = {}  # hash of the group's name → split
        for portion in self.portions:
            for key, split, group, file in self._read_details(portion)["groups"]:
                other = splits.setdefault(key, split)
                if other != split:
                    raise BadDataError(
                        f"the group {group!r} is in the split {split} and in {other}",
                        expected="all images of a group in one split",
                        got=f"{file} in {split}, another file in {other}",
                        follows="nothing was ingested",
                        remedy="give all files of the group the same split, or none; or remove "
                        "ingest.group",
                    )

    def _read_details(self, portion: WrittenPortion) -> dict[str, Any]:
        details: dict[str, Any] = read_json(self.folder / portion.details)
        return details


def read_outcome(record: Path, folder: Path) -> Outcome:
    """Read the outcomes that `WriteFiles` recorded; `folder` is where workers wrote."""
    portions = [
        WrittenPortion(**{**portion, "shards": [Shard(**shard) for shard in portion["shards"]]})
        for portion in read_json(record)
    ]
    return Outcome(tuple(sorted(portions, key=lambda portion: portion.index)), folder)
