"""A run's right to push, in a file that all workers see: given, used and taken under one lock.

`<root>/runs/<run id>/push_right.json` names the attempt that may push; who claims later has the
right in the place of those before, and after `revoke` nobody has it. The lock beside it is held
over every change, and over the rename that makes a version visible: so a push came before a cancel,
or it never comes. A schedule has such a file as well, and its runs ask for both.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.base.durable_files import disk_trouble, read_json, sha256_file, write_json
from data.errors import BadDataError, EnvironmentTrouble, RightLost
from serving_export.bundle.manifest import MANIFEST

FILE = "push_right.json"
SCHEMA_VERSION = 1
_WAIT = 60.0  # seconds for another's rename to end
_SUPERSEDED = "another attempt has taken its place"


@dataclass(frozen=True, kw_only=True)
class _State:
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

    def with_push(self, served: Path, digest: str, *, done: bool) -> _State:
        push = {"served_path": str(served), "digest": digest, "done": done}
        return dataclasses.replace(self, pushes=(*self.pushes, push))


@dataclass(frozen=True)
class PushRight:
    """The right of one attempt at a run; what `components.context.PushRight` asks for."""

    file: Path
    attempt: str  # "/" stands between it and the attempt that it goes on from

    @classmethod
    def begin(cls, file: Path, under: PushRight | None = None) -> PushRight:
        """Give the right to a new attempt, whoever had it.

        Args:
            file: where it is written down.
            under: a right that is needed besides, of the schedule that a run belongs to.

        Raises:
            EnvironmentTrouble: somebody holds the lock and does not let go.
        """
        attempt = secrets.token_hex(4)
        needed = {"file": str(under.file), "attempt": under.attempt} if under else None
        with _locked(file, _WAIT):
            _write(file, _State(attempt=attempt, under=needed))
        return cls(file, attempt)

    def claim(self) -> PushRight:
        """Go on from this attempt as one that supersedes all others which went on from it.

        Raises:
            RightLost: the run was cancelled, or taken over by an attempt that did not go on from
                this one.
            EnvironmentTrouble: as `begin`.
        """
        with _locked(self.file, _WAIT):
            state = _read(self.file)
            self._refuse_lost(state, descends=f"{state.attempt}/".startswith(f"{self.attempt}/"))
            claimed = f"{self.attempt}/{secrets.token_hex(4)}"
            _write(self.file, dataclasses.replace(state, attempt=claimed))
        return dataclasses.replace(self, attempt=claimed)

    def check(self) -> None:
        """Raises RightLost where this attempt is not to go on."""
        state = _read(self.file)
        self._refuse_lost(state, descends=state.attempt == self.attempt)
        if state.under:
            _right(state.under).check()

    @contextlib.contextmanager
    def held(self, served: Path, digest: str) -> Iterator[None]:
        """Hold the right in the block, which makes the bundle of this digest visible as `served`.

        Raises:
            RightLost: as `check`; or the run has pushed another version already.
            EnvironmentTrouble: as `begin`.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(self.file, _WAIT))
            state = _read(self.file)
            if state.under:
                stack.enter_context(_locked(Path(state.under["file"]), _WAIT))
            self.check()
            for other in state.pushed:
                if other.parent == served.parent and other != served:
                    raise _lost(f"it has pushed {other} already")
            _write(self.file, state.with_push(served, digest, done=False))
            yield
            _write(self.file, state.with_push(served, digest, done=True))

    def _refuse_lost(self, state: _State, *, descends: bool) -> None:
        if state.lost or not descends:
            raise _lost(state.lost or _SUPERSEDED)


def revoke(file: Path, why: str, *, wait: float = _WAIT) -> list[Path]:
    """Take the right away for good, from every attempt, unless the run has pushed.

    Args:
        file: where the right is written down.
        why: in words that follow "the run is not to go on: ".
        wait: seconds for a push to end that is at its rename right now.

    Returns:
        The versions that the run has pushed, and then nothing is taken; none: and none follows.

    Raises:
        EnvironmentTrouble: a push has not ended in this time; whether it comes is not known.
    """
    with _locked(file, wait):
        state = _read(file)
        pushed = state.pushed
        if not (pushed or state.lost):
            _write(file, dataclasses.replace(state, lost=why))
        return pushed


def pushed_by(file: Path) -> list[Path]:
    """The versions that a run has pushed."""
    return _read(file).pushed


def lost_because(file: Path) -> str | None:
    """Why no attempt may push any more; None while one may."""
    return _read(file).lost


def _is_there(push: dict[str, Any]) -> bool:
    manifest = Path(push["served_path"], MANIFEST)
    return manifest.is_file() and sha256_file(manifest) == push["digest"]


def _right(under: dict[str, str]) -> PushRight:
    return PushRight(Path(under["file"]), under["attempt"])


def _read(file: Path) -> _State:
    try:
        plain = read_json(file)
    except BadDataError as error:
        raise _lost(f"{error}") from error
    if plain.pop("schema_version") != SCHEMA_VERSION:
        raise _lost(f"{file} was written by another version of Penstock")
    return _State(**plain)


def _write(file: Path, state: _State) -> None:
    with disk_trouble(f"{file} cannot be written"):
        write_json(file, {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(state)})


@contextlib.contextmanager
def _locked(file: Path, wait: float) -> Iterator[None]:
    lock = FileLock(file.with_name(f".{file.stem}.lock"))
    with disk_trouble(f"{file} cannot be locked"):
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise EnvironmentTrouble(
                f"somebody holds {lock.lock_file} and does not let go",
                expected=f"a push at its last moment, and its end within {wait:.0f} s",
                follows="whether the model is pushed is not known yet; nothing was changed here",
                remedy="see whether a worker hangs, then run the same command again",
            ) from None
    try:
        yield
    finally:
        lock.release()


def _lost(why: str) -> RightLost:
    return RightLost(
        f"the run is not to go on: {why}",
        expected="a run that nobody has cancelled, and an attempt whose place no other has taken",
        follows="this attempt ends here, and pushes nothing",
    )
