"""The other formats on Flink: ingest gives the same bytes as in this process."""

from __future__ import annotations

from pathlib import Path

import formats
import numpy as np
import pytest

from components import ingest
from components.artifacts import Examples
from components.context import Context

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    # TFDS reads its JSON files by a way that protobuf is about to end.
    pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning"),
]
SHAPE = (32, 32, 3)
ELSEWHERE = ("image_folder", "table", "tfds")  # test_image_files.py; a dataset by its name


@pytest.mark.parametrize(
    "form", [form for form in formats.list_formats(SHAPE) if form not in ELSEWHERE]
)
def test_ingest_on_flink_gives_the_same_bytes(form: str, flink, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    splits = {
        split: (draw.integers(0, 256, (count, *SHAPE), np.uint8), np.arange(count) % 10)
        for split, count in {"train": 60, "test": 20}.items()
    }
    folder = tmp_path / "data"
    folder.mkdir()
    settings = formats.WRITERS[form](folder, splits, tuple("0123456789"))
    config = ingest.Config(**settings, store="raw", validation_share=0.2)

    def run(name: str, beam_args: tuple[str, ...]) -> Examples:
        (tmp_path / name).mkdir()
        context = Context(output_dir=tmp_path / name, beam_args=beam_args)
        return ingest.run(ingest.Inputs(), config, context).examples

    here, there = run("here", Context.beam_args), run("there", flink.args)
    assert here.counts == there.counts
    assert sum(map(sum, here.counts.values())) == 80
    shards = [shard.name for shard in here.path.glob("*.tfrecord*")]
    assert shards
    for shard in shards:
        assert (there.path / shard).read_bytes() == (here.path / shard).read_bytes()
