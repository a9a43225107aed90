"""End a command within 3 s of Ctrl-C, SIGTERM or SIGHUP, whatever a library is doing."""

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
from pipeline.console.error_message import CONTINUES, explain
from pipeline.exit_codes import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed
_GRACE = 2.0  # seconds for the main thread to return from native code and clean up
_AGAIN = 0.05  # seconds until a signal that arrived while native code was loaded is sent again


def _loads_native_code(frame: FrameType | None) -> bool:
    """Return whether an extension module is being loaded. TensorFlow's abort on an exception."""
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
            return True
        frame = frame.f_back
    return False


@contextmanager
def promptly() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on a signal of `SIGNALS`, or end the process soon after.

    Python calls a signal handler only when the main thread returns from native code, and an import
    or a compilation can take long. A thread notices the signal at once, and exits the process if
    the block does not end in time; the next run removes incomplete files. While native code is
    being loaded nothing is raised: the thread sends the signal again.
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
        with contextlib.suppress(OSError):  # the terminal may be closed
            os.write(2, f"\ninterrupted: {CONTINUES}\n".encode())
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
    """Return `SIGNALS`, without SIGHUP where nohup made the process ignore it."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in SIGNALS if number != signal.SIGHUP or not ignored]


def leave(code: int) -> NoReturn:
    """End the process now, without waiting for threads of Beam and TensorFlow."""
    try:
        sys.stdout.flush()
    except EnvironmentTrouble as error:
        code = explain(error, debug=False)
    sys.stderr.flush()
    os._exit(code)
