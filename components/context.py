"""Define the context of a component's run: output folder, Beam flags, seed, progress, clock.

These belong to the run and not to the config, so that a config means the same in every run.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data.base.field_meanings import show_meanings
from serving_export.bundle.model_trust import TrustCheck, trust_caller
from serving_export.model_store.layout import model_folder


class Progress(Protocol):
    """Report progress. A component may call it often; it is shown a few times a second at most."""

    def __call__(self, done: float, total: float | None = None, detail: str = "") -> None: ...


def _ignore_progress(done: float, total: float | None = None, detail: str = "") -> None:
    """Report to nobody."""


def _log_warning(message: str) -> None:
    logging.getLogger("penstock").warning("%s", message)


class PushRight(Protocol):
    """A run's permission to push. It is lost when the run is cancelled or replaced by another."""

    def check(self) -> None:
        """Raise PushRightLost if the run must stop."""

    def held(self, served: Path, digest: str) -> AbstractContextManager[None]:
        """Keep the permission while a rename makes the bundle of this digest visible as `served`.

        The run cannot be cancelled inside the block.

        Raises:
            PushRightLost: the run may not push, or has pushed another version.
        """


@dataclass(frozen=True)
class UnrestrictedPush:
    """The permission of a component that is called without a run: it cannot be lost."""

    def check(self) -> None:
        """Do nothing."""

    def held(self, served: Path, digest: str) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Context:
    """What a component needs from its run. `Context(output_dir=tmp_path)` is enough in a test."""

    output_dir: Path
    """An empty folder; the component writes its payload there and nowhere else."""
    serving_dir: Path | None = None
    """Where models are pushed: `<serving_dir>/<model>/<version>`."""
    model_name: str | None = None
    """Name of the model's folder under `serving_dir`."""
    work_dir: Path | None = None
    """A folder that survives a killed attempt at this step: for checkpoints."""
    log_dir: Path | None = None
    """The run's folder, for logs that are read while they grow."""
    vouch: TrustCheck = trust_caller
    """Called when a step is planned: raises BadDataError if a model may not be loaded."""
    seed: int = 0
    beam_args: tuple[str, ...] = field(default=("--runner=FnApiRunner",), repr=False)
    """Beam's flags, secrets included. Without a runner Beam would download one."""
    shared_filesystem: bool = False
    """Whether remote workers see this machine's files under the same paths."""
    push_right: PushRight = field(default_factory=UnrestrictedPush)
    """The run's permission to push, checked right before a push."""
    progress: Progress = _ignore_progress
    warn: Callable[[str], None] = _log_warning
    """Show and record a warning; the run continues."""
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("penstock"))
    clock: Callable[[], float] = time.time
    """The time now, in seconds since the epoch."""

    @property
    def model_dir(self) -> Path | None:
        """`<serving_dir>/<model_name>`, which may not exist yet; None if nothing is pushed."""
        if self.serving_dir is None or self.model_name is None:
            return None
        return model_folder(self.serving_dir, self.model_name)


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Depends:
    """What a component's result depends on besides its own source, config and inputs.

    A component may define `depends(config) -> Depends`; what it names goes into the fingerprint.
    """

    modules: tuple[str, ...] = ()
    """Modules of Penstock or of the user that the config names."""
    files: tuple[Path | str, ...] = ()
    """Input files outside the root, compared by content, and folders, by the files in them."""
    urls: tuple[str, ...] = ()
    """Remote files or folders, compared by what their file system reports."""
