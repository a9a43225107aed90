"""Whether a worker runs the same Python, Beam and Penstock as the process that sent it work.

A worker that does says so by a file in a folder that the sender looks at, if there is one: by that
it is known that a worker started at all, which not all runners tell.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import apache_beam as beam

from data.base.first_party import OUR_PACKAGES
from data.errors import EnvironmentTrouble

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)  # of the job being sent
_NOT_CODE = "template"  # pipeline/environment/template: a project's first files, never imported


@functools.cache
def here() -> dict[str, str]:
    """What must be the same on both sides: `python` (minor), `beam` and `penstock` (a digest)."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "beam": importlib.metadata.version("apache-beam"),
        "penstock": _digest(),
    }


def _digest() -> str:
    """Twelve hex digits of all our modules' paths and sources; nothing is imported."""
    digest = hashlib.sha256()
    for package in OUR_PACKAGES:
        found = importlib.util.find_spec(package)
        for location in (found and found.submodule_search_locations) or ():
            folder = Path(location)
            for file in sorted(folder.rglob("*.py")):
                name = file.relative_to(folder)
                if _NOT_CODE not in name.parts:
                    digest.update(f"{package}/{name.as_posix()}\0".encode())
                    digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def differences(sender: dict[str, str]) -> dict[str, str]:
    """What is another here than at the sender: name → what is here."""
    return {name: mine for name, mine in here().items() if sender.get(name) != mine}


@contextlib.contextmanager
def workers_report_to(folder: Path) -> Iterator[None]:
    """Let workers of the jobs that the block sends write a file there as they begin."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


class SameCodeDoFn(beam.DoFn):
    """A DoFn that refuses to work where the code is another than at the sender.

    What the sender runs travels in the pickle. A subclass with a `setup` calls this one first.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_sender": here(), "_report_to": _folder.get()}

    def setup(self) -> None:
        """As a marked EnvironmentTrouble: another Python, Beam or Penstock than the sender's."""
        sender = self.__dict__.get("_sender")
        wrong = differences(sender) if sender else {}
        if wrong:
            raise RuntimeError(another_code(sender, wrong, platform.node()).marked())
        if folder := self.__dict__.get("_report_to"):
            with contextlib.suppress(OSError):  # the job is over; or its own files will fail
                (folder / f"{platform.node()}-{os.getpid()}").touch()


def another_code(
    sender: dict[str, str] | None, wrong: dict[str, str], where: str
) -> EnvironmentTrouble:
    """The error for a worker on the machine `where` that runs something else than the sender."""
    names = ", ".join(sorted(wrong))
    return EnvironmentTrouble(
        f"the worker on {where} has another {names} than the process that sent the job",
        expected=", ".join(f"{name} {(sender or {}).get(name)}" for name in sorted(wrong)),
        got=", ".join(f"{name} {wrong[name]}" for name in sorted(wrong)),
        follows="no data was processed there",
        remedy="install the same versions on workers and start them anew (or --setup_file "
        "./setup.py); `penstock doctor --runner=…` checks it",
    )
