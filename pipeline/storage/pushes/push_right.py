"""Gives, checks and revokes a run's right to push, in a file that all workers see.

`<root>/runs/<run id>/push_right.json` names the attempt that may push. A later claim supersedes
earlier ones; after `revoke` no attempt may push. A lock is held during every change of the file and
during the rename that makes a version visible, so a push comes before a cancellation or never. A
schedule has such a file too, and its runs need both rights.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.storage.pushes.right_file import State, lock_right_file, lost_right_error, read, write

FILE = "push_right.json"
_SUPERSEDED = "a later attempt has superseded it"


@dataclass(frozen=True)
class PushRight:
    """The right of one attempt at a run; implements `components.context.PushRight`."""

    file: Path
    attempt: str  # id; the ids of the attempts that it continues come before it, with "/"

    @classmethod
    def begin(cls, file: Path, under: PushRight | None = None) -> PushRight:
        """Give the right to a new attempt, and take it from all others.

        Args:
            file: the file of the right.
            under: a second right that is needed, that of the schedule of the run.

        Raises:
            EnvironmentTrouble: another process holds the lock and does not release it.
        """
        attempt = secrets.token_hex(4)
        needed = {"file": str(under.file), "attempt": under.attempt} if under else None
        with lock_right_file(file):
            write(file, State(attempt=attempt, under=needed))
        return cls(file, attempt)

    def claim(self) -> PushRight:
        """Continue this attempt, and supersede all others that continued it.

        Raises:
            PushRightLost: the run was cancelled, or superseded by an attempt that does not continue
                this one.
            EnvironmentTrouble: as `begin`.
        """
        with lock_right_file(self.file):
            state = read(self.file)
            self._refuse_lost(state, descends=f"{state.attempt}/".startswith(f"{self.attempt}/"))
            claimed = f"{self.attempt}/{secrets.token_hex(4)}"
            write(self.file, dataclasses.replace(state, attempt=claimed))
        return dataclasses.replace(self, attempt=claimed)

    def check(self) -> None:
        """Raise PushRightLost if this attempt must not continue."""
        state = read(self.file)
        self._refuse_lost(state, descends=state.attempt == self.attempt)
        if state.under:
            _right(state.under).check()

    @contextlib.contextmanager
    def held(self, served: Path, digest: str) -> Iterator[None]:
        """Hold the right in the block, which makes the bundle of this digest visible as `served`.

        Raises:
            PushRightLost: as `check`, or the run has pushed another version already.
            EnvironmentTrouble: as `begin`.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock_right_file(self.file))
            state = read(self.file)
            if state.under:
                stack.enter_context(lock_right_file(Path(state.under["file"])))
            self.check()
            for other in state.pushed:
                if other.parent == served.parent and other != served:
                    raise lost_right_error(f"it has pushed {other} already")
            write(self.file, state.with_push(served, digest, done=False))
            yield
            write(self.file, state.with_push(served, digest, done=True))

    def _refuse_lost(self, state: State, *, descends: bool) -> None:
        if state.lost or not descends:
            raise lost_right_error(state.lost or _SUPERSEDED)


def revoke(file: Path, why: str, *, wait: float | None = None) -> list[Path]:
    """Revoke the right of every attempt for good, unless the run has pushed.

    Args:
        file: the file of the right.
        why: a text that follows "the run must not continue: ".
        wait: seconds to wait for a push that is under way; None: the wait named `PUSH_RIGHT`.

    Returns:
        The versions that the run has pushed; the right is then not revoked. If there are none, none
        will follow.

    Raises:
        EnvironmentTrouble: a push has not ended in this time; it may still succeed.
    """
    with lock_right_file(file, wait):
        state = read(file)
        pushed = state.pushed
        if not (pushed or state.lost):
            write(file, dataclasses.replace(state, lost=why))
        return pushed


def list_pushed_versions(file: Path) -> list[Path]:
    """Read the versions that a run has pushed."""
    return read(file).pushed


def get_loss_reason(file: Path) -> str | None:
    """Read why no attempt may push any more; None while one may."""
    return read(file).lost


def _right(under: dict[str, str]) -> PushRight:
    return PushRight(Path(under["file"]), under["attempt"])
