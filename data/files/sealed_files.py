"""Check the files of a sealed folder against the facts recorded when it was sealed.

A file with unchanged size and ctime is not read. The ctime changes with every write, and programs
cannot set it; the files of a copied folder have other ctimes and are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import EnvironmentTrouble
from data.files.durable_files import sha256_file


@dataclass(frozen=True)
class CheckResult:
    """The result of checking a sealed folder."""

    # the first file that is missing or has other bytes, relative to the folder
    damaged: str | None
    # of the files that were checked, in ns; each taken before the file was read
    ctimes: dict[str, int]


def collect_file_facts(folder: Path, digests: Mapping[str, str]) -> dict[str, Any]:
    """Return the digests, sizes and ctimes of a folder's files, to record when it is sealed."""
    stats = {name: (folder / name).stat() for name in digests}
    return {
        "digests": dict(digests),
        "sizes": {name: stat.st_size for name, stat in stats.items()},
        "ctimes": {name: stat.st_ctime_ns for name, stat in stats.items()},
    }


def check_files(folder: Path, facts: Mapping[str, Any], *, read_all: bool = False) -> CheckResult:
    """Check a folder's files against the result of `collect_file_facts`.

    Args:
        folder: the folder of the files.
        facts: the recorded facts; without `ctimes`, every file is read.
        read_all: read also the files with unchanged size and ctime.

    Raises:
        KeyError, TypeError, AttributeError: facts of another shape.
        EnvironmentTrouble: this user may not read a file.
        OSError: an existing file cannot be read.
    """
    recorded_ctimes, ctimes = facts.get("ctimes") or {}, dict[str, int]()
    for name, digest in facts["digests"].items():
        try:
            stat = (folder / name).stat()
        except OSError:
            return CheckResult(name, ctimes)
        ctimes[name] = stat.st_ctime_ns
        if stat.st_size != facts["sizes"][name]:
            return CheckResult(name, ctimes)
        is_unchanged = not read_all and recorded_ctimes.get(name) == stat.st_ctime_ns
        if not is_unchanged and _digest(folder / name) != digest:
            return CheckResult(name, ctimes)
    return CheckResult(None, ctimes)


def _digest(file: Path) -> str:
    try:
        return sha256_file(file)
    except PermissionError as error:
        raise EnvironmentTrouble(
            f"cannot read {file}",
            got=error.strerror,
            follows="it cannot be checked for changes",
            remedy="fix its permissions, then run the same command again",
        ) from error
