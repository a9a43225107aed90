"""Photographs on Flink: ingest gives the same bytes as in this process, in either store."""

from __future__ import annotations

from pathlib import Path

import pytest

from components import ingest
from components.artifacts import Examples
from components.context import Context
from data.examples.from_files import portions

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.mark.parametrize("store", ["raw", "encoded"])
def test_ingest_on_flink_gives_the_same_bytes(
    store: str, flink, sign_digits_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "PORTION_FILES", 600)  # several, of about one part each
    config = ingest.Config(
        source="table",
        path=str(sign_digits_dir / "labels.csv"),
        group="person",
        features=("person",),
        height=32,
        width=32,
        fit="pad",
        store=store,
        test_share=0.2,
        validation_share=0.1,
    )

    def run(name: str, beam_args: tuple[str, ...]) -> Examples:
        folder = tmp_path / name
        folder.mkdir()
        context = Context(output_dir=folder, beam_args=beam_args)
        return ingest.run(ingest.Inputs(), config, context).examples

    here, there = run("here", Context.beam_args), run("there", flink.args)
    assert here.counts == there.counts
    assert sum(map(sum, here.counts.values())) == 2_062
    assert len(here.shards("train")) > 3
    for shard in here.path.glob("*.tfrecord*"):
        assert (there.path / shard.name).read_bytes() == shard.read_bytes()
