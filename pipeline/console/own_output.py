"""What a user's own code prints reaches the user, while what libraries print goes to a log."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, TextIO

from data.code.user_code import is_called_by_user_code


class OwnOutput:
    """A stream that hands the lines of a user's own code to `show`; all else it passes on."""

    def __init__(self, stream: TextIO, show: Callable[[str], None]) -> None:
        self._stream = stream
        self._show = show
        self._begun: dict[int, str] = {}  # of each thread, the line that has no end yet

    def write(self, text: str) -> int:
        return self._write(text, sys._getframe(1))

    def writelines(self, lines: Iterable[str]) -> None:
        self._write("".join(lines), sys._getframe(1))

    def _write(self, text: str, caller: FrameType) -> int:
        if not is_called_by_user_code(caller):
            return self._stream.write(text)
        thread = threading.get_ident()
        *lines, rest = (self._begun.pop(thread, "") + text).split("\n")
        for line in lines:
            self._show(line)
        if rest:
            self._begun[thread] = rest
        return len(text)

    def show_rest(self) -> None:
        """Show what was begun and not ended by a new line."""
        while self._begun:
            self._show(self._begun.popitem()[1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def own_output_to(show: Callable[[str], None]) -> Iterator[None]:
    """In the block what a user's own code prints, to stdout or stderr, goes to `show` by lines."""
    saved = sys.stdout, sys.stderr
    streams = tuple(OwnOutput(stream, show) for stream in saved)
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = saved
        for stream in streams:
            stream.show_rest()
