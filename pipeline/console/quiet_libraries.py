"""Keep the output of libraries apart from the output of a command."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from data.files.private_files import open_private
from pipeline.console.streams import open_stream
from pipeline.console.terminal import Console


@contextlib.contextmanager
def libraries_to(log: Path | None) -> Iterator[Console]:
    """Redirect file descriptors 1 and 2 to the log, or discard what is written to them.

    Native code does not write through `sys.stderr`, so the descriptors themselves are redirected.

    Yields:
        A console on the original standard error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {fd: os.dup(fd) for fd in (1, 2)}
    terminal = open_stream(os.dup(saved[2]))
    with open_private(log or Path(os.devnull), "ab") as file:
        for fd in saved:
            os.dup2(file.fileno(), fd)
    try:
        yield Console(file=terminal)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, copy in saved.items():
            os.dup2(copy, fd)
            os.close(copy)
        terminal.close()
