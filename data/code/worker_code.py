"""Send user modules to Beam's workers, and check that workers run the sender's versions.

A worker writes a file into a folder that the sender reads, where there is one: it shows that the
worker started, which not every runner reports.
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
from data.code.loaded_modules import (
    digest_loaded_source,
    invalidate_import_caches,
    record_worker_imports,
)
from data.errors import EnvironmentTrouble, serialize_error
from data.files.durable_files import write_text
from data.files.private_files import open_private

# for worker reports of the job being sent
_report_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
_NOT_CODE = "template"  # pipeline/environment/template: a project's first files, never imported


@functools.cache
def read_versions() -> dict[str, str]:
    """Return what must be equal on both sides: `python` (minor), `beam`, `penstock` (a digest)."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "beam": importlib.metadata.version("apache-beam"),
        "penstock": _digest_our_code(),
    }


def _digest_our_code() -> str:
    """Digest the paths and sources of all of Penstock's modules, without importing them."""
    digest = hashlib.sha256()
    for package in OUR_PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            folder = Path(location)
            for file in sorted(folder.rglob("*.py")):
                name = file.relative_to(folder)
                if _NOT_CODE not in name.parts:
                    digest.update(f"{package}/{name.as_posix()}\0".encode())
                    digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def compare_versions(sender: dict[str, str]) -> dict[str, str]:
    """Return the versions that differ from the sender's: name → version here."""
    return {name: mine for name, mine in read_versions().items() if sender.get(name) != mine}


_shipped_files: dict[str, str] = {}
_reported: dict[Path, str] = {}  # by this process


@contextlib.contextmanager
def ship_user_modules(files: Mapping[str, str]) -> Iterator[None]:
    """Pickle user modules with the DoFns that are pickled in the block.

    Args:
        files: name relative to a folder on `sys.path`, with "/" → source text.
    """
    _shipped_files.update(files)
    try:
        yield
    finally:
        _shipped_files.clear()


def install_user_modules(files: Mapping[str, str], folder: Path) -> None:
    """Write user modules to a folder and put it first on `sys.path`.

    Raises:
        OSError: the folder is not writable.
    """
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_private(file, "w", encoding="utf-8") as source:
            source.write(text)
    if files and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    invalidate_import_caches()


@functools.cache
def _private_folder() -> Path:
    """Create a folder that only this process can write to; it is removed at the end."""
    folder = tempfile.mkdtemp(prefix="penstock-code-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextlib.contextmanager
def collect_worker_reports(folder: Path) -> Iterator[None]:
    """Let workers of the jobs that the block sends write their reports to a folder."""
    token = _report_folder.set(folder)
    try:
        yield
    finally:
        _report_folder.reset(token)


class SameCodeDoFn(beam.DoFn):
    """A DoFn that raises on a worker whose versions differ from the sender's.

    The pickle carries the sender's versions and the modules of `ship_user_modules`. A subclass that
    has a `setup` calls this one first.
    """

    def __getstate__(self) -> dict[str, Any]:
        sent = {
            "_sender": read_versions(),
            "_files": dict(_shipped_files),
            "_report_to": _report_folder.get(),
        }
        return sent | self.__dict__  # a worker that pickles it again sends what it received

    def setup(self) -> None:
        """Check the versions and install the user modules; errors are serialized."""
        sender = self.__dict__.get("_sender")
        different = compare_versions(sender) if sender else {}
        if different:
            error = version_mismatch_error(sender, different, platform.node())
            raise RuntimeError(serialize_error(error))
        files = self.__dict__.get("_files")
        if files:
            digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
            install_user_modules(files, _private_folder() / digest)
        if folder := self.__dict__.get("_report_to"):
            with contextlib.suppress(OSError):  # the job has ended, or its own writes will fail
                _report_file(folder).touch()

    def finish_bundle(self) -> Any:
        """Report the user modules that this worker has imported by now."""
        if folder := self.__dict__.get("_report_to"):
            with contextlib.suppress(OSError):
                _write_report(_report_file(folder))


def _report_file(folder: Path) -> Path:
    return folder / f"{platform.node()}-{os.getpid()}"


def _write_report(file: Path) -> None:
    """Write the loaded user modules and the digests of their sources, one a line, if changed."""
    modules = {name: sys.modules[name] for name in sorted(sys.modules) if get_user_file(name)}
    digests = {name: digest_loaded_source(name, module) for name, module in modules.items()}
    text = "".join(f"{name} {digest}\n" for name, digest in digests.items() if digest)
    if text != _reported.get(file, ""):
        write_text(file, text)
        _reported[file] = text


def read_worker_reports(folder: Path) -> None:
    """Read the workers' report files in a folder, and record their imports."""
    for file in folder.glob("[!.]*"):  # without temporary files of killed workers
        lines = file.read_text(encoding="utf-8").splitlines()
        record_worker_imports(dict(line.split(" ") for line in lines))


def version_mismatch_error(
    sender: dict[str, str] | None, different: dict[str, str], machine: str
) -> EnvironmentTrouble:
    """Return the error for a worker whose versions differ from the sender's.

    Args:
        sender: versions there, as `read_versions` returns them.
        different: versions of the worker that differ.
        machine: name of the worker's machine.
    """
    names = ", ".join(sorted(different))
    return EnvironmentTrouble(
        f"the worker on {machine} has another {names} than the process that sent the job",
        expected=", ".join(f"{name} {(sender or {}).get(name)}" for name in sorted(different)),
        got=", ".join(f"{name} {different[name]}" for name in sorted(different)),
        follows="no data was processed there",
        remedy="install the same versions on the workers and restart them (or pass --setup_file "
        "./setup.py); check with `penstock doctor --runner=…`",
    )
