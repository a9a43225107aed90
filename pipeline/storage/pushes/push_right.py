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

from pipeline.storage.pushes.right_file import State, lock_right_file, lost_right_error, read, write

FILE = "push_right.json"
_SUPERSEDED = "another attempt has taken its place"


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
        with lock_right_file(file):
            write(file, State(attempt=attempt, under=needed))
        return cls(file, attempt)

    def claim(self) -> PushRight:
        """Go on from this attempt as one that supersedes all others which went on from it.

        Raises:
            RightLost: the run was cancelled, or taken over by an attempt that did not go on from
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
        """Raises RightLost where this attempt is not to go on."""
        state = read(self.file)
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
    """Take the right away for good, from every attempt, unless the run has pushed.

    Args:
        file: where the right is written down.
        why: in words that follow "the run is not to go on: ".
        wait: seconds for a push to end that is at its rename right now; None: as `lock_right_file`.

    Returns:
        The versions that the run has pushed, and then nothing is taken; none: and none follows.

    Raises:
        EnvironmentTrouble: a push has not ended in this time; whether it comes is not known.
    """
    with lock_right_file(file, wait):
        state = read(file)
        pushed = state.pushed
        if not (pushed or state.lost):
            write(file, dataclasses.replace(state, lost=why))
        return pushed


def list_pushed_versions(file: Path) -> list[Path]:
    """The versions that a run has pushed."""
    return read(file).pushed


def get_loss_reason(file: Path) -> str | None:
    """Why no attempt may push any more; None while one may."""
    return read(file).lost


def _right(under: dict[str, str]) -> PushRight:
    return PushRight(Path(under["file"]), under["attempt"])
