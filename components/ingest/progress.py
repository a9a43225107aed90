"""Report the progress of Ingest: the images written so far."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.context import Context

_POLL = 0.2  # seconds between two measurements of how much is written


@contextmanager
def report_progress(
    folder: Path, record_bytes: float, total: int | None, context: Context
) -> Iterator[None]:
    """Report the images written so far, by the size of the shards: workers may be elsewhere."""
    ended = threading.Event()

    def report() -> None:
        with os.scandir(folder) as files:
            size = sum(file.stat().st_size for file in files if file.name.endswith(".tfrecord"))
        images = int(size / record_bytes)
        if total is not None:
            images = min(images, total)
        context.progress(images, total, f"{images:,} images written")

    def watch() -> None:
        while not ended.wait(_POLL):
            report()

    watcher = threading.Thread(target=watch, name="ingest-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    report()
