"""What a run owns and a component's config must not: where to write, who watches, the clock."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from serving_export.bundle.model_trust import TrustCheck, trust_caller
from serving_export.model_store.layout import model_folder


class Progress(Protocol):
    """Called as often as the component likes; shown at most a few times a second."""

    def __call__(self, done: float, total: float | None = None, detail: str = "") -> None: ...


def _silent(done: float, total: float | None = None, detail: str = "") -> None:
    """Progress that nobody watches."""


def _log_warning(words: str) -> None:
    logging.getLogger("penstock").warning("%s", words)


class PushRight(Protocol):
    """The right of a run to push, which it loses when it is cancelled or taken over."""

    def check(self) -> None:
        """Raises PushRightLost where the run is not to go on."""

    def held(self, served: Path, digest: str) -> AbstractContextManager[None]:
        """Hold it over the rename that makes the bundle of this digest visible as `served`.

        Nobody can cancel the run inside the block.

        Raises:
            PushRightLost: the run may not push, or has pushed another version.
        """


@dataclass(frozen=True)
class UnrestrictedPush:
    """The right of whoever calls a component by hand: nobody takes it away."""

    def check(self) -> None:
        """Nothing can be lost."""

    def held(self, served: Path, digest: str) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


@dataclass(frozen=True, kw_only=True)
class Context:
    """Enough to call any component from a test or a notebook: `Context(output_dir=tmp_path)`."""

    output_dir: Path  # exists, empty; the component writes its payload here and nowhere else
    serving_dir: Path | None = None  # where models are pushed: <serving_dir>/<model>/<version>
    model_name: str | None = None  # the model's folder there
    work_dir: Path | None = None  # exists; holds what a killed attempt at this very step left
    log_dir: Path | None = None  # the run's folder, for logs that one watches as they grow
    vouch: TrustCheck = trust_caller  # who says, when a step is planned, that a model may be loaded
    seed: int = 0
    # Beam's flags, with keys that they need; the runner is named, so that none is downloaded
    beam_args: tuple[str, ...] = field(default=("--runner=FnApiRunner",), repr=False)
    shared_filesystem: bool = False  # remote workers see this machine's files, by the same paths
    push_right: PushRight = field(default_factory=UnrestrictedPush)  # asked for right before a push
    progress: Progress = _silent
    # shown to whoever runs it, and recorded: what is worth a look, though all goes on
    warn: Callable[[str], None] = _log_warning
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("penstock"))
    clock: Callable[[], float] = time.time  # seconds since the epoch

    @property
    def model_dir(self) -> Path | None:
        """`<serving_dir>/<model_name>`, which need not exist; None where nothing is pushed."""
        if self.serving_dir is None or self.model_name is None:
            return None
        return model_folder(self.serving_dir, self.model_name)


@dataclass(frozen=True, kw_only=True)
class Depends:
    """What a component's result rests on besides its own source, config and inputs.

    A component may define `depends(config) -> Depends`; what it names goes into the fingerprint.
    """

    modules: tuple[str, ...] = ()  # first-party or users' modules named by the config
    # input files outside the root, compared by content; a folder, by how the files under it stand
    files: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()  # of files or folders, compared by what their file system says
