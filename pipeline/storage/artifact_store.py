"""Store artifacts in `<root>/artifacts/<component>/<fingerprint>/`, whole or not at all.

A step runs in a temporary sibling folder; then every file is digested and forced to the disk,
`manifest.json` is written last, and one rename makes the artifact. A process killed at any point
leaves nothing or a whole artifact. An artifact that was damaged later is moved to
`<root>/damaged/`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.base.waits import SECONDS
from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.documents import read_document, write_document
from data.files.durable_files import digest_tree, fsync_path, fsync_tree, remove
from data.files.sealed_files import check_files, collect_file_facts
from pipeline.config.convert import from_plain, to_plain
from pipeline.storage.work_folder import remove_abandoned_work

MANIFEST = "manifest.json"
DAMAGED = "damaged"  # the root's folder for damaged artifacts, kept for inspection
_FACTS = ("parts", "upstream", "imported", "seconds", "seal")
_NO_MANIFEST = (BadDataError, ConfigError, OSError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A completed step's outputs on disk."""

    path: Path  # its folder
    outputs: Any  # the component's Outputs
    parts: dict[str, Any]  # what the result depends on, see `fingerprint.collect_parts`
    upstream: dict[str, str]  # fingerprint of each step used -> its seal at that time
    imported: dict[str, str]  # code that `parts` does not cover, see planning.imported_code
    seconds: float  # that it took to make
    seal: str  # digest of the content: the same only where every byte is the same


