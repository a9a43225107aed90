"""What a pipeline's result does not need is dropped, and what it needs is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from components.beam.prune import keep_needed


def leave(path: Path, value: Any) -> Any:
    path.write_text(str(value), encoding="utf-8")
    return value


class Both(beam.PTransform):
    """Numbers → their sum and their count, each left in a file of `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def expand(self, numbers: beam.PCollection[int]) -> dict[str, beam.PCollection[int]]:
        total = numbers | "Sum" >> beam.CombineGlobally(sum)
        count = numbers | "Count" >> beam.combiners.Count.Globally()
        return {
            "sum": total | "LeaveSum" >> beam.Map(lambda x: leave(self.folder / "sum", x)),
            "count": count | "LeaveCount" >> beam.Map(lambda x: leave(self.folder / "count", x)),
        }


def names(pipeline: beam.Pipeline) -> set[str]:
    """Of the transforms that do something."""
    transforms = pipeline.to_runner_api().components.transforms.values()
    return {t.unique_name for t in transforms if {*t.outputs.values()} != {*t.inputs.values()}}


@pytest.mark.parametrize(("wanted", "other"), [("sum", "count"), ("count", "sum")])
def test_one_of_two_results_is_made(tmp_path: Path, wanted: str, other: str) -> None:
    pipeline = beam.Pipeline("FnApiRunner")
    both = pipeline | beam.Create([2, 3, 4]) | "Both" >> Both(tmp_path)
    _ = both[other] | "Telemetry" >> beam.Map(lambda x: leave(tmp_path / "telemetry", x))
    keep_needed(pipeline, both[wanted])
    kept = names(pipeline)
    assert not [name for name in kept if other.title() in name or "Telemetry" in name]
    assert [name for name in kept if f"Leave{wanted.title()}" in name]
    pipeline.run().wait_until_finish()
    assert [path.name for path in tmp_path.iterdir()] == [wanted]
    assert (tmp_path / wanted).read_text() == {"sum": "9", "count": "3"}[wanted]


def test_side_inputs_and_tagged_outputs_are_needed(tmp_path: Path) -> None:
    pipeline = beam.Pipeline("FnApiRunner")
    side = pipeline | "Side" >> beam.Create([10])
    sorts = pipeline | "Numbers" >> beam.Create([1, 2, 3]) | beam.Partition(lambda x, _: x % 2, 2)
    added = sorts[1] | "Add" >> beam.Map(lambda x, y: x + y, beam.pvalue.AsSingleton(side))
    flat = (added, sorts[0]) | beam.Flatten()
    wanted = (
        flat
        | "Total" >> beam.CombineGlobally(sum)
        | beam.Map(lambda x: leave(tmp_path / "total", x))
    )
    before = names(pipeline)
    keep_needed(pipeline, wanted)
    assert names(pipeline) == before
    _ = wanted | "Later" >> beam.Map(str)
    keep_needed(pipeline, wanted)
    assert names(pipeline) == before
    pipeline.run().wait_until_finish()
    assert (tmp_path / "total").read_text() == "26"
