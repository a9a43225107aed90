"""Where images come from: one source per file, each a class that satisfies `Source`."""

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
