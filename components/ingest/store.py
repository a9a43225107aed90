"""Choose the store of Examples made from image files: pixels, or the files themselves."""

from __future__ import annotations

from collections.abc import Sequence

from components.ingest.config import Config
from components.ingest.first_files import read_first_files
from data.examples.artifact import Store
from data.sources.file_source import FilePart, FileSource
from data.spec import ImageSpec

_MOST_TIMES = 2.0  # auto: raw pixels if they take at most so many times the bytes of the files


def choose_store(
    config: Config, spec: ImageSpec, source: FileSource, parts: Sequence[FilePart]
) -> tuple[Store, str]:
    """Choose the store; the text says which and why."""
    if config.store != "auto":
        return config.store, f"store {config.store}, as set"
    size, whose = measure_mean_size(source, parts)
    times = spec.image_bytes / max(1.0, size)
    store: Store = "raw" if times <= _MOST_TIMES else "encoded"
    return store, f"store {store}: the pixels are {times:.1f} times the bytes of {whose}"


def measure_mean_size(source: FileSource, parts: Sequence[FilePart]) -> tuple[float, str]:
    """Return the mean size of a file in bytes, and which files it was taken from."""
    sizes = [part.size for part in parts if part.size is not None]
    if len(sizes) == len(parts):
        return sum(sizes) / max(1, sum(part.files for part in parts)), "the files"
    contents = [len(file.content) for file in read_first_files(source, parts) if file.content]
    return sum(contents) / max(1, len(contents)), "the first files"
