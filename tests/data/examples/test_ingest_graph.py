"""Ingest's pipeline as a runner gets it: small, and with nothing between reading and writing."""

from __future__ import annotations

import apache_beam as beam

from data.examples.write import WriteExamples
from data.sources import SourceConfig, make_source


def test_the_pipeline_holds_no_images_and_images_cross_no_shuffle(mnist_dir, tmp_path):
    source = make_source("idx", SourceConfig(path=str(mnist_dir)))
    pipeline = beam.Pipeline()
    _ = pipeline | "Write" >> WriteExamples(source, 0.1, tmp_path, tmp_path / "record")
    proto = pipeline.to_runner_api()
    assert proto.ByteSize() < 100_000  # a thousandth of MNIST's pixels would be 55,000
    transforms = proto.components.transforms.values()
    by_name = {t.unique_name: t for t in transforms}
    for stage in ("ReadChunks", "Encode"):
        (made,) = by_name[f"Write/{stage}"].outputs.values()
        users = [t for t in transforms if made in t.inputs.values() and not t.subtransforms]
        assert [t.spec.urn for t in users] == ["beam:transform:pardo:v1"]
