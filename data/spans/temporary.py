"""Names by which programs that copy, download or edit mark what is not finished, or a spare copy.

`x.tmp`, `x.part`, `x~`, `.x`, `.x.a1B2c3` (rsync's), `x._COPYING_` (Hadoop's), `#x#`: of `x`.
"""

from __future__ import annotations

import re

_ENDINGS = (
    r"\.te?mp(?:\d+|[._-][\w-]+)?",  # also x.tmp.1234, by a process's number
    r"\.(?:part|partial|filepart|crdownload|download|aria2)",
    r"\.(?:incomplete|inprogress|uploading|writing|copying|_copying_|gstmp)",
    r"\.(?:swp|swx|bak|orig|lock)",
    "[~#]",
)
_ENDING = re.compile(rf"(?<=.)(?:{'|'.join(_ENDINGS)})+\Z", re.IGNORECASE)
_RSYNC = re.compile(r"(?<=.)\.[A-Za-z0-9]{6}\Z")  # behind a hidden file's name


def is_temporary(name: str) -> bool:
    """Whether something marks it so; hidden names are."""
    return strip_temporary_marks(name) != name


def strip_temporary_marks(name: str) -> str:
    """The name without what marks it as temporary or hidden; the same where nothing does."""
    found = name.lstrip(".~#")
    if name.startswith("."):
        found = _RSYNC.sub("", found)
    return _ENDING.sub("", found)
