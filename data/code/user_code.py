"""Whose code it is: a user's own, told apart from ours, the libraries' and Python's."""

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

TRACEBACK_NOTE = "the whole traceback: "  # a note on an error begins so; then the file's path

Owner = Literal["user", "ours", "library"]

_HOME = Path(__file__).resolve().parents[2]
_INSTALLED = ("site-packages", "dist-packages")
# TensorFlow runs a function of a user's own from a copy that it wrote
_COPIED = "__autograph_generated_file"
_DEEP = 500  # frames of a traceback that are looked at: an endless recursion has more
# in the text of an error that another process, or TensorFlow, has told
_TOLD = re.compile(r'File "([^"\n]+)", line (\d+), in (\S+)')


@dataclass(frozen=True)
class CodeLine:
    """A line of a user's own code."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        inside = f", in {self.function}" if self.function else ""
        text = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}{inside}" + (f": {text}" if text else "")


@functools.cache
def find_owner(file: str) -> Owner:
    """Whose a source file is; what is installed counts as a library, but for ourselves."""
    path = Path(os.path.abspath(file))
    if any(path.is_relative_to(_HOME / package) for package in OUR_PACKAGES):
        return "ours"
    if file.startswith("<") or {*_INSTALLED} & {*path.parts} or _is_of_python(path):
        return "library"
    return "library" if _COPIED in path.name else "user"


def _is_of_python(path: Path) -> bool:
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return any(path.is_relative_to(folder) for folder in folders)


def find_user_line(error: BaseException) -> CodeLine | None:
    """The innermost line of a user's own code that an error, or what led to it, came through."""
    for each in reversed(list(_chain(error))):
        if isinstance(each, SyntaxError) and each.filename and find_owner(each.filename) == "user":
            return CodeLine(each.filename, each.lineno or 1)
        frames = traceback.extract_tb(each.__traceback__, limit=-_DEEP)
        places = [CodeLine(f.filename, f.lineno or 1, f.name) for f in frames]
        places += [CodeLine(f, int(n), name) for f, n, name in _TOLD.findall(_text(each))]
        own = [place for place in places if find_owner(place.file) == "user"]
        if own:
            return own[-1]
    return None


def is_user_error(error: BaseException) -> bool:
    """Whether a user's own code raised it: no code of ours was called from there."""
    frames = traceback.extract_tb(error.__traceback__, limit=-_DEEP)
    owners = [find_owner(frame.filename) for frame in frames]
    return next((who for who in reversed(owners) if who != "library"), "ours") == "user"


def is_called_by_user_code(frame: FrameType | None) -> bool:
    """Whether this frame, or the one that called it through libraries alone, is a user's own."""
    while frame is not None:
        file = frame.f_code.co_filename
        if find_owner(file) != "library" or _COPIED in file:
            return find_owner(file) != "ours"
        frame = frame.f_back
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it was raised from, and so on."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a class of a user's own may fail at that
        return ""
