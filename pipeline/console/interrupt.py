"""Ctrl-C and SIGTERM: the prompt is back within 3 s, whatever a library is doing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from pipeline.console.error_message import WHERE_NEXT
from pipeline.exit_codes import INTERRUPTED

_GRACE = 2.0  # seconds for the main thread to come out of native code and tidy up


def _raise(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def promptly() -> Iterator[None]:
    """SIGINT and SIGTERM raise KeyboardInterrupt in the block, or end the process soon after.

    Python runs a signal's handler only when the main thread is back from native code, which an
    import or a compilation can hold for long. A thread sees the signal at once and exits the
    process if the block has not ended in time; what is left half made is removed by the next run.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    ended = threading.Event()

    def watch() -> None:
        if os.read(reader, 1) and not ended.wait(_GRACE):
            os.write(2, f"\ninterrupted: {WHERE_NEXT}\n".encode())
            os._exit(INTERRUPTED)

    handlers = {s: signal.signal(s, _raise) for s in (signal.SIGINT, signal.SIGTERM)}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)


def leave(code: int) -> NoReturn:
    """End the process now: threads of Beam and TensorFlow do not hear of an interrupt."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
