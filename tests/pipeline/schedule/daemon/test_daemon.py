"""Real daemons with real children, killed, stopped, and two at a time."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import exit_codes
from pipeline.schedule import lock
from pipeline.schedule.daemon.daemon import Daemon
from pipeline.schedule.daemon.launcher import CHILD, ProcessLauncher
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every

HOME = Path(__file__).parents[4]
DAEMON = HOME / "tests" / "support" / "schedule_daemon.py"
Wait = Callable[..., None]


def start(root: Path, *words: object) -> subprocess.Popen[str]:
    """A daemon; `words` are how long a child works, and until when the daemon does."""
    return subprocess.Popen(
        [sys.executable, str(DAEMON), str(root), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def root(tmp_path) -> Iterator[Path]:
    yield tmp_path
    for process in {line[3] for line in notes(tmp_path)}:
        kill(tmp_path, process)


def kill(root: Path, process: str) -> None:
    """Kill a child, if it is still there and its number nobody else's."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if str(root).encode() in Path("/proc", process, "cmdline").read_bytes():
            os.kill(int(process), signal.SIGKILL)


def added(root: Path, name: str = "often", every: float = 1.0, **fields: object) -> ScheduleStore:
    store = ScheduleStore(root)
    now = time.time()
    store.add(Schedule(name=name, recipe="r", created=now, trigger=Every(seconds=every), **fields))
    return store


def notes(root: Path) -> list[list[str]]:
    """What the children noted: what, schedule, tick, process, monotonic time."""
    path = root / "notes"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def check(root: Path, names: list[str]) -> collections.Counter[str]:
    """Each due time has one outcome, each that ran did so once, and no two at a time."""
    store, counts = ScheduleStore(root), collections.Counter()
    for name in names:
        standing = store.standing(name)
        step, anchor = standing.schedule.trigger.seconds, int(standing.schedule.created)
        ticks = sorted(store.history(name, 100_000), key=lambda tick: tick.due)
        covered = [t.due + n * step for t in ticks for n in range(t.times)]
        assert covered == [
            float(d) for d in range(anchor + int(step), int(standing.next_due), int(step))
        ]
        mine = [line for line in notes(root) if line[1] == name]
        ended = collections.Counter(line[2] for line in mine if line[0] == "ended")
        ran = [str(t.id) for t in ticks if t.outcome == "completed"]
        assert set(ended) >= set(ran)
        at_work = None  # a child that was killed says nothing more
        for what, _, _, process, _ in mine:
            assert what == "began" or process == at_work
            at_work = process if what == "began" else None
        for tick in ticks:
            assert tick.outcome is not None or tick.due == ticks[-1].due
            counts[tick.outcome or "open"] += tick.times
    return counts


def campaign(
    root: Path, wait_until: Wait, seconds: float, kills: int, every: float, seed: int
) -> None:
    """A daemon is killed so many times, with its child or without, and started again."""
    chance = random.Random(seed)
    store = added(root, every=every, grace=1.0, max_failures=0)
    for _ in range(kills):
        daemon = start(root, 0.3)
        begun = len(notes(root))
        wait_until(lambda begun=begun: len(notes(root)) > begun)
        time.sleep(chance.uniform(0, seconds / kills))
        daemon.kill()
        daemon.communicate()
        if chance.random() < 0.5 and notes(root)[-1][0] == "began":
            kill(root, notes(root)[-1][3])
    end = time.time() + 2
    assert start_and_wait(root, 0.1, end) == 0
    assert store.survey().open_ticks == ()
    counts = check(root, ["often"])
    print(f"\n{kills} kills: {dict(counts)}, 0 violations")
    assert counts["completed"] > 0
    failed = [tick for tick in store.history("often", 100_000) if tick.outcome == "failed"]
    assert all(tick.attempts == 3 for tick in failed)  # its child was killed that often
    assert set(counts) <= {"completed", "missed", "skipped", "failed"}


def start_and_wait(root: Path, *words: object) -> int:
    daemon = start(root, *words)
    _, err = daemon.communicate()
    assert "Traceback" not in err, err
    return daemon.returncode


@pytest.mark.slow
def test_a_daemon_that_is_killed_five_times_misses_nothing(root, wait_until):
    campaign(root, wait_until, seconds=2, kills=5, every=1.0, seed=1)


@pytest.mark.torture
def test_a_daemon_that_is_killed_five_times_in_two_minutes_misses_nothing(root, wait_until):
    campaign(root, wait_until, seconds=120, kills=5, every=2.0, seed=2)


