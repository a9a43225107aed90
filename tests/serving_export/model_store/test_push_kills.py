"""SIGKILL at random moments of a process that pushes and rolls back, watched as it serves."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import BadDataError
from serving_export.bundle.manifest import verify_version
from serving_export.model_store.layout import newest_version, version_numbers
from serving_export.model_store.push import push

Make = Callable[..., tuple[Path, str]]

PUSHES = """
import random, sys
from pathlib import Path
from data.errors import ConfigError
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback
serving, bundles, rng = Path(sys.argv[1]), Path(sys.argv[2]), random.Random(int(sys.argv[3]))
print("ready", flush=True)
while True:
    try:
        if rng.random() < 0.3:
            rollback(serving, "m", by="ann", reason="worse")
            print("rollback", flush=True)
        else:
            beside = {"verdict.json": rng.randbytes(5000)}
            bundle = bundles / rng.choice("abcd")
            push(bundle, serving, "m", record={}, files=beside, keep=3)
            print("push", flush=True)
    except ConfigError:
        pass  # nothing to go back to
"""


class Watcher(threading.Thread):
    """Reads the highest version over and over, as TensorFlow Serving would."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.over, self.checks = folder, threading.Event(), 0
        self.broken: list[str] = []

    def run(self) -> None:
        while not self.over.is_set():
            newest = newest_version(self.folder)
            if newest is None:
                continue
            try:
                verify_version(self.folder / str(newest))
                self.checks += 1
            except (BadDataError, OSError) as error:
                # Too slow: it was deleted when three newer ones had come.
                if newest in version_numbers(self.folder)[-2:] or newest > max(
                    version_numbers(self.folder)
                ):
                    self.broken.append(f"version {newest}: {error}")


def killed_pushes(home: Path, make_bundle: Make, kills: int) -> Counter[str]:
    """Start, kill at a random moment, look; so many times. Returns what was seen."""
    bundles, serving = home / "bundles", home / "serving"
    for name in "abcd":
        make_bundle(bundles / name, name.encode() * 200_000)
    push(bundles / "a", serving, "m", record={})
    folder, seen, rng = serving / "m", Counter[str](), random.Random(5)
    watcher = Watcher(folder)
    watcher.start()
    for seed in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", PUSHES, str(serving), str(bundles), str(seed)],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if seed % 2:  # however slow the machine is, some get past their first
            seen.update(process.stdout.readline().split())
        try:
            process.wait(timeout=rng.uniform(0, 0.3))
        except subprocess.TimeoutExpired:
            process.kill()
        said, _ = process.communicate()
        assert process.returncode == -9, said
        seen.update(said.split())
        seen["kills"] += 1
        seen["half made"] += any(folder.glob(".staging-*"))
        seen["half deleted"] += any(folder.glob(".retired-*"))
        for version in version_numbers(folder):
            verify_version(folder / str(version))
        serves = newest_version(folder)
        assert serves is not None
        assert serves >= seen["highest"]
        seen["highest"] = serves
    watcher.over.set()
    watcher.join()
    assert watcher.broken == []
    seen["checks"] = watcher.checks
    last, digest = make_bundle(bundles / "last", b"last")
    version, path = push(last, serving, "m", record={}, keep=2)
    assert version == seen["highest"] + 1
    assert verify_version(path) == digest
    assert {p.name for p in folder.iterdir()} - {".push.lock"} == {
        str(version),
        *(str(v) for v in version_numbers(folder)[:1]),
    }
    return seen


@pytest.mark.slow
def test_ten_kills(tmp_path: Path, make_bundle: Make) -> None:
    seen = killed_pushes(tmp_path, make_bundle, 10)
    assert seen["push"] > 0
    assert seen["checks"] > 0


@pytest.mark.torture
def test_two_hundred_kills(
    tmp_path: Path, make_bundle: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = killed_pushes(tmp_path, make_bundle, 200)
    with capsys.disabled():
        print(f"\n{dict(seen)}")
    assert seen["kills"] == 200
    assert min(seen[what] for what in ("push", "rollback", "half made", "checks")) > 0
