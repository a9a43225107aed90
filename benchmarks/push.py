"""Seconds of a push and of a rollback of a 5 MB bundle: `python benchmarks/push.py`.

Goal: <= 0.5 s for the push. Beside them, a plain copy with an fsync of each file: the disk's share.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from timing import median_of

from data.files.durable_files import fsync_tree
from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback

TIMES = 7
SPEC = ImageSpec(height=28, width=28, channels=1, class_names=tuple("0123456789"))


def make_bundle(path: Path) -> Path:
    """The files of a SavedModel, with weights that no disk can compress."""
    (path / "variables").mkdir(parents=True)
    (path / "assets.extra").mkdir()
    (path / "variables" / "variables.data-00000-of-00001").write_bytes(os.urandom(4_300_000))
    (path / "variables" / "variables.index").write_bytes(os.urandom(1_000))
    (path / "saved_model.pb").write_bytes(os.urandom(200_000))
    (path / "fingerprint.pb").write_bytes(os.urandom(100))
    (path / "assets.extra" / "trained_on.npy").write_bytes(os.urandom(500_000))
    write_manifest(path, SPEC, {})
    return path


def took(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    found: dict[str, list[float]] = {"copy and fsync": [], "push": [], "rollback": []}
    beside = {"verdict.json": os.urandom(100_000), "model_card.json": os.urandom(10_000)}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(TIMES + 1):
            bundle, copy = make_bundle(home / f"bundle{number}"), home / f"copy{number}"
            plain = took(lambda b=bundle, c=copy: (shutil.copytree(b, c), fsync_tree(c)))
            pushed = took(lambda b=bundle: push(b, home, "m", record={}, files=beside, keep=3))
            if number == 0:
                continue  # nothing to go back to, and the first in the process
            back = took(lambda: rollback(home, "m", by="benchmark", reason="to see how long"))
            for row, seconds in zip(found.values(), (plain, pushed, back), strict=True):
                row.append(seconds)
    for name, row in found.items():
        print(f"{name:<16} {median_of(row)}", flush=True)


if __name__ == "__main__":
    main()
