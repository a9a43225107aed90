"""Read labelled images from files and datasets: one `Source` class per module."""

from data.sources.source import (
    CHUNK_IMAGES,
    NAMES,
    Chunk,
    Part,
    Source,
    chunk_size,
    get_stamp_function,
    make_source,
)
from data.sources.source_config import ARRAY_SOURCES, FILE_SOURCES, SourceConfig, list_settings

__all__ = [
    "ARRAY_SOURCES",
    "CHUNK_IMAGES",
    "FILE_SOURCES",
    "NAMES",
    "Chunk",
    "Part",
    "Source",
    "SourceConfig",
    "chunk_size",
    "get_stamp_function",
    "list_settings",
    "make_source",
]
