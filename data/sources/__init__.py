"""Read labelled images from files and datasets: one `Source` class per module."""

from data.sources.source import (
    CHUNK_IMAGES,
    NAMES,
    SPLITS,
    Chunk,
    Part,
    Source,
    SourceConfig,
    chunk_size,
    get_stamp_function,
    make_source,
)

__all__ = [
    "CHUNK_IMAGES",
    "NAMES",
    "SPLITS",
    "Chunk",
    "Part",
    "Source",
    "SourceConfig",
    "chunk_size",
    "get_stamp_function",
    "make_source",
]
