"""Ctrl-C, SIGTERM and SIGHUP: the prompt is back within 3 s, whatever a library is doing."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader
from types import FrameType
from typing import NoReturn

from data.errors import EnvironmentTrouble
from pipeline.console.error_message import WHERE_NEXT, explain
from pipeline.exit_codes import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last: the terminal was closed
_GRACE = 2.0  # seconds for the main thread to come out of native code and tidy up
_AGAIN = 0.05  # seconds until a signal that came while native code was loaded is sent again


def _loads_native_code(frame: FrameType | None) -> bool:
    """Whether an extension module is being loaded: TensorFlow's abort if Python raises in them."""
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
            return True
        frame = frame.f_back
    return False


@contextmanager
def promptly() -> Iterator[None]:
    """A signal of `SIGNALS` raises KeyboardInterrupt in the block, or ends the process soon after.

    Python runs a signal's handler only when the main thread is back from native code, which an
    import or a compilation can hold for long. A thread sees the signal at once and exits the
    process if the block has not ended in time; what is left half made is removed by the next run.
    Nothing is raised while native code is being loaded: the thread sends the signal again.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    ended, too_early = threading.Event(), threading.Event()
    main = threading.main_thread().ident or 0

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if not _loads_native_code(frame):
            raise KeyboardInterrupt
        too_early.set()

    def watch() -> None:
        if not os.read(reader, 1):
            return
        for _ in range(round(_GRACE / _AGAIN)):
            if ended.wait(_AGAIN):
                return
            if too_early.is_set():
                too_early.clear()
                signal.pthread_kill(main, signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(2, f"\ninterrupted: {WHERE_NEXT}\n".encode())
        os._exit(INTERRUPTED)

    handlers = {number: signal.signal(number, interrupt) for number in listened()}
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


def listened() -> list[signal.Signals]:
    """`SIGNALS` without SIGHUP where a process was told to outlive its terminal, by nohup."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in SIGNALS if number != signal.SIGHUP or not ignored]


def leave(code: int) -> NoReturn:
    """End the process now: threads of Beam and TensorFlow do not hear of an interrupt."""
    try:
        sys.stdout.flush()
    except EnvironmentTrouble as error:
        code = explain(error, debug=False)
    sys.stderr.flush()
    os._exit(code)
