"""Show what the user's own code prints, while the output of libraries goes to a log."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, TextIO

from data.code.user_code import is_called_by_user_code


class OwnOutput:
    """Passes lines that the user's own code writes to `show`, and all other text to the stream."""

    def __init__(self, stream: TextIO, show: Callable[[str], None]) -> None:
        self._stream = stream
        self._show = show
        self._unfinished: dict[int, str] = {}  # thread → the start of its unfinished line

    def write(self, text: str) -> int:
        return self._write(text, sys._getframe(1))

    def writelines(self, lines: Iterable[str]) -> None:
        self._write("".join(lines), sys._getframe(1))

    def _write(self, text: str, caller: FrameType) -> int:
        if not is_called_by_user_code(caller):
            return self._stream.write(text)
        thread = threading.get_ident()
        *lines, rest = (self._unfinished.pop(thread, "") + text).split("\n")
        for line in lines:
            self._show(line)
        if rest:
            self._unfinished[thread] = rest
        return len(text)

    def show_rest(self) -> None:
        """Show the lines that did not end with a line break."""
        while self._unfinished:
            self._show(self._unfinished.popitem()[1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def own_output_to(show: Callable[[str], None]) -> Iterator[None]:
    """Within the block, pass each line that the user's own code prints to `show`."""
    saved = sys.stdout, sys.stderr
    streams = tuple(OwnOutput(stream, show) for stream in saved)
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = saved
        for stream in streams:
            stream.show_rest()
