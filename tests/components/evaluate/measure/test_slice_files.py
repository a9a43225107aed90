"""The analysis' files, held against its own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.errors import EnvironmentTrouble, deserialize_error

pytestmark = pytest.mark.slow  # the import of the analysis

SLICES: list[tuple[Any, ...]] = [(), (("slice:span", 3),), (("slice:source", "web"),)]


def write(folder: Path, metrics: dict[tuple[Any, ...], bytes]) -> list[str]:
    from tensorflow_model_analysis.metrics import metric_types

    from components.evaluate.measure.slice_files import WriteSlice

    key = metric_types.MetricKey(name="tally")
    writer = WriteSlice(folder)
    return [name for of, value in metrics.items() for name in writer.process((of, {key: value}))]


def test_the_analysis_own_reader_reads_them(tmp_path: Path) -> None:
    import tensorflow_model_analysis as tfma

    from components.evaluate.measure.slice_files import read_slices

    metrics = {of: repr(of).encode() * 1000 for of in SLICES}
    names = write(tmp_path, metrics)
    assert len(set(names)) == len(SLICES)
    theirs = list(tfma.load_metrics(str(tmp_path)))
    ours = list(read_slices(tmp_path))
    assert sorted(map(repr, ours)) == sorted(map(repr, theirs))
    values = [one.metric_keys_and_values[0].value.bytes_value for one in theirs]
    assert sorted(values) == sorted(metrics.values())


def test_a_bundle_tried_again_writes_the_same_file(tmp_path: Path) -> None:
    first = write(tmp_path, dict.fromkeys(SLICES, b"half"))
    assert write(tmp_path, dict.fromkeys(SLICES, b"whole")) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(first)
    for path in tmp_path.iterdir():
        assert b"whole" in path.read_bytes()


def test_a_worker_that_cannot_write_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        write(tmp_path / "nowhere", {(): b"value"})
    trouble = deserialize_error(str(caught.value))
    assert isinstance(trouble, EnvironmentTrouble)
    assert "cannot write" in str(trouble)
