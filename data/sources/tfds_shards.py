"""The files of a dataset that TensorFlow Datasets has prepared, looked at before it reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.files.tfrecord_frames import check_lengths


def check_shards(builder: Any, instruction: Any) -> None:
    """Hold the records' lengths in the files that are to be read against the files.

    Args:
        builder: the `tfds.core.DatasetBuilder`.
        instruction: what of it, as `as_dataset` takes it. Files of other formats are passed over.

    Raises:
        BadDataError: a length is wrong, or a file is missing.
        EnvironmentTrouble: a file cannot be read.
    """
    for shard in builder.info.splits[instruction].file_instructions:
        if ".tfrecord" in Path(shard.filename).name:
            check_lengths(shard.filename)
