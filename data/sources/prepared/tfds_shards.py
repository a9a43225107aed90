"""Check the files of a prepared TensorFlow Datasets dataset before it reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.files.tfrecord_frames import check_lengths


def check_shards(builder: Any, instruction: Any) -> None:
    """Check the record lengths in the files to be read against the sizes of the files.

    Args:
        builder: the `tfds.core.DatasetBuilder`.
        instruction: what to read, as for `as_dataset`. Only TFRecord files are checked.

    Raises:
        BadDataError: a length is wrong, or a file is missing.
        EnvironmentTrouble: a file cannot be read.
    """
    for shard in builder.info.splits[instruction].file_instructions:
        if ".tfrecord" in Path(shard.filename).name:
            check_lengths(shard.filename)
