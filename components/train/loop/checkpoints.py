"""Save and load checkpoints of a training, each complete or not there at all."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.errors import BadDataError
from data.files.documents import KEY, add_schema_number, check_schema
from data.files.durable_files import fsync_path, sha256_file

_KEPT = 2  # checkpoints: an older one is used if the newest is damaged
_FACTS = "facts"


class Checkpoint(NamedTuple):
    """A checkpoint: arrays by name, and JSON-able facts."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Checkpoints:
    """The checkpoints in one folder, one file each: `step-<steps done>-<sha256>.npz`."""

    def __init__(self, folder: Path | None, every: float, logger: logging.Logger) -> None:
        """Keep checkpoints in `folder` (None: keep none), `every` seconds one."""
        self._folder = folder
        self._every = every
        self.logger = logger
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        return self._folder is not None and time.monotonic() - self._last >= self._every

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Save a checkpoint, then remove all but the newest two.

        An error of the disk is logged and does not stop the training.
        """
        if self._folder is None:
            return
        temporary = self._folder / "half.tmp"
        facts = np.frombuffer(
            json.dumps(add_schema_number("checkpoint", checkpoint.facts)).encode(), np.uint8
        )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.savez(file, **{_FACTS: facts}, **checkpoint.arrays)  # type: ignore[arg-type]
            fsync_path(temporary)
            temporary.replace(self._folder / f"step-{step:012d}-{sha256_file(temporary)}.npz")
            fsync_path(self._folder)
            for old in self._newest_first()[_KEPT:]:
                old.unlink()
        except OSError as error:
            self.logger.warning("no checkpoint at step %d: %s", step, error)
            temporary.unlink(missing_ok=True)
        self._last = time.monotonic()

    def load(self) -> Checkpoint | None:
        """Load the newest undamaged checkpoint; None if there is none."""
        for path in self._newest_first():
            if path.stem.rpartition("-")[2] != sha256_file(path):
                self.logger.warning("the checkpoint %s is damaged; trying the one before", path)
                continue
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(arrays.pop(_FACTS).tobytes())
            try:
                check_schema("checkpoint", facts, f"the checkpoint {path}")
                del facts[KEY]
                return Checkpoint(arrays, facts)
            except BadDataError as error:
                self.logger.warning("%s; trying the one before", error.brief)
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("step-*.npz"), reverse=True) if self._folder else []
