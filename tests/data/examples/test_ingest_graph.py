"""Ingest's pipeline as a runner gets it: small, and with nothing between reading and writing."""

from __future__ import annotations

import apache_beam as beam
import own_files

from data.examples.from_files.portions import group_parts
from data.examples.from_files.write import FileRules, WriteFiles
from data.examples.splits import SplitShares
from data.examples.write import WriteExamples
from data.sources import SourceConfig, make_source
from data.spec import ImageSpec


def test_the_pipeline_holds_no_images_and_images_cross_no_shuffle(mnist_dir, tmp_path):
    source = make_source("idx", SourceConfig(path=str(mnist_dir)))
    pipeline = beam.Pipeline()
    _ = pipeline | "Write" >> WriteExamples(
        source, SplitShares(validation=0.1), tmp_path, tmp_path / "record"
    )
    proto = pipeline.to_runner_api()
    assert proto.ByteSize() < 100_000  # a thousandth of MNIST's pixels would be 55,000
    transforms = proto.components.transforms.values()
    by_name = {t.unique_name: t for t in transforms}
    for stage in ("ReadChunks", "Encode"):
        (made,) = by_name[f"Write/{stage}"].outputs.values()
        users = [t for t in transforms if made in t.inputs.values() and not t.subtransforms]
        assert [t.spec.urn for t in users] == ["beam:transform:pardo:v1"]


def test_what_crosses_a_shuffle_of_files_is_their_list_and_numbers(tmp_path):
    rows = [{"name": f"{number}.png", "label": "ab"[number % 2]} for number in range(2_000)]
    own_files.write_list(tmp_path, rows)
    source = own_files.Listed(SourceConfig(path=str(tmp_path)))
    portions = group_parts(source.list_parts(), 27_648)
    spec = ImageSpec(height=96, width=96, channels=3, class_names=("a", "b"))
    rules = FileRules(spec=spec, store="raw", shares=SplitShares())
    pipeline = beam.Pipeline()
    transform = WriteFiles(source, portions, rules, tmp_path, tmp_path / "record")
    _ = pipeline | "Write" >> transform
    proto = pipeline.to_runner_api()
    assert proto.ByteSize() < 200 * len(rows)
    pardos = [
        t.unique_name
        for t in proto.components.transforms.values()
        if not t.subtransforms and "Write/Write" in t.unique_name
    ]
    assert pardos == ["Write/Write"]  # reads, decodes and writes: nothing lies between
