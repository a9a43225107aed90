"""Read anybody's tf.Examples from TFRecord files: encoded images, or raw pixels."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from data.errors import BadDataError
from data.sources.file_source import FileSource
from data.sources.records.encoded import EncodedRecords
from data.sources.records.features import (
    Columns,
    choose_columns,
    describe_features,
    is_image_file,
)
from data.sources.records.labelled_records import read_first_example
from data.sources.records.pixels import PixelRecords, choose_shape, read_pixels
from data.sources.records.record_files import list_record_files
from data.sources.source import Source
from data.sources.source_config import SourceConfig


def make_tfrecord_source(config: SourceConfig) -> Source | FileSource:
    """Look at the first record, and make the source of what it holds.

    Raises:
        ConfigError: a setting that does not fit, or ambiguous features.
        BadDataError: there are no records, or the first one is damaged or holds no image.
        EnvironmentTrouble: a file cannot be read.
    """
    config.check("tfrecord")
    files = list_record_files(config)
    where, features = read_first_example(files.files)
    columns = choose_columns(features, config, where)
    content = _read_first_image(features, columns, where)
    sizes = columns.read_sizes(features)
    is_pixels = config.shape is not None or prod(sizes or (0,)) == len(content)
    if not is_pixels and is_image_file(content):
        return EncodedRecords(files, columns, config)
    shape = choose_shape(len(content), sizes, config, where)
    return PixelRecords(files, columns, shape, config)


def _read_first_image(features: Mapping[str, Any], columns: Columns, where: str) -> bytes:
    try:
        return read_pixels(features, columns)
    except ValueError as error:
        raise BadDataError(
            f"{where} has no image that can be read in {columns.image!r}",
            expected="one value of bytes, encoded or raw, or int64 pixels from 0 to 255",
            got=f"{error}; the record has {describe_features(features)}",
            follows="nothing was ingested",
            remedy="name another feature by ingest.image_column, or write the pixels as uint8",
        ) from error
