"""Ingest the images of a source of arrays, all of one size."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from components.artifacts import Examples
from components.beam.run_pipeline import run_pipeline
from components.context import Context
from components.ingest.config import Config
from components.ingest.progress import report_progress
from data.examples.finalize import finalize_examples, read_shards
from data.examples.splits import VALIDATION
from data.examples.tf_example import record_bytes
from data.examples.write import WriteExamples
from data.files.durable_files import write_json
from data.sources import SPLITS, Source


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
    record, folder = temporary / "shards.json", temporary / "shards"
    folder.mkdir()
    write_json(record, [])  # stays empty if the source has no images
    transform = WriteExamples(source, config.validation_share, folder, record, config.span)
    size = record_bytes(spec.image_bytes, config.span)
    with report_progress(folder, size, total, context):
        run_pipeline(lambda pipeline: pipeline | transform, context)
    return finalize_examples(
        Examples(path=path, spec=spec, counts={}),
        read_shards(record),
        folder,
        expected=total,
        splits=_required_splits(config),
        source=asdict(config),
    )


def _required_splits(config: Config) -> tuple[str, ...]:
    """List the splits that must have images. One span needs only train: its window is checked."""
    if config.span is not None:
        return SPLITS[:1]
    return (*SPLITS, VALIDATION) if config.validation_share else SPLITS
