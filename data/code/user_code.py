"""Tell user code from Penstock's, the libraries' and Python's, in files, frames and errors."""

from __future__ import annotations

import functools
import linecache
import os
import re
import sysconfig
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from data.code.import_path import OUR_PACKAGES

TRACEBACK_NOTE = "the whole traceback: "  # begins a note on an error; the path of the file follows

Owner = Literal["user", "ours", "library"]

_HOME = Path(__file__).resolve().parents[2]
_INSTALLED = ("site-packages", "dist-packages")
# TensorFlow runs a user's function from a copy that it wrote
_AUTOGRAPH_COPY = "__autograph_generated_file"
_MAX_FRAMES = 500  # of a traceback that are read; an endless recursion has more
# a traceback line in the text of an error from another process or from TensorFlow
_TRACEBACK_LINE = re.compile(r'File "([^"\n]+)", line (\d+), in (\S+)')


@dataclass(frozen=True)
class CodeLine:
    """A line of user code."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        inside = f", in {self.function}" if self.function else ""
        text = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}{inside}" + (f": {text}" if text else "")


@functools.cache
def find_owner(file: str) -> Owner:
    """Return who owns a source file: the user, Penstock ("ours"), or a library."""
    path = Path(os.path.abspath(file))
    if any(path.is_relative_to(_HOME / package) for package in OUR_PACKAGES):
        return "ours"
    if not (os.path.isabs(file) or path.exists()):
        return "library"  # such as <string>, and compiled code, which names the path of its build
    if {*_INSTALLED} & {*path.parts} or _is_of_python(path):
        return "library"
    return "library" if _AUTOGRAPH_COPY in path.name else "user"


def _is_of_python(path: Path) -> bool:
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return any(path.is_relative_to(folder) for folder in folders)


def find_user_line(error: BaseException) -> CodeLine | None:
    """Return the innermost line of user code in the tracebacks of an error and its causes."""
    for each in reversed(list(_list_causes(error))):
        if isinstance(each, SyntaxError) and each.filename and find_owner(each.filename) == "user":
            return CodeLine(each.filename, each.lineno or 1)
        frames = traceback.extract_tb(each.__traceback__, limit=-_MAX_FRAMES)
        lines = [CodeLine(f.filename, f.lineno or 1, f.name) for f in frames]
        lines += [CodeLine(f, int(n), name) for f, n, name in _TRACEBACK_LINE.findall(_text(each))]
        user_lines = [line for line in lines if find_owner(line.file) == "user"]
        if user_lines:
            return user_lines[-1]
    return None


def is_user_error(error: BaseException) -> bool:
    """Return whether user code raised an error, with no code of Penstock's in between."""
    frames = traceback.extract_tb(error.__traceback__, limit=-_MAX_FRAMES)
    owners = [find_owner(frame.filename) for frame in frames]
    return next((owner for owner in reversed(owners) if owner != "library"), "ours") == "user"


def is_called_by_user_code(frame: FrameType | None) -> bool:
    """Return whether a frame is user code, or was called from it through libraries alone."""
    while frame is not None:
        file = frame.f_code.co_filename
        if find_owner(file) != "library" or _AUTOGRAPH_COPY in file:
            return find_owner(file) != "ours"
        frame = frame.f_back
    return False


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, then its cause, and so on."""
    yielded: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in yielded:
        yielded.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # `__str__` of a user's class may raise
        return ""
