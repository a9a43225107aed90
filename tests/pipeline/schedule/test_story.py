"""Fourteen nights of MNIST in as many spans: docs/tutorials/retraining.md tells them."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.files.durable_files import read_json
from data.sources import SourceConfig
from data.sources.arrays.idx import IdxSource
from pipeline import exit_codes
from pipeline.cli.main import call
from pipeline.schedule import lock
from pipeline.schedule.daemon.launcher import ProcessLauncher
from pipeline.schedule.daemon.scheduler import Scheduler
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.notify.announce import send_notice
from pipeline.schedule.schedule import Schedule, Tick
from pipeline.schedule.tick.tick import run_tick
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import newest_version

NIGHTS = 14
TELL = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
SETTINGS = (
    "ingest.source=npz",
    'ingest.window="3"',
    'ingest.done_marker="_SUCCESS"',
    'ingest.class_names=["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]',
    "train.warm_start=serving",
    "train.epochs=3",
    "train.checkpoint_seconds=0.1",
    'evaluate.thresholds=[{metric = "accuracy", at_least = 0.9}]',
)


class InThisProcess:
    """Does each tick here, by the simulated clock."""

    def __init__(self, root: Path, clock: Callable[[], float]) -> None:
        self._root, self._clock = root, clock

    def launch(self, schedule: Schedule, tick: Tick, take: Callable[[], bool]) -> bool:
        if take():
            run_tick(self._root, schedule.name, tick.id, clock=self._clock)
        return True

    def is_running(self, name: str) -> bool:
        return lock.is_locked(self._root, name)

    def children(self) -> int:
        return 0

    def ended(self) -> list[tuple[Tick, int]]:
        return []


class Story:
    """A folder into which spans arrive by day, and a daemon's look at 03:00 of each night."""

    def __init__(self, folder: Path, mnist: Path) -> None:
        self.folder, self.root, self.data = folder, folder / "root", folder / "data"
        self.data.mkdir()
        self.now = time.time()
        source = IdxSource(SourceConfig(path=str(mnist)))
        self._arrays = {}
        for part in source.parts():
            chunks = list(source.read(part))
            self._arrays[part.split] = [
                np.concatenate(column) for column in zip(*chunks, strict=True)
            ]

    def span(self, night: int, *, shuffled: bool = False, lacks: tuple[int, ...] = ()) -> Path:
        """Every fourteenth image, from the one with the night's number on."""
        arrays = {}
        for split, (images, labels) in self._arrays.items():
            mine = np.arange(len(labels))[night - 1 :: NIGHTS]
            mine = mine[~np.isin(labels[mine], lacks)]
            arrays[f"x_{split}"], arrays[f"y_{split}"] = images[mine], labels[mine]
        if shuffled:
            arrays["y_train"] = np.random.default_rng(6).permutation(arrays["y_train"])
        path = self.data / f"span-{night:02}.npz"
        np.savez(path, **arrays)
        self.arrived(path)
        return path

    def arrived(self, path: Path) -> None:
        path.with_name(f"{path.name}.done").touch()

    def schedule(self, *words: str) -> int:
        return call(["schedule", *words, "--root", str(self.root)])

    def begin(self) -> None:
        path = f"ingest.path={self.data / 'span-{SPAN}.npz'}"
        self.settings = [word for s in (*SETTINGS, path) for word in ("--set", s)]
        (self.folder / "tell.py").write_text(TELL)
        command = f"command={sys.executable} {self.folder / 'tell.py'} {self.folder / 'told'}"
        when = ["--cron", "0 3 * * *", "--tz", "Europe/Zurich", "--fresh-within", "3d"]
        words = ["mnist", "--name", "nightly", *when, "--notify", command, *self.settings]
        assert self.schedule("add", *words) == exit_codes.DONE

    def night(self, launcher: Any = None) -> Tick:
        """Until the next due time, and what a daemon does then. Returns the tick."""
        with ScheduleStore(self.root) as store, Watch(self.root) as watch:
            standing = store.standing("nightly")
            if not store.survey().open_ticks:  # else it goes on with the one that was killed
                self.now = standing.next_due + 1

            def clock() -> float:
                return self.now

            scheduler = Scheduler(
                store,
                watch,
                launcher or InThisProcess(self.root, clock),
                clock=clock,
                notify=lambda notice: send_notice(self.root, notice),
            )
            scheduler.look()
            return store.history("nightly")[0]

    def told(self) -> list[str]:
        """The events since the last time that one asked."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [json.loads(line)["event"] for line in lines]

    @property
    def serves(self) -> int:
        return newest_version(self.root / "serving" / "mnist")

    def verdict(self, tick: Tick) -> dict[str, Any]:
        with Ledger(self.root) as ledger:
            (evaluated,) = [e for e in ledger.executions(tick.run_id) if e.step == "evaluate"]
        (file,) = self.root.glob(f"artifacts/*/{evaluated.fingerprint}/**/verdict.json")
        return read_json(file)


@pytest.fixture
def story(tmp_path: Path, mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")  # of the tables that docs/tutorials/retraining.md shows
    made = Story(tmp_path, mnist_dir)
    made.begin()
    return made


def passes(story: Story, night: int, spans: str) -> None:
    tick = story.night()
    assert (tick.outcome, tick.verdict, tick.pushed) == ("completed", "passed", True), (night, tick)
    assert [s["span"] for s in story.verdict(tick)["data"]["spans"]["spans"]] == spans.split()


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_fourteen_nights(story: Story, capfd: pytest.CaptureFixture[str]) -> None:
    for night in range(1, 6):
        story.span(night)
        passes(story, night, " ".join(f"{n:02}" for n in range(max(1, night - 2), night + 1)))
        assert story.told() == ["pushed"]
        assert story.serves == night

    # Night 6: somebody's labels were shuffled on their way here.
    story.span(6, shuffled=True)
    tick = story.night()
    assert (tick.outcome, tick.verdict, tick.pushed) == ("completed", "failed", False)
    assert "not worse than baseline overall" in tick.detail
    assert story.told() == ["blocked"]
    assert story.serves == 5

    # Day 7: it is found and excluded by hand; and that night nothing arrives.
    at = [str(word) for word in ("--root", story.root)]
    reason = ["--reason", "labels shuffled", "--by", "ana"]
    assert call(["span", "exclude", "06", *reason, *at]) == exit_codes.DONE
    assert story.night().outcome == "nothing new"  # as night 5, whose model serves
    assert story.told() == []

    # Night 8: a file that is no file. It is left out, and without it there is nothing new. It is
    # also three days since the last success.
    broken = story.data / "span-08.npz"
    broken.write_bytes(b"PK\x03\x04 and then the disk was full")
    story.arrived(broken)
    tick = story.night()
    assert (tick.outcome, tick.verdict) == ("nothing new", None)
    assert "08 cannot be read" in tick.detail
    assert story.told() == ["span unreadable"]

    # Night 9: a span without eights and nines. Beforehand: it must be blocked. Two classes have no
    # test image at all, and of what was not seen the gate says "not enough data", never "passed".
    story.span(9, lacks=(8, 9))
    tick = story.night()
    assert (tick.outcome, tick.verdict, tick.pushed) == ("completed", "failed", False)
    statuses = {r["name"]: r["status"] for r in story.verdict(tick)["rules"]}
    assert statuses["not worse than baseline each class"] == "not enough data"
    # by now the last success is more than three days ago
    assert story.told() == ["blocked", "stale"]
    assert story.schedule("check", "--without-daemon") == exit_codes.SCHEDULE_ALARM

    # Night 10 is killed in its training, and goes on from a checkpoint.
    story.span(10)
    killed_in_training(story)
    tick = story.night()
    assert (tick.outcome, tick.verdict, tick.pushed, tick.attempts) == (
        "completed",
        "passed",
        True,
        2,
    )
    taken = [s["span"] for s in story.verdict(tick)["data"]["spans"]["spans"]]
    assert taken == ["05", "09", "10"]
    assert story.told() == ["pushed", "recovered"]
    assert story.serves == 6
    assert story.schedule("check", "--without-daemon") == exit_codes.DONE

    story.span(11)
    passes(story, 11, "09 10 11")

    # Day 12: somebody rolls back by hand. The next model is held against what then serves.
    assert call(["rollback", str(story.root / "serving" / "mnist"), "--by", "ana"]) == 0
    assert story.serves == 8
    story.span(12)
    passes(story, 12, "10 11 12")
    with ScheduleStore(story.root) as store:
        latest = store.history("nightly")[0]
    assert story.verdict(latest)["baseline"]["version"] == 8
    for night in (13, 14):
        story.span(night)
        passes(story, night, " ".join(str(n) for n in range(night - 2, night + 1)))
    assert story.serves == 11

    with ScheduleStore(story.root) as store:
        ticks = store.history("nightly", 100)
    assert sum(tick.times for tick in ticks) == NIGHTS
    assert Counter(tick.outcome for tick in ticks) == {"completed": 12, "nothing new": 2}
    capfd.readouterr()
    story.schedule("history", "nightly")
    call(["span", "list", *at])
    call(["serving", str(story.root / "serving" / "mnist")])
    with capfd.disabled():
        print(capfd.readouterr().out)


def killed_in_training(story: Story) -> None:
    """A daemon's child of the night, killed once it has a checkpoint."""
    launcher = ProcessLauncher(story.root)
    with ScheduleStore(story.root) as store, Watch(story.root) as watch:
        story.now = store.standing("nightly").next_due + 1
        Scheduler(store, watch, launcher, clock=lambda: story.now, notify=print).look()
        while not list(story.root.glob("work/**/step-*.npz")):
            assert launcher.children(), (story.root / "schedules" / "nightly.log").read_text()
            launcher.ended()
            time.sleep(0.05)
        launcher.kill()
        while launcher.children():
            launcher.ended()
            time.sleep(0.05)
        (left,) = store.survey().open_ticks
    assert left.attempts == 1
    assert story.serves == 5
