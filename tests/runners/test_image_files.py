"""Photographs on Flink: the same Examples and the same model judged as in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
import same_runs

from components import ingest
from components.artifacts import Examples
from components.context import Context
from data.examples.from_files import portions
from pipeline import recipes
from pipeline.config.overrides import apply_settings
from pipeline.run import run

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

    def ingest_by(name: str, beam_args: tuple[str, ...]) -> Examples:
        folder = tmp_path / name
        folder.mkdir()
        context = Context(output_dir=folder, beam_args=beam_args)
        return ingest.run(ingest.Inputs(), config, context).examples

    here, there = ingest_by("here", Context.beam_args), ingest_by("there", flink.args)
    assert here.counts == there.counts
    assert sum(map(sum, here.counts.values())) == 2_062
    assert len(here.shards("train")) > 3
    for shard in here.path.glob("*.tfrecord*"):
        assert (there.path / shard.name).read_bytes() == shard.read_bytes()


def test_conv_on_photographs_comes_to_the_same_on_flink(
    flink, sign_digits_dir: Path, tmp_path: Path
) -> None:
    settings = [
        "ingest.source=table",
        f"ingest.path={sign_digits_dir / 'labels.csv'}",
        "ingest.group=person",
        "ingest.features=[person]",
        "ingest.height=32",
        "ingest.width=32",
        "ingest.fit=pad",
        "ingest.store=encoded",
        "train.epochs=1",
        "train.model_options={filters = [4, 4]}",
        "evaluate.slices=[person]",
    ]
    config = apply_settings(recipes.build("image_folder"), settings)
    here = run(config, root=tmp_path / "here")
    there = run(config, root=tmp_path / "there", beam_args=flink.args)
    same_runs.assert_same(here, there)