class Slot:
    """The folder of one fingerprint's artifact, with its lock."""

    @staticmethod
    def of(root: Path, component: str, fingerprint: str) -> Slot:
        """Find the slot of a component's artifact in a root."""
        name = component.removeprefix("components.").replace(":", ".")
        return Slot(root / "artifacts" / name, fingerprint)

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / fingerprint
        self._temporary = folder / f".{fingerprint}.making"
        self._old = folder / f".{fingerprint}.old"
        self.lock = folder / f".{fingerprint}.lock"

    @contextmanager
    def acquire(self, on_wait: typing.Callable[[], None] = lambda: None) -> Iterator[None]:
        """Keep other runs from making the same artifact; a process that ends releases its lock.

        `on_wait` is called once if another run holds the lock.

        Raises:
            EnvironmentTrouble: another run holds it for longer than the wait ARTIFACT.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            self._wait_for(lock)
        try:
            yield
        finally:
            lock.release()

    def _wait_for(self, lock: FileLock) -> None:
        limit = SECONDS["ARTIFACT"]
        try:
            lock.acquire(timeout=limit, poll_interval=0.2)
        except Timeout as error:
            raise EnvironmentTrouble(
                f"another run has been making {self.path} for {limit:g} s",
                expected="its end: a process that ends releases its lock",
                got=f"{lock.lock_file} is still locked",
                follows="the step did not begin",
                remedy="check that run, or wait longer: PENSTOCK_WAIT_ARTIFACT=SECONDS",
            ) from error

    def load(self, outputs_type: type[Any]) -> Sealed | None:
        """Load the artifact; None where there is none, or it is not whole.

        Files are compared by size and ctime; where the ctime differs, as in a copy of the root,
        they are read once.
        """
        try:
            plain = read_document(self.path / MANIFEST)
            checked = check_files(self.path, plain)
            if checked.damaged is not None:
                return None
            outputs = from_plain(plain["outputs"], outputs_type, "outputs")
            facts = {name: plain[name] for name in _FACTS}
            sealed = Sealed(path=self.path, outputs=_make_absolute(outputs, self.path), **facts)
        except _NO_MANIFEST:
            return None  # an incomplete file, or one of another format
        if checked.ctimes != plain.get("ctimes"):
            self._store_ctimes(plain, checked.ctimes)
        return sealed

    def find_damage(self, outputs_type: type[Any]) -> str | None:
        """Find the first damaged file of an artifact that `load` refuses; None if it loads."""
        if not os.path.lexists(self.path) or self.load(outputs_type):
            return None
        return self._find_damaged(read_all=False) or MANIFEST

    def verify(self) -> str | None:
        """Read every byte, and return the first file that differs from its digest, if any."""
        return self._find_damaged(read_all=True)

    def _find_damaged(self, *, read_all: bool) -> str | None:
        try:
            plain = read_document(self.path / MANIFEST)
            return check_files(self.path, plain, read_all=read_all).damaged
        except _NO_MANIFEST:
            return MANIFEST

    def set_aside(self) -> Path:
        """Move the artifact to the folder for damaged ones. The caller holds the slot.

        An earlier one of the same fingerprint there is removed.
        """
        aside = self.path.parents[2] / DAMAGED / self.path.parent.name / self.path.name
        remove(aside)
        aside.parent.mkdir(parents=True, exist_ok=True)
        self.path.rename(aside)
        return aside

    def _store_ctimes(self, plain: Mapping[str, Any], ctimes: Mapping[str, int]) -> None:
        """Store the ctimes of files that were read and are whole; where that fails, do without."""
        with (
            contextlib.suppress(Timeout, OSError, BadDataError, TypeError, KeyError),
            FileLock(self.lock).acquire(timeout=0),
        ):
            if read_document(self.path / MANIFEST)["seal"] == plain["seal"]:
                write_document(self.path / MANIFEST, {**plain, "ctimes": ctimes})

    def open(self) -> Path:
        """Make an empty folder for the step to write to; remove what a killed process left."""
        self.recover()
        self._temporary.mkdir()
        return self._temporary

    def discard(self) -> None:
        """Remove what a failed or interrupted step has written."""
        shutil.rmtree(self._temporary, ignore_errors=True)

    def seal(
        self,
        outputs: Any,
        parts: Mapping[str, Any],
        upstream: Mapping[str, str],
        seconds: float,
        imported: Mapping[str, str],
    ) -> Sealed:
        """Digest the files, write the manifest, and rename the folder, in this order."""
        digests = digest_tree(self._temporary)
        facts = to_plain(_make_relative(outputs, self._temporary))
        content = json.dumps([facts, digests], sort_keys=True)
        manifest = {
            "parts": parts,
            "upstream": upstream,
            "imported": imported,
            "outputs": facts,
            "seal": hashlib.sha256(content.encode()).hexdigest(),
            "seconds": round(seconds, 3),
            **collect_file_facts(self._temporary, digests),
        }
        write_document(self._temporary / MANIFEST, manifest)
        fsync_tree(self._temporary)
        if os.path.lexists(self.path):
            self.path.rename(self._old)
        self._temporary.rename(self.path)
        fsync_path(self.path.parent)
        remove(self._old)
        sealed = self.load(type(outputs))
        if sealed is None:
            raise BadDataError(
                f"{self.path} does not read back as it was written",
                expected="the files that the step has written",
                follows="the step counts as failed",
                remedy="check the disk, then run the same command again",
            )
        return sealed

    def recover(self) -> None:
        """Clean up after a process that was killed between two renames, or before the first.

        The caller holds the slot.
        """
        if os.path.lexists(self._old) and not os.path.lexists(self.path):
            self._old.rename(self.path)
        for leftover in (self._old, self._temporary):
            remove(leftover)


def _make_relative(outputs: Any, base: Path) -> Any:
    return _change_paths(outputs, lambda path: path.relative_to(base))


def _make_absolute(outputs: Any, base: Path) -> Any:
    return _change_paths(outputs, lambda path: base / path)


def _change_paths(outputs: Any, change: typing.Callable[[Path], Path]) -> Any:
    """Change each artifact's `path`; other facts stay as they are."""
    artifacts = {f.name: getattr(outputs, f.name) for f in dataclasses.fields(outputs)}
    return dataclasses.replace(
        outputs,
        **{n: dataclasses.replace(a, path=change(a.path)) for n, a in artifacts.items()},
    )


def remove_leftovers(root: Path) -> None:
    """Remove what killed processes left incomplete; a live process holds a lock on its work."""
    remove_abandoned_work(root)
    for leftover in [*root.glob("artifacts/*/.*.making"), *root.glob("artifacts/*/.*.old")]:
        slot = Slot(leftover.parent, leftover.stem.removeprefix("."))
        with contextlib.suppress(Timeout), FileLock(slot.lock).acquire(timeout=0):
            slot.recover()
