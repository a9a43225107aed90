from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.errors import BadDataError, StepError
from data.examples.from_files.outcome import BadFile, Outcome, WrittenPortion
from data.examples.write import Shard


def make_outcome(folder: Path, *portions: tuple[int, int, list[int]]) -> Outcome:
    """Make an outcome of (index, bad, images per class) for each portion."""
    made = []
    for index, bad, counts in portions:
        names = [(f"{index} {number}.png", "cat", "it is empty") for number in range(bad)]
        details = folder / f"{len(made)}.json"
        details.write_text(json.dumps({"bad": names, "groups": []}))
        shards = [Shard("train", index, 0, "x.tfrecord", counts)]
        made.append(
            WrittenPortion(index, bad + sum(counts), bad, {"none": 1}, shards, details.name)
        )
    return Outcome(tuple(made), folder)


def test_the_share_of_bad_files_is_over_the_whole_input(tmp_path) -> None:
    outcome = make_outcome(tmp_path, (0, 10, [0, 0]), (1, 0, [50, 40]))
    assert (outcome.read, outcome.bad) == (100, 10)
    outcome.check(100, 0.1)
    with pytest.raises(BadDataError, match="10 of 100 files cannot be used") as raised:
        outcome.check(100, 0.09)
    assert raised.value.got.count("it is empty") == 5
    assert raised.value.got.endswith("; …")
    assert next(outcome.bad_files()) == BadFile("0 0.png", "cat", "it is empty")


@pytest.mark.parametrize("listed", [99, 101])
def test_files_that_were_lost(tmp_path, listed: int) -> None:
    outcome = make_outcome(tmp_path, (0, 10, [0, 0]), (1, 0, [50, 40]))
    with pytest.raises(StepError, match="files were lost or counted twice"):
        outcome.check(listed, 0.5)


def test_a_portion_that_counts_twice(tmp_path) -> None:
    outcome = make_outcome(tmp_path, (0, 0, [5, 5]), (0, 0, [5, 5]))
    with pytest.raises(StepError, match="files were lost or counted twice"):
        outcome.check(20, None)
