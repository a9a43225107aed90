"""Check the files of a prepared TensorFlow Datasets dataset before it reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from data.base.visible_text import escape_line
from data.errors import BadDataError, summarize_error
from data.files.read_errors import translate_file_errors
from data.files.tfrecord_frames import check_lengths

_MOST_NAME_BYTES = 255  # of Linux's file systems


def list_shards(builder: Any, instruction: Any) -> list[Any]:
    """List the files that an instruction reads, as TFDS's `FileInstruction`s.

    Raises:
        BadDataError: the dataset's template of the files' names is damaged.
    """
    try:
        shards = list(builder.info.splits[instruction].file_instructions)
    except Exception as error:  # what str.format raises for any template
        raise _unnamed_error(instruction, summarize_error(error)) from error
    longest = max((len(os.fsencode(Path(shard.filename).name)) for shard in shards), default=0)
    if longest > _MOST_NAME_BYTES:
        raise _unnamed_error(instruction, f"a name of {longest:,} bytes")
    return shards


def _unnamed_error(instruction: Any, got: str) -> BadDataError:
    return BadDataError(
        f"the files of the split {instruction} cannot be named",
        expected="a dataset_info.json as TensorFlow Datasets writes it",
        got=escape_line(got[:200]),
        follows="nothing was ingested",
        remedy="prepare or copy the dataset again",
    )


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
            with translate_file_errors(escape_line(shard.filename), "a file of the dataset"):
                os.stat(shard.filename)
            check_lengths(shard.filename)
