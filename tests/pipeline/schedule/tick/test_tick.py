"""One tick, whoever starts it: each outcome, and who is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components import train
from data.errors import ConfigError, EnvironmentTrouble
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig, Step
from pipeline.schedule import lock
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule, Tick
from pipeline.schedule.tick.tick import do_tick
from pipeline.schedule.triggers.triggers import Every, NewData
from pipeline.spans.data_key import compute_data_key
from pipeline.storage.ledger import Ledger

HOME = Path(__file__).parents[4]
TELL = """
import sys
with open(sys.argv[1], "a") as file:
    file.write(sys.stdin.read())
"""


class Nights:
    """A schedule of the toy recipe, its data, and a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        (folder / "work").mkdir()
        shutil.copy(Path(__file__).parents[1] / "toy_recipe.py", folder)
        (folder / "tell.py").write_text(TELL)
        self.now = 1_000_000.0
        self.numbers("1 2 3")
        self.status("passed")

    def numbers(self, text: str) -> None:
        (self.folder / "numbers").write_text(text)

    def status(self, text: str) -> None:
        (self.folder / "status").write_text(text)

    def add(self, **fields: Any) -> None:
        command = f"command={sys.executable} {self.folder / 'tell.py'} {self.folder / 'told'}"
        given = {
            "trigger": Every(seconds=3600),
            "recipe": f"{self.folder}/toy_recipe.py:toy",
            "folder": str(self.folder / "work"),
            "notify": (command,),
            **fields,
        }
        with ScheduleStore(self.root) as store:
            store.add(Schedule(name="nightly", created=self.now, **given))

    def tick(self) -> int:
        """One that another scheduler starts, a minute later."""
        self.now += 60
        return do_tick(self.root, "nightly", None, clock=lambda: self.now)

    def start(self) -> subprocess.Popen[bytes]:
        """One that another scheduler starts now, in a process of its own."""
        command = [sys.executable, "-m", "pipeline", "schedule", "tick", "nightly", "now"]
        env = {**os.environ, "PYTHONPATH": f"{HOME}:{HOME / 'tests' / 'support'}"}
        return subprocess.Popen([*command, "--root", str(self.root)], env=env)

    def versions(self) -> list[str]:
        return sorted(path.name for path in self.root.glob("serving/toy/[0-9]*"))

    @property
    def latest(self) -> Tick:
        with ScheduleStore(self.root) as store:
            return store.history("nightly")[0]

    @property
    def told(self) -> list[dict[str, Any]]:
        """What was told since the last time that one asked."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield Nights(tmp_path)
    sys.modules.pop("toy_recipe", None)


@pytest.fixture
def nightly(nights: Nights) -> Nights:
    nights.add()
    return nights


def test_new_data_runs_and_the_same_data_does_not(nightly: Nights) -> None:
    assert nightly.tick() == exit_codes.DONE
    first = nightly.latest
    assert (first.outcome, first.verdict, first.pushed) == ("ran", "passed", False)
    assert first.run_id
    assert nightly.tick() == exit_codes.DONE
    assert nightly.latest.outcome == "nothing new"
    assert nightly.latest.run_id is None
    nightly.numbers("4 5 6 7")
    nightly.tick()
    assert nightly.latest.outcome == "ran"
    assert nightly.latest.run_id != first.run_id


def test_a_bug_fixed_in_the_recipe_s_own_code_runs(nightly: Nights, capsys) -> None:
    def fix(old: str, new: str) -> None:
        file = nightly.folder / "toy_recipe.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        for name in ("toy_recipe", "toy_helper"):  # each tick is a process of its own
            sys.modules.pop(name, None)

    nightly.tick()
    fix("the numbers are too small", "the numbers are small")
    nightly.tick()
    assert nightly.latest.outcome == "ran"
    assert nightly.latest.detail.endswith("the code is new, the data is what an earlier run had")
    assert "nightly: the code is new" in capsys.readouterr().out
    nightly.tick()
    assert nightly.latest.outcome == "nothing new"
    assert nightly.latest.detail == "data and code are what the last run had"
    late = "        import importlib; importlib.import_module('toy_' + 'helper')\n"
    outputs = "        outputs = Judge.run"
    (nightly.folder / "toy_helper.py").write_text("")
    fix(outputs, late + outputs)
    nightly.tick()
    nightly.tick()
    assert nightly.latest.outcome == "nothing new"
    (nightly.folder / "toy_helper.py").write_text("# fixed")
    fix("", "")
    nightly.tick()
    assert nightly.latest.outcome == "ran"
    nightly.tick()
    assert nightly.latest.outcome == "nothing new"


@pytest.mark.parametrize(
    ("named", "then"), [("./images", "nothing new"), ("images", "ran")], ids=["seen", "unseen"]
)
def test_data_that_nobody_can_look_at_is_read_at_every_tick(
    nights: Nights, named: str, then: str
) -> None:
    images = nights.folder / "work" / "images"
    images.mkdir()
    (images / "1").write_text("1")
    (nights.folder / "named").write_text(named)
    nights.add(recipe=f"{nights.folder}/toy_recipe.py:reading", trigger=NewData(check_every=60))

    def total() -> int:
        with Ledger(nights.root) as ledger:
            read, *_ = ledger.executions(ledger.runs(1)[0].id)
            return int(ledger.artifacts(read.fingerprint)["numbers"][1]["total"])

    nights.tick()
    assert (nights.latest.outcome, nights.latest.pushed, total()) == ("ran", True, 1)
    nights.tick()
    assert (nights.latest.outcome, nights.latest.pushed) == (then, False)  # it came out the same
    assert nights.versions() == ["1"]
    (images / "2").write_text("2")
    nights.tick()
    assert (nights.latest.outcome, total()) == ("ran", 3)


def test_weights_that_a_later_step_reads_are_new_data(nights: Nights) -> None:
    weights = nights.folder / "weights"
    weights.write_text("1")

    def key(**settings: Any) -> str:
        config = train.Config(**settings)
        step = Step(name="train", component="components.train", config=config, inputs={"x": ()})
        return compute_data_key(PipelineConfig(name="toy", steps=(step,)), nights.root, now=0.0)

    options = {"weights": str(weights)}
    before = key(model_options=options, warm_start="serving")
    assert key(model_options=options, warm_start="serving") == before
    assert key(model_options=options, warm_start="run:latest") != before
    weights.write_text("2")
    assert key(model_options=options, warm_start="serving") != before


@pytest.mark.slow
def test_of_two_runs_at_once_only_the_later_pushes(nights: Nights) -> None:
    """The first is taken for dead, on a machine that shares no locks, and is not."""
    nights.add(recipe=f"{nights.folder}/toy_recipe.py:pushing")
    (nights.folder / "hold").write_text(str(nights.folder))
    first = nights.start()
    while not (nights.folder / "started").exists():
        time.sleep(0.05)
    (nights.root / "schedules" / "nightly.lock").unlink()
    (nights.folder / "hold").unlink()
    nights.numbers("4 5 6")
    second = nights.start()
    assert (second.wait(), nights.versions()) == (exit_codes.DONE, ["1"])
    (nights.folder / "go").touch()
    assert (first.wait(), nights.versions()) == (exit_codes.ENVIRONMENT, ["1"])
    with ScheduleStore(nights.root) as store:
        late, early = store.history("nightly")
    assert (late.outcome, late.pushed) == ("ran", True)
    assert early.outcome is None  # to be taken up again


def test_another_setting_is_new(nightly: Nights) -> None:
    nightly.tick()
    with ScheduleStore(nightly.root) as store:
        store.remove("nightly", nightly.now)
    nightly.add(settings=("count.pause=0.001",))
    nightly.tick()
    assert nightly.latest.outcome == "ran"


def test_one_by_hand_runs_on_the_same_data(nightly: Nights) -> None:
    nightly.tick()
    with ScheduleStore(nightly.root) as store:
        asked = store.trigger("nightly", nightly.now + 1)
        store.take(asked, nightly.now + 1)
    do_tick(nightly.root, "nightly", asked.due, clock=lambda: nightly.now + 2)
    assert (nightly.latest.kind, nightly.latest.outcome) == ("by hand", "ran")


def test_a_model_that_fails_is_told_and_too_many_pause_the_schedule(nightly: Nights) -> None:
    nightly.status("failed")
    for night in range(1, 4):
        nightly.numbers(f"1 2 3 {night}")
        assert nightly.tick() == exit_codes.VERDICT_FAILED
        assert (nightly.latest.outcome, nightly.latest.verdict) == ("ran", "failed")
        events = [told["event"] for told in nightly.told]
        assert events == ["blocked", "paused"] if night == 3 else ["blocked"]
    assert nightly.tick() == exit_codes.DONE
    assert nightly.latest.outcome == "paused"


def test_a_success_after_failures_is_told(nightly: Nights) -> None:
    nightly.status("failed")
    nightly.tick()
    nightly.status("passed")
    nightly.numbers("9")
    nightly.tick()
    told = nightly.told
    assert [one["event"] for one in told] == ["blocked", "recovered"]
    assert told[1]["schedule"] == "nightly"
    assert told[1]["run_id"] == nightly.latest.run_id


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda n: n.status("bad data"), exit_codes.BAD_DATA, "the numbers are odd: odd"),
        (lambda n: n.status("crash"), exit_codes.CRASH, "ZeroDivisionError: division by zero"),
        (lambda n: (n.folder / "toy_recipe.py").unlink(), exit_codes.BAD_CONFIG, "no recipe file"),
        (lambda n: (n.folder / "numbers").unlink(), None, "numbers"),
        (lambda n: (n.folder / "work").rmdir(), exit_codes.BAD_CONFIG, "cannot be entered"),
    ],
    ids=["bad data", "bug", "no recipe", "no data", "no folder"],
)
def test_what_cannot_run_is_a_failed_tick_that_says_why(
    nightly: Nights, spoil: Callable[[Nights], Any], code: int | None, words: str
) -> None:
    spoil(nightly)
    found = nightly.tick()
    assert found == code or (code is None and found != exit_codes.DONE)
    assert nightly.latest.outcome == "failed"
    assert words in nightly.latest.detail
    (told,) = nightly.told
    assert told["event"] == "failed"
    assert words in told["reason"]


def test_after_a_failure_the_same_data_is_tried_again(nightly: Nights) -> None:
    nightly.status("bad data")
    nightly.tick()
    nightly.status("passed")
    nightly.tick()
    assert nightly.latest.outcome == "ran"


def test_one_that_is_due_while_another_works_is_skipped(nightly: Nights) -> None:
    with lock.holding(nightly.root, "nightly") as held:
        assert held
        assert nightly.tick() == exit_codes.DONE
        assert nightly.latest.outcome == "skipped"
        with ScheduleStore(nightly.root) as store:
            asked = store.trigger("nightly", nightly.now + 1)
        with pytest.raises(EnvironmentTrouble, match="another process works"):
            do_tick(nightly.root, "nightly", asked.due)
    assert nightly.latest.outcome is None  # it stays to be done


def test_ctrl_c_leaves_it_to_be_taken_up_again(nightly: Nights) -> None:
    nightly.status("interrupt")
    with pytest.raises(KeyboardInterrupt):
        nightly.tick()
    left = nightly.latest
    assert left.outcome is None
    nightly.status("passed")
    do_tick(nightly.root, "nightly", left.due, clock=lambda: nightly.now)
    assert nightly.latest.outcome == "ran"
    assert nightly.latest.due == left.due
    assert do_tick(nightly.root, "nightly", left.due) == exit_codes.DONE  # it has its outcome


def test_a_target_that_cannot_be_told_is_noted_in_the_history(nights: Nights) -> None:
    nights.add(notify=(f"command={sys.executable} -c 'raise SystemExit(4)'",))
    nights.status("failed")
    assert nights.tick() == exit_codes.VERDICT_FAILED
    assert "was not told of 'blocked'" in nights.latest.detail


def test_a_schedule_or_a_tick_that_there_is_not(nightly: Nights) -> None:
    with pytest.raises(ConfigError, match="did you mean 'nightly'"):
        do_tick(nightly.root, "nighty", None)
    with pytest.raises(ConfigError, match="no tick due"):
        do_tick(nightly.root, "nightly", 5.0)


def test_waiting_for_the_first_data_is_no_failure(nights: Nights) -> None:
    pattern = nights.folder / "span-{SPAN}"
    settings = ("ingest.source=npz", f"ingest.path={pattern}")
    nights.add(recipe="digits", settings=settings, trigger=NewData(check_every=60))
    assert nights.tick() == exit_codes.DONE
    assert (nights.latest.outcome, nights.latest.detail) == ("nothing new", "no data yet")
    assert nights.told == []
