"""Recognize the temporary names that copy, download and edit programs give to a file `x`.

`x.tmp`, `x.part`, `x~`, `.x`, `.x.a1B2c3` (rsync), `x._COPYING_` (Hadoop), `#x#`.
"""

from __future__ import annotations

import re

_ENDINGS = (
    r"\.te?mp(?:\d+|[._-][\w-]+)?",  # also x.tmp.1234, with a process id
    r"\.(?:part|partial|filepart|crdownload|download|aria2)",
    r"\.(?:incomplete|inprogress|uploading|writing|copying|_copying_|gstmp)",
    r"\.(?:swp|swx|bak|orig|lock)",
    "[~#]",
)
_ENDING = re.compile(rf"(?<=.)(?:{'|'.join(_ENDINGS)})+\Z", re.IGNORECASE)
_RSYNC = re.compile(r"(?<=.)\.[A-Za-z0-9]{6}\Z")  # after the name of a hidden file


def is_temporary(name: str) -> bool:
    """Return whether a name is a temporary or hidden one."""
    return strip_temporary_marks(name) != name


def strip_temporary_marks(name: str) -> str:
    """Remove the marks of a temporary or hidden name; any other name is returned unchanged."""
    stem = name.lstrip(".~#")
    if name.startswith("."):
        stem = _RSYNC.sub("", stem)
    return _ENDING.sub("", stem)
