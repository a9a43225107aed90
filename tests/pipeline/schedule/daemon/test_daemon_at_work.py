"""`penstock schedule run` on a small pipeline whose data changes, killed and started again."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline import exit_codes
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every
from pipeline.storage.ledger import Ledger

HOME = Path(__file__).parents[4]
EVERY = 3  # seconds


def start(root: Path, *words: str) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(HOME), str(HOME / "tests" / "support")))
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "schedule", "run", "--root", str(root), *words],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_children(root: Path) -> None:
    """Those that a killed daemon left at work."""
    found = subprocess.run(["pgrep", "-f", f"schedule tick .* --root {root}"], capture_output=True)
    for process in found.stdout.split():
        os.kill(int(process), signal.SIGKILL)


def count_outcomes(store: ScheduleStore) -> Counter[str | None]:
    return Counter(t.outcome for t in store.history("often", 1000) for _ in range(t.times))


@pytest.mark.torture
def test_five_kills(tmp_path: Path, wait_until) -> None:
    shutil.copy(Path(__file__).parents[1] / "toy_recipe.py", tmp_path)
    (tmp_path / "status").write_text("passed")
    root, chance, numbers = tmp_path / "root", random.Random(7), itertools.count(1)
    root.mkdir()
    trigger, recipe = Every(seconds=EVERY), f"{tmp_path}/toy_recipe.py:toy"
    store = ScheduleStore(root)
    store.add(Schedule(name="often", recipe=recipe, created=time.time(), trigger=trigger))

    def change_until_three_ran() -> None:
        """Change the data, now and then in the middle of a run, until three more ticks ran."""
        wanted = count_outcomes(store)["completed"] + 3

        def ran() -> bool:
            unfinished = tmp_path / "numbers.tmp"
            unfinished.write_text(str(next(numbers)))
            unfinished.rename(tmp_path / "numbers")
            time.sleep(chance.uniform(0, 2 * EVERY))
            return count_outcomes(store)["completed"] >= wanted

        wait_until(ran, "a third run")

    for _ in range(5):
        daemon = start(root)
        change_until_three_ran()
        time.sleep(chance.uniform(0, EVERY))
        daemon.kill()
        daemon.communicate()
        if chance.random() < 0.5:
            kill_children(root)
    daemon = start(root)
    change_until_three_ran()
    daemon.send_signal(signal.SIGTERM)
    _, log = daemon.communicate()
    assert daemon.returncode == exit_codes.DONE, log
    last = start(root, "--once")  # what that one left open
    _, log = last.communicate()
    assert last.returncode == exit_codes.DONE, log

    standing, ticks = store.standing("often"), store.history("often", 1000)
    assert store.survey().open_ticks == ()
    first = int(standing.schedule.created) + EVERY
    covered = sorted(tick.due + n * EVERY for tick in ticks for n in range(tick.times))
    assert covered == list(range(first, int(standing.next_due), EVERY))
    outcomes = count_outcomes(store)
    assert outcomes["completed"] >= 18
    assert set(outcomes) <= {"completed", "nothing new", "skipped", "missed", "failed"}
    failed = [tick for tick in ticks if tick.outcome == "failed"]
    assert all("numbers" in tick.detail for tick in failed), failed  # the data changed in the run
    with Ledger(root) as ledger:
        runs = {run.id: run for run in ledger.runs(1000)}
    done = sorted((runs[str(t.run_id)] for t in ticks if t.run_id), key=lambda run: run.started)
    assert all(
        run.status == "completed" for run in done if run.id not in {t.run_id for t in failed}
    )
    for run, following in itertools.pairwise(done):
        assert run.started + (run.seconds or 0) <= following.started
    print(f"\n5 kills: {dict(outcomes)}, 0 violations")
