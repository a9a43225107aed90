"""Keep a long step's checkpoints in `<root>/work/<fingerprint>/`, where they survive a kill."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from data.errors import BadDataError, EnvironmentTrouble, InputChanged, PenstockError
from data.files.documents import read_document, write_document
from data.files.durable_files import remove

_UPSTREAM = "upstream.json"
_KEPT_DAYS = 14


@contextmanager
def begin_work(
    root: Path, fingerprint: str, upstream: Mapping[str, str], *, restart: bool
) -> Iterator[Path]:
    """Open a step's work folder as a killed or interrupted attempt left it.

    The caller holds the step's slot. The folder is removed when the step completes, when the step
    fails, and when its input changed. It stays after an interrupt, a crash, or trouble of the
    machine.

    Args:
        root: the folder for everything that runs write.
        fingerprint: of the step.
        upstream: seals of the step's inputs; work on other inputs is removed first.
        restart: remove earlier work in any case.
    """
    folder = root / "work" / fingerprint
    if restart or not _has_inputs(folder, upstream):
        remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_document(folder / _UPSTREAM, {"seals": dict(upstream)})
    try:
        yield folder
    except PenstockError as error:
        if isinstance(error, EnvironmentTrouble) and not isinstance(error, InputChanged):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_work(root: Path) -> None:
    """Remove work that no run has continued for two weeks."""
    for folder in root.glob("work/*"):
        with contextlib.suppress(OSError):
            newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - newest > _KEPT_DAYS * 86400:
                shutil.rmtree(folder, ignore_errors=True)


def _has_inputs(folder: Path, upstream: Mapping[str, str]) -> bool:
    with contextlib.suppress(BadDataError):
        return bool(read_document(folder / _UPSTREAM).get("seals") == upstream)
    return False