@pytest.mark.slow
def test_two_daemons_on_one_ledger_take_each_tick_once(root):
    names = ["a", "b", "c"]
    for name in names:
        added(root, name)
    end = time.time() + 4
    daemons = [start(root, 0.1, end) for _ in range(2)]
    for daemon in daemons:
        _, err = daemon.communicate()
        assert daemon.returncode == 0, err
    counts = check(root, names)
    assert set(counts) <= {"completed", "skipped"}
    began = [(name, due) for what, name, due, *_ in notes(root) if what == "began"]
    assert len(began) == len(set(began)) == counts["completed"]
    print(f"\ntwo daemons: {dict(counts)}")


@pytest.mark.slow
def test_sigterm_ends_the_children_and_the_next_daemon_takes_their_ticks_up(root, wait_until):
    store = added(root, max_failures=1)
    daemon = start(root, 600)
    wait_until(lambda: notes(root) != [])
    daemon.send_signal(signal.SIGTERM)
    _, err = daemon.communicate()
    assert daemon.returncode == 0, err  # and nothing heavy was imported
    assert [line[0] for line in notes(root)] == ["began", "interrupted"]
    (tick,) = store.survey().open_ticks
    assert tick.attempts == 0  # it was no fault of the tick
    assert not lock.is_locked(root, "often")
    assert start_and_wait(root, 0.1, 0.0) == 0  # what is open, and nothing that is due since
    assert store.tick(tick.id).outcome == "completed"


@pytest.mark.slow
def test_a_child_that_dies_is_launched_three_times_and_then_has_failed(root):
    store = added(root, max_failures=1)
    due = store.standing("often").next_due
    assert start_and_wait(root, "no-number", due) == exit_codes.SCHEDULE_ALARM
    tick = next(t for t in store.ticks_of("often") if t.due == due)
    assert (tick.outcome, tick.attempts) == ("failed", 3)
    assert "3 times without an outcome" in tick.detail
    assert "without success" in store.standing("often").schedule.paused
    log = (root / "schedules" / "often.log").read_text()
    assert log.count("invalid float value: 'no-number'") == 3


def test_what_falls_due_during_the_last_look_is_taken(root):
    store = added(root, every=60.0, max_failures=1)
    due = store.standing("often").next_due
    times = iter([due - 0.01] * 2)  # the first look begins before it, and ends after it
    child = (sys.executable, str(DAEMON.with_name("schedule_child.py")), "no-number")
    launcher = ProcessLauncher(root, child)
    daemon = Daemon(root, launcher, clock=lambda: next(times, due + 1.0), until=due)
    assert daemon.run() == exit_codes.SCHEDULE_ALARM
    assert [t.outcome for t in store.ticks_of("often") if t.due == due] == ["failed"]


@pytest.mark.slow
def test_an_idle_daemon_is_small_lives_without_its_ledger_and_says_so_once(root, wait_until):
    store = added(root, every=86_400.0)
    daemon = start(root, 0.1)
    wait_until(lambda: Watch(root).last_seen() is not None)
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    size = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    print(f"\nidle: {size / 1024:.0f} MiB")
    assert size < 120 * 1024  # KiB
    store.path.rename(root / "elsewhere")
    lines = iter(daemon.stderr.readline, "")
    assert any("is not there" in line for line in lines)
    assert not store.path.exists()
    (root / "elsewhere").rename(store.path)
    assert any("ticks are launched again" in line for line in lines)
    store.trigger("often", time.time())
    wait_until(lambda: any(line[0] == "ended" for line in notes(root)))
    daemon.send_signal(signal.SIGINT)
    _, err = daemon.communicate()
    assert daemon.returncode == 0, err


def test_a_lock_is_handed_on_and_falls_with_its_holder(root):
    held = lock.try_lock(root, "x")
    assert held is not None
    assert lock.try_lock(root, "x") is None
    assert lock.is_locked(root, "x")
    child = subprocess.Popen(["sleep", "600"], pass_fds=(held,))
    os.close(held)
    assert lock.is_locked(root, "x")
    child.kill()
    child.wait()
    assert not lock.is_locked(root, "x")
    with lock.hold_lock(root, "x") as mine, lock.hold_lock(root, "x") as another:
        assert (mine, another) == (True, False)
    assert not lock.is_locked(root, "x")


def test_a_folder_of_the_user_s_does_not_shadow_ours_for_a_child(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").touch()
    words = [*CHILD, "nightly", "now", "--root", str(tmp_path)]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == exit_codes.BAD_CONFIG
    assert "nothing ran in" in ended.stderr
