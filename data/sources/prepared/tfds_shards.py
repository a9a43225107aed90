"""Check the files of a prepared TensorFlow Datasets dataset before it reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.base.visible_text import escape_line
from data.errors import BadDataError, summarize_error
from data.files.tfrecord_frames import check_lengths


def list_shards(builder: Any, instruction: Any) -> list[Any]:
    """List the files that an instruction reads, as TFDS's `FileInstruction`s.

    Raises:
        BadDataError: the dataset's template of the files' names is damaged.
    """
    try:
        return list(builder.info.splits[instruction].file_instructions)
    except Exception as error:  # what str.format raises for any template
        raise BadDataError(
            f"the files of the split {instruction} cannot be named",
            expected="a dataset_info.json as TensorFlow Datasets writes it",
            got=escape_line(summarize_error(error)[:200]),
            follows="nothing was ingested",
            remedy="prepare or copy the dataset again",
        ) from error


def check_shards(builder: Any, instruction: Any) -> None:
    """Check the record lengths in the files to be read against the sizes of the files.

    Args:
        builder: the `tfds.core.DatasetBuilder`.
        instruction: what to read, as for `as_dataset`. Only TFRecord files are checked.

    Raises:
        BadDataError: a length is wrong, or a file is missing.
        EnvironmentTrouble: a file cannot be read.
    """
    for shard in list_shards(builder, instruction):
        if ".tfrecord" in Path(shard.filename).name:
            check_lengths(shard.filename)
