"""Ingest the images of a source of arrays, all of one size."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from components.artifacts import Examples
from components.beam.run_pipeline import run_pipeline
from components.context import Context
from components.ingest.config import Config
from components.ingest.progress import report_progress
from components.ingest.shares import choose_shares, list_required_splits
from data.examples.finalize import finalize_examples, read_shards
from data.examples.tf_example import record_bytes
from data.examples.write import WriteExamples
from data.files.durable_files import write_json
from data.sources import Source


def ingest_arrays(
    source: Source, config: Config, context: Context, path: Path, temporary: Path
) -> Examples:
    """Write the images of a source as Examples.

    Args:
        source: gives images and labels.
        config: of Ingest.
        context: of the run.
        path: folder of the Examples.
        temporary: an empty folder on the same disk.
    """
    spec, total = source.spec(), source.num_images()
    describe = getattr(source, "describe", None)
    shares = choose_shares({part.split for part in source.parts()}, config, context)
    record, folder = temporary / "shards.json", temporary / "shards"
    folder.mkdir()
    write_json(record, [])  # stays empty if the source has no images
    transform = WriteExamples(source, shares, folder, record, config.span)
    size = record_bytes(spec.image_bytes, config.span)
    with report_progress(folder, size, total, context):
        run_pipeline(lambda pipeline: pipeline | transform, context)
    return finalize_examples(
        Examples(path=path, spec=spec, counts={}, note=describe() if describe else ""),
        read_shards(record),
        folder,
        expected=total,
        splits=list_required_splits(config),
        source=asdict(config),
    )
