"""Reads, writes and locks the file of a right to push."""

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

_KIND = "push_right.json"  # the kind of document; a schedule's file has another name


@dataclass(frozen=True, kw_only=True)
class State:
    """The content of the file."""

    attempt: str  # the attempt that may push
    lost: str | None = None  # why no attempt may push any more
    pushes: tuple[dict[str, Any], ...] = ()  # pushes that began, each: served_path, digest, done
    under: dict[str, str] | None = None  # file and attempt of the second right that is needed

    @property
    def pushed(self) -> list[Path]:
        """The versions that were pushed, also if a worker died right after its rename."""
        pushed = [push for push in self.pushes if push["done"] or _is_there(push)]
        return [Path(push["served_path"]) for push in pushed]

    def with_push(self, served: Path, digest: str, *, done: bool) -> State:
        """This state with another push, which begins or is done."""
        push = {"served_path": str(served), "digest": digest, "done": done}
        return dataclasses.replace(self, pushes=(*self.pushes, push))


def read(file: Path) -> State:
    """Read the file. Raises PushRightLost if it is missing, or has another schema version."""
    try:
        plain = read_document(file, _KIND)
    except BadDataError as error:
        raise lost_right_error(f"{error}") from error
    return State(**{name: value for name, value in plain.items() if name != KEY})


def write(file: Path, state: State) -> None:
    """Write the file. Raises EnvironmentTrouble if the disk fails."""
    with translate_disk_errors(f"{file} cannot be written"):
        write_document(file, dataclasses.asdict(state), _KIND)


@contextlib.contextmanager
def lock_right_file(file: Path, wait: float | None = None) -> Iterator[None]:
    """Hold the file's lock in the block; the lock ends with its process.

    Raises:
        EnvironmentTrouble: another process holds it for longer than `wait` seconds; None: the wait
            named `PUSH_RIGHT`.
    """
    wait = SECONDS["PUSH_RIGHT"] if wait is None else wait
    lock = FileLock(file.with_name(f".{file.stem}.lock"), mode=FILE_MODE)
    with translate_disk_errors(f"{file} cannot be locked"):
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise EnvironmentTrouble(
                f"another process holds {lock.lock_file} and does not release it",
                expected=f"a push that ends within {wait:.0f} s",
                follows="nothing was changed; whether the model is pushed is not known yet",
                remedy="check whether a worker hangs, then run the same command again; "
                "PENSTOCK_WAIT_PUSH_RIGHT sets how many seconds to wait",
            ) from None
    try:
        yield
    finally:
        lock.release()


def lost_right_error(why: str) -> PushRightLost:
    """Create the error of an attempt that may not push any more."""
    return PushRightLost(
        f"the run must not continue: {why}",
        expected="a run that was not cancelled, and an attempt that no later one superseded",
        follows="this attempt ends and pushes nothing",
    )


def _is_there(push: dict[str, Any]) -> bool:
    manifest = Path(push["served_path"], MANIFEST)
    return manifest.is_file() and sha256_file(manifest) == push["digest"]
