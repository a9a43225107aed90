"""Code on workers: the same Python, Beam and Penstock as the sender's, and the user's own files.

A worker that has it says so by a file in a folder that the sender looks at, if there is one: by
that it is known that a worker started at all, which not all runners tell.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import apache_beam as beam

from data.code.first_party import get_user_file
from data.code.import_path import OUR_PACKAGES
from data.code.loaded_modules import digest_loaded_source, record_worker_imports
from data.errors import EnvironmentTrouble, serialize_error
from data.files.durable_files import write_text
from data.files.private_files import open_private

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)  # of the job being sent
_NOT_CODE = "template"  # pipeline/environment/template: a project's first files, never imported


@functools.cache
def read_versions() -> dict[str, str]:
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


def compare_versions(sender: dict[str, str]) -> dict[str, str]:
    """What is another here than at the sender: name → what is here."""
    return {name: mine for name, mine in read_versions().items() if sender.get(name) != mine}


_along: dict[str, str] = {}
_reported: dict[Path, str] = {}  # by this process


@contextlib.contextmanager
def ship_user_modules(files: Mapping[str, str]) -> Iterator[None]:
    """Let DoFns that are pickled in the block bring the user's own modules to their worker.

    Args:
        files: name relative to a folder on `sys.path`, with "/" -> source text.
    """
    _along.update(files)
    try:
        yield
    finally:
        _along.clear()


def install_user_modules(files: Mapping[str, str], folder: Path) -> None:
    """Write the user's own modules to `folder` and let Python look there first.

    Raises:
        OSError: the folder cannot be written.
    """
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_private(file, "w", encoding="utf-8") as source:
            source.write(text)
    if files and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


@functools.cache
def _private_folder() -> Path:
    """This process's own, which nobody else can have written to; removed at its end."""
    folder = tempfile.mkdtemp(prefix="penstock-code-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextlib.contextmanager
def collect_worker_reports(folder: Path) -> Iterator[None]:
    """Let workers of the jobs that the block sends write a file there as they begin."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


class SameCodeDoFn(beam.DoFn):
    """A DoFn that refuses to work where the code is another than at the sender.

    The pickle carries the sender's versions and the modules of `ship_user_modules`. A subclass that
    has a `setup` calls this one first.
    """

    def __getstate__(self) -> dict[str, Any]:
        sent = {"_sender": read_versions(), "_files": dict(_along), "_report_to": _folder.get()}
        return sent | self.__dict__  # a worker that pickles it again passes on what it was sent

    def setup(self) -> None:
        """As a marked EnvironmentTrouble: another Python, Beam or Penstock than the sender's."""
        sender = self.__dict__.get("_sender")
        wrong = compare_versions(sender) if sender else {}
        if wrong:
            error = version_mismatch_error(sender, wrong, platform.node())
            raise RuntimeError(serialize_error(error))
        files = self.__dict__.get("_files")
        if files:
            digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
            install_user_modules(files, _private_folder() / digest)
        if folder := self.__dict__.get("_report_to"):
            with contextlib.suppress(OSError):  # the job is over; or its own files will fail
                _report_in(folder).touch()

    def finish_bundle(self) -> Any:
        """Say which modules of the user's this worker has imported by now."""
        if folder := self.__dict__.get("_report_to"):
            with contextlib.suppress(OSError):
                _report(_report_in(folder))


def _report_in(folder: Path) -> Path:
    return folder / f"{platform.node()}-{os.getpid()}"


def _report(file: Path) -> None:
    """Write each module of the user's in memory, and its source's digest, a line each, if new."""
    modules = {name: sys.modules[name] for name in sorted(sys.modules) if get_user_file(name)}
    digests = {name: digest_loaded_source(name, module) for name, module in modules.items()}
    text = "".join(f"{name} {digest}\n" for name, digest in digests.items() if digest)
    if text != _reported.get(file, ""):
        write_text(file, text)
        _reported[file] = text


def read_worker_reports(folder: Path) -> None:
    """Pass on what workers have imported, by the files that they wrote to a folder."""
    for file in folder.glob("[!.]*"):  # but what a killed one was writing
        lines = file.read_text(encoding="utf-8").splitlines()
        record_worker_imports(dict(line.split(" ") for line in lines))


def version_mismatch_error(
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
