"""A fault at every write, fsync, rename and removal of push and rollback, one after the other."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from data.errors import EnvironmentTrouble
from serving_export.bundle.manifest import verify_bundle, verify_version
from serving_export.model_store.layout import newest_version, version_numbers
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback

Make = Callable[..., tuple[Path, str]]
BESIDE = {"verdict.json": b'{"status": "passed"}', "model_card.md": b"# A card"}


class Killed(BaseException):
    """The process ends here; nothing that it would do later happens."""


class Disk:
    """Counts the calls that change the disk, and lets one of them fail.

    Args:
        at: the call that fails, from 0; None: none.
        killed: the process ends at that call, so all later ones do nothing either; else it is
            an OSError, once. A write that fails has written a part.
    """

    def __init__(self, at: int | None = None, killed: bool = False) -> None:
        self.at, self.killed = at, killed
        self.calls: list[tuple[str, str]] = []
        self.dead = False

    def tick(self, kind: str, path: Any, half: Callable[[], Any] = lambda: None) -> None:
        if self.dead:
            raise Killed
        self.calls.append((kind, str(path)))
        if len(self.calls) - 1 != self.at:
            return
        half()
        if self.killed:
            self.dead = True
            raise Killed
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    @contextmanager
    def patched(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("mkdir", "rename", "replace", "unlink", "rmdir"):
                patch.setattr(os, name, self._before(name, getattr(os, name)))
            patch.setattr(os, "fsync", self._fsync(os.fsync))
            patch.setattr(os, "sendfile", self._sendfile(os.sendfile))
            patch.setattr(io, "open", self._open(io.open))
            yield

    def _before(self, kind: str, call: Any) -> Any:
        def called(path: Any, *args: Any, **options: Any) -> Any:
            self.tick(kind, path)
            return call(path, *args, **options)

        return called

    def _fsync(self, fsync: Any) -> Any:
        def called(descriptor: int) -> None:
            self.tick("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
            fsync(descriptor)

        return called

    def _sendfile(self, sendfile: Any) -> Any:
        def called(out: int, source: int, offset: int, count: int) -> Any:
            path = os.readlink(f"/proc/self/fd/{out}")
            self.tick("write", path, lambda: sendfile(out, source, offset, 2))
            return sendfile(out, source, offset, count)

        return called

    def _open(self, opened: Any) -> Any:
        def called(path: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            file = opened(path, mode, *args, **options)
            write = file.write

            def writing(content: Any) -> Any:
                self.tick(
                    "write", path, lambda: (write(content[: len(content) // 2]), file.flush())
                )
                return write(content)

            if set(mode) & set("wxa"):
                file.write = writing
            return file

        return called


class Scene:
    """A serving directory before an operation, and the operation."""

    def __init__(self, home: Path, make_bundle: Make, what: str) -> None:
        self.home, self.what = home, what
        self.bundles = [make_bundle(home / f"b{i}", b"graph %d" % i)[0] for i in range(4)]
        self.new = self.bundles[3]
        if what != "the first push":
            for bundle in self.bundles[:3]:
                push(bundle, self.serving, "m", record={"run": bundle.name}, files=BESIDE)
            for name in (".staging-dead", ".retired-dead"):
                shutil.copytree(self.bundles[0], self.folder / name)
        self.aim = verify_bundle(self.bundles[1] if what == "rollback" else self.new)

    @property
    def serving(self) -> Path:
        return self.home / "new" / "serving"

    @property
    def folder(self) -> Path:
        return self.serving / "m"

    def act(self) -> None:
        if self.what == "rollback":
            rollback(self.serving, "m", by="ann", reason="worse")
        else:
            push(self.new, self.serving, "m", record={}, files=BESIDE, keep=2)

    def serves(self) -> str | None:
        """The digest of what serves; every visible version is whole."""
        digests = [verify_version(self.folder / str(v)) for v in version_numbers(self.folder)]
        return digests[-1] if digests else None


SCENES = ("the first push", "a push that keeps two", "rollback")


@pytest.fixture
def scenes(tmp_path_factory: pytest.TempPathFactory, make_bundle: Make) -> Callable[[str], Scene]:
    return lambda what: Scene(tmp_path_factory.mktemp("scene"), make_bundle, what)


def calls_of(scene: Scene) -> list[tuple[str, str]]:
    disk = Disk()
    with disk.patched():
        scene.act()
    assert scene.serves() == scene.aim
    return disk.calls


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True], ids=["error", "kill"])
@pytest.mark.parametrize("what", SCENES)
def test_what_served_still_serves_or_the_new_one_does(
    scenes: Callable[[str], Scene], what: str, killed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = calls_of(scenes(what))
    outcomes: Counter[str] = Counter()
    for at in range(len(calls)):
        scene = scenes(what)
        before = scene.serves()
        disk = Disk(at, killed)
        try:
            with disk.patched():
                scene.act()
            ended = "went on"
        except (EnvironmentTrouble, Killed) as error:
            ended = type(error).__name__
        assert len(disk.calls) > at, "the fault did not strike"
        after = scene.serves()
        assert after in (before, scene.aim), calls[at]
        assert ended != "went on" or after == scene.aim
        outcomes[f"{ended}, the {'new' if after == scene.aim else 'old'} one serves"] += 1
        if after != scene.aim:
            scene.act()
        assert scene.serves() == scene.aim, calls[at]
        push(scene.bundles[0], scene.serving, "m", record={}, keep=2)  # and the one after that
        rest = {path.name for path in scene.folder.iterdir()} - {".push.lock"}
        assert all(name.isdigit() for name in rest), (calls[at], rest)
    with capsys.disabled():
        kinds = dict(Counter(kind for kind, _ in calls))
        print(f"\n{what}, {len(calls)} faults {kinds}: {dict(outcomes)}")
    assert any(outcome.endswith("the new one serves") for outcome in outcomes)


def test_the_faults_strike_all_that_changes_the_disk(scenes: Callable[[str], Scene]) -> None:
    kinds = {kind for what in SCENES for kind, _ in calls_of(scenes(what))}
    assert kinds == {"mkdir", "write", "fsync", "rename", "replace", "unlink", "rmdir"}


@pytest.mark.parametrize("what", SCENES)
def test_all_is_on_the_disk_before_the_version_shows(
    scenes: Callable[[str], Scene], what: str
) -> None:
    """What a power cut could take away: files and names that were not forced to the disk."""
    scene = scenes(what)
    there = {scene.folder, *scene.folder.parents} if scene.folder.exists() else set()
    calls = calls_of(scene)
    shown = max(
        i for i, (kind, path) in enumerate(calls) if kind == "rename" and ".staging-" in path
    )
    staging = Path(calls[shown][1])
    version = scene.folder / str(newest_version(scene.folder))
    last_change = {}
    for i, (kind, path) in enumerate(calls[:shown]):
        if kind in ("write", "mkdir", "replace", "unlink"):
            changed = Path(path)
            last_change[changed if kind == "write" else changed.parent] = i
    synced = {Path(path): i for i, (kind, path) in enumerate(calls[:shown]) if kind == "fsync"}
    for path in (version, *version.rglob("*")):
        made = staging / path.relative_to(version)
        if made.name == "push.json":  # written under another name, then renamed
            continue
        assert synced[made] > last_change.get(made, -1), made
    assert calls[shown + 1] == ("fsync", str(scene.folder))
    made = {Path(path) for kind, path in calls[:shown] if kind == "mkdir"} - {staging} - there
    for folder in made:  # the serving directory's own new folders too
        assert synced[folder.parent] > calls.index(("mkdir", str(folder)))
    retired = [i for i, (kind, path) in enumerate(calls) if i > shown and kind == "rename"]
    assert len(retired) == (2 if what == "a push that keeps two" else 0)
    for i in retired:
        assert calls[i + 1] == ("fsync", str(scene.folder))
