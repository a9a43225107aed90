"""The files of a folder that was sealed, held against what was written down of them then.

A file whose size and ctime are as they were is not read. The ctime changes with every write, and
no program can set it back; a copy of the folder has others, and is read.
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
    """What came of a look at a sealed folder."""

    damaged: str | None  # the first file that is gone or has other bytes, relative to the folder
    ctimes: dict[str, int]  # of the files that were looked at, in ns; each from before it was read


def collect_file_facts(folder: Path, digests: Mapping[str, str]) -> dict[str, Any]:
    """What is written down of a folder's files when it is sealed; `digests` are theirs."""
    stats = {name: (folder / name).stat() for name in digests}
    return {
        "digests": dict(digests),
        "sizes": {name: stat.st_size for name, stat in stats.items()},
        "ctimes": {name: stat.st_ctime_ns for name, stat in stats.items()},
    }


def check_files(folder: Path, facts: Mapping[str, Any], *, read_all: bool = False) -> CheckResult:
    """Hold a folder's files against `collect_file_facts`.

    Args:
        folder: of the files.
        facts: what was written down; without `ctimes`, every file is read.
        read_all: read also the files whose size and ctime are as they were.

    Raises:
        KeyError, TypeError, AttributeError: facts of another shape.
        EnvironmentTrouble: this user may not read a file.
        OSError: a file that is there cannot be read.
    """
    known, ctimes = facts.get("ctimes") or {}, dict[str, int]()
    for name, digest in facts["digests"].items():
        try:
            stat = (folder / name).stat()
        except OSError:
            return CheckResult(name, ctimes)
        ctimes[name] = stat.st_ctime_ns
        if stat.st_size != facts["sizes"][name]:
            return CheckResult(name, ctimes)
        as_sealed = not read_all and known.get(name) == stat.st_ctime_ns
        if not as_sealed and _digest(folder / name) != digest:
            return CheckResult(name, ctimes)
    return CheckResult(None, ctimes)


def _digest(file: Path) -> str:
    try:
        return sha256_file(file)
    except PermissionError as error:
        raise EnvironmentTrouble(
            f"cannot read {file}",
            got=error.strerror,
            follows="it is not known whether it is as it was made",
            remedy="give the right to read it, then run the same command again",
        ) from error
