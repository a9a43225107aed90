"""The file of a right to push: what it says, and the lock under which it is used and changed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.base.waits import SECONDS
from data.errors import BadDataError, EnvironmentTrouble, RightLost
from data.files.documents import KEY, read_document, write_document
from data.files.durable_files import disk_trouble, sha256_file
from data.files.private_files import FILE_MODE
from serving_export.bundle.manifest import MANIFEST

_KIND = "push_right.json"  # a schedule's file has another name


@dataclass(frozen=True, kw_only=True)
class State:
    """What the file says."""

    attempt: str  # that may push
    lost: str | None = None  # why none may, from now on
    pushes: tuple[dict[str, Any], ...] = ()  # begun, each: served_path, digest, done
    under: dict[str, str] | None = None  # file and attempt of the right that it needs besides

    @property
    def pushed(self) -> list[Path]:
        """The versions that were pushed, also where a worker died right after its rename."""
        pushed = [push for push in self.pushes if push["done"] or _is_there(push)]
        return [Path(push["served_path"]) for push in pushed]

    def with_push(self, served: Path, digest: str, *, done: bool) -> State:
        """The same, and a push that is about to be visible, or is."""
        push = {"served_path": str(served), "digest": digest, "done": done}
        return dataclasses.replace(self, pushes=(*self.pushes, push))


def read(file: Path) -> State:
    """What the file says. Raises RightLost where it is gone, or of another version."""
    try:
        plain = read_document(file, _KIND)
    except BadDataError as error:
        raise lost_right_error(f"{error}") from error
    return State(**{name: value for name, value in plain.items() if name != KEY})


def write(file: Path, state: State) -> None:
    """Raises EnvironmentTrouble where the disk would not take it."""
    with disk_trouble(f"{file} cannot be written"):
        write_document(file, dataclasses.asdict(state), _KIND)


@contextlib.contextmanager
def lock_right_file(file: Path, wait: float | None = None) -> Iterator[None]:
    """Hold the file's lock in the block; it falls with its holder.

    Raises:
        EnvironmentTrouble: somebody else holds it, and for longer than `wait` seconds; None: as
            `PUSH_RIGHT` among the waits.
    """
    wait = SECONDS["PUSH_RIGHT"] if wait is None else wait
    lock = FileLock(file.with_name(f".{file.stem}.lock"), mode=FILE_MODE)
    with disk_trouble(f"{file} cannot be locked"):
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise EnvironmentTrouble(
                f"somebody holds {lock.lock_file} and does not let go",
                expected=f"a push at its last moment, and its end within {wait:.0f} s",
                follows="whether the model is pushed is not known yet; nothing was changed here",
                remedy="see whether a worker hangs, then run the same command again; "
                "PENSTOCK_WAIT_PUSH_RIGHT says how long to wait",
            ) from None
    try:
        yield
    finally:
        lock.release()


def lost_right_error(why: str) -> RightLost:
    """The error of an attempt that has no right any more."""
    return RightLost(
        f"the run is not to go on: {why}",
        expected="a run that nobody has cancelled, and an attempt whose place no other has taken",
        follows="this attempt ends here, and pushes nothing",
    )


def _is_there(push: dict[str, Any]) -> bool:
    manifest = Path(push["served_path"], MANIFEST)
    return manifest.is_file() and sha256_file(manifest) == push["digest"]
