"""Ingest: write the labelled images of a source as TFRecord shards, on Apache Beam.

The source defines the splits, or they are cut by the images' content or group.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.artifacts import Examples
from components.context import Context
from components.ingest.config import Config
from data.sources import make_source
from data.sources.file_source import FileSource


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """No inputs: the images come from outside the pipeline."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    examples: Examples


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Read, check, split and encode the images, and write them as Examples.

    After an error nothing is left in the output folder.

    Raises:
        ConfigError: there is no such source, it lacks a setting or cannot use one, or workers may
            not see the files.
        BadDataError: the data is not what it claims to be, or a split is empty.
        EnvironmentTrouble: the data cannot be read or fetched, or the examples not written.
    """
    from components.beam.shared_filesystem import refuse_unshared_paths

    refuse_unshared_paths(context, config.path)
    source = make_source(config.source, config.source_config(context.beam_args))
    if isinstance(source, FileSource):
        config.check_for_files()
    else:
        config.check_for_arrays()
    if prepare := getattr(source, "prepare", None):
        context.progress(0, None, "preparing the dataset")
        prepare()
    path = context.output_dir / "examples"
    path.mkdir()
    try:
        with tempfile.TemporaryDirectory(dir=context.output_dir, prefix=".shards-") as temporary:
            if isinstance(source, FileSource):
                from components.ingest.files import ingest_files

                examples = ingest_files(source, config, context, path, Path(temporary))
            else:
                from components.ingest.arrays import ingest_arrays

                examples = ingest_arrays(source, config, context, path, Path(temporary))
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Outputs(examples=examples)
