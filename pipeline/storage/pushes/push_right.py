"""Grant, use and revoke a run's right to push, in a file that all workers see.

`<root>/runs/<run id>/push_right.json` names the attempt that may push. A later attempt that claims
the right takes it from earlier ones, and after `revoke` no attempt has it. A lock beside the file
is held during every change, and during the rename that makes a version visible: so a push either
happens before a cancel or never. A schedule has such a file too, and its runs need both rights.
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
    attempt: str  # its id, after that of the attempt that it continues and a "/"

    @classmethod
    def begin(cls, file: Path, under: PushRight | None = None) -> PushRight:
        """Grant the right to a new attempt, and take it from any other.

        Args:
            file: that stores the right.
            under: a right that is needed too, of the schedule that the run belongs to.

        Raises:
            EnvironmentTrouble: another process holds the lock for too long.
        """
        attempt = secrets.token_hex(4)
        needed = {"file": str(under.file), "attempt": under.attempt} if under else None
        with lock_right_file(file):
            write(file, State(attempt=attempt, under=needed))
        return cls(file, attempt)

    def claim(self) -> PushRight:
        """Continue this attempt as a new one, which replaces all others that continued it.

        Raises:
            PushRightLost: the run was cancelled, or taken over by an attempt that did not continue
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
        """Raises PushRightLost where this attempt may no longer push."""
        state = read(self.file)
        self._refuse_lost(state, descends=state.attempt == self.attempt)
        if state.under:
            _right(state.under).check()

    @contextlib.contextmanager
    def held(self, served: Path, digest: str) -> Iterator[None]:
        """Hold the right in the block, which makes the bundle of this digest visible as `served`.

        Raises:
            PushRightLost: as `check`, or the run has already pushed another version.
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
                    raise lost_right_error(f"it has already pushed {other}")
            write(self.file, state.with_push(served, digest, done=False))
            yield
            write(self.file, state.with_push(served, digest, done=True))

    def _refuse_lost(self, state: State, *, descends: bool) -> None:
        if state.lost or not descends:
            raise lost_right_error(state.lost or _SUPERSEDED)


def revoke(file: Path, why: str, *, wait: float | None = None) -> list[Path]:
    """Revoke the right of every attempt for good, unless the run has pushed.

    Args:
        file: that stores the right.
        why: the reason, for messages.
        wait: seconds to wait for a push that is at its rename; None: as `lock_right_file`.

    Returns:
        The versions that the run has pushed: then nothing is revoked. If empty, none follows.

    Raises:
        EnvironmentTrouble: a push did not end in time; whether it succeeds is unknown.
    """
    with lock_right_file(file, wait):
        state = read(file)
        pushed = state.pushed
        if not (pushed or state.lost):
            write(file, dataclasses.replace(state, lost=why))
        return pushed


def list_pushed_versions(file: Path) -> list[Path]:
    """List the versions that a run has pushed."""
    return read(file).pushed


def get_loss_reason(file: Path) -> str | None:
    """Read why no attempt may push any more; None while one may."""
    return read(file).lost


def _right(under: dict[str, str]) -> PushRight:
    return PushRight(Path(under["file"]), under["attempt"])
