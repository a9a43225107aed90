"""Read, write and lock the file that stores a right to push."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.base.waits import SECONDS
from data.errors import BadDataError, EnvironmentTrouble, PushRightLost
from data.files.documents import KEY, read_document, write_document
from data.files.durable_files import sha256_file, translate_disk_errors
from data.files.private_files import FILE_MODE
from serving_export.bundle.manifest import MANIFEST

_KIND = "push_right.json"  # a schedule's file has another name


@dataclass(frozen=True, kw_only=True)
class State:
    """The content of the file."""

    attempt: str  # that may push
    lost: str | None = None  # why no attempt may push any more
    pushes: tuple[dict[str, Any], ...] = ()  # that have begun: served_path, digest, done
    under: dict[str, str] | None = None  # file and attempt of a right that is needed too

    @property
    def pushed(self) -> list[Path]:
        """The versions that were pushed, also where a worker died right after the rename."""
        pushed = [push for push in self.pushes if push["done"] or _is_pushed(push)]
        return [Path(push["served_path"]) for push in pushed]

    def with_push(self, served: Path, digest: str, *, done: bool) -> State:
        """Add a push that is about to become visible, or is visible."""
        push = {"served_path": str(served), "digest": digest, "done": done}
        return dataclasses.replace(self, pushes=(*self.pushes, push))


def read(file: Path) -> State:
    """Read the file. Raises PushRightLost where it is gone, or of another version."""
    try:
        plain = read_document(file, _KIND)
    except BadDataError as error:
        raise lost_right_error(f"{error}") from error
    return State(**{name: value for name, value in plain.items() if name != KEY})


def write(file: Path, state: State) -> None:
    """Write the file. Raises EnvironmentTrouble where the disk refuses it."""
    with translate_disk_errors(f"{file} cannot be written"):
        write_document(file, dataclasses.asdict(state), _KIND)


@contextlib.contextmanager
def lock_right_file(file: Path, wait: float | None = None) -> Iterator[None]:
    """Hold the file's lock in the block; a process that ends releases it.

    Raises:
        EnvironmentTrouble: another process holds it for longer than `wait` seconds; None: than the
            wait PUSH_RIGHT.
    """
    wait = SECONDS["PUSH_RIGHT"] if wait is None else wait
    lock = FileLock(file.with_name(f".{file.stem}.lock"), mode=FILE_MODE)
    with translate_disk_errors(f"{file} cannot be locked"):
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise EnvironmentTrouble(
                f"another process holds the lock {lock.lock_file}",
                expected=f"a push that is about to end, within {wait:.0f} s",
                follows="whether the model is pushed is unknown; nothing was changed here",
                remedy="check whether a worker hangs, then run the command again, or wait longer: "
                "PENSTOCK_WAIT_PUSH_RIGHT=SECONDS",
            ) from None
    try:
        yield
    finally:
        lock.release()


def lost_right_error(why: str) -> PushRightLost:
    """Make the error of an attempt that may no longer push."""
    return PushRightLost(
        f"this attempt of the run may no longer push: {why}",
        expected="a run that was not cancelled, and its latest attempt",
        follows="this attempt ends and pushes nothing",
        remedy="look at what the run did: penstock runs; to push a new model, run the recipe again",
    )


def _is_pushed(push: dict[str, Any]) -> bool:
    manifest = Path(push["served_path"], MANIFEST)
    return manifest.is_file() and sha256_file(manifest) == push["digest"]
