from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from pipeline.cli.main import call
from pipeline.cli.schedule.group import schedule as group
from pipeline.schedule.frequency import check_frequency
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.triggers import Every, NewData

HOME = Path(__file__).parents[4]
NIGHTLY = 'add digits --name nightly --cron "0 3 * * *" --tz Europe/Zurich'


@pytest.fixture
def ask(tmp_path, monkeypatch, capfd):
    """A function that calls `penstock schedule …`: (exit code, stdout, stderr)."""
    monkeypatch.setenv("PENSTOCK_ROOT", str(tmp_path / "root"))

    def call_it(words: str) -> tuple[int, str, str]:
        code = call(["schedule", *shlex.split(words)])
        return code, *capfd.readouterr()

    return call_it


def store(tmp_path) -> ScheduleStore:
    return ScheduleStore(tmp_path / "root")


def test_add_prints_the_next_three_dates_in_the_schedules_zone(ask, tmp_path):
    code, out, _ = ask(NIGHTLY)
    assert code == 0
    dates = re.findall(r"^(?:next|then) +\w{3} (\S+) 03:00:00 CES?T$", out, re.MULTILINE)
    assert len(dates) == 3
    assert dates == sorted(dates)
    assert "penstock schedule run" in out  # no daemon is there
    entered = store(tmp_path).standing("nightly").schedule
    assert entered.folder == str(Path.cwd())


def test_what_is_added_is_what_was_asked_for(ask, tmp_path):
    (tmp_path / "a.toml").write_text("[train]\nepochs = 2\n")
    code, _, err = ask(
        f"add digits --config {tmp_path}/a.toml --set train.epochs=1 --every 6h --overlap queue"
        " --missed all --grace 90s --fresh-within 1d --max-failures 5 --notify command=/bin/true"
        " --serving out --beam --runner=FlinkRunner"
    )
    assert code == 0, err
    found = store(tmp_path).standing("digits").schedule
    assert found.trigger == Every(seconds=21_600)
    assert (found.overlap, found.missed, found.grace) == ("queue", "all", 90)
    assert (found.fresh_within, found.max_failures) == (86_400, 5)
    assert (found.settings, found.notify) == (("train.epochs=1",), ("command=/bin/true",))
    assert (found.config_file, found.serving) == (f"{tmp_path}/a.toml", f"{Path.cwd()}/out")
    assert found.beam_args == ("--runner=FlinkRunner",)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ('add digits --cron "0 25 * * *"', "invalid hour"),
        ('add digits --cron "0 3 * *"', "4 fields"),
        ('add digits --cron "0 3 * * *" --tz Europe/Zurch', "did you mean 'Europe/Zurich'"),
        ("add digits --every 5x", "invalid duration"),
        ("add digits --every 0s", "at least 1"),
        ("add digits", "one trigger"),
        ('add digits --every 1h --cron "0 3 * * *"', "one trigger"),
        ("add digits --every 1h --tz UTC", "--tz goes with --cron"),
        ("add digits --every 1h --check-every 1m", "--check-every goes with --on-new-data"),
        ("add digits --every 1h --name A/b", "invalid schedule name"),
        ("add digits --every 1h --fresh-within 0s", "out of range"),
        ("add dgits --every 1h", "did you mean 'digits'"),
        ("add digits --every 1h --set train.epohcs=1", "did you mean 'epochs'"),
        ("add digits --every 1h --config /nowhere.toml", "cannot read the config file"),
        ("add ./nowhere.py:recipe --every 1h", "no recipe file"),
        ("add digits --every 1h --runner=X", "add --beam"),
        ("add digits --evry 1h", "--every"),
        ("list", "nothing ran in"),
        ("run --once --until 2027-01-01T00:00", "do not go together"),
    ],
)
def test_bad_input_is_one_clear_message_and_nothing_is_entered(ask, tmp_path, words, told):
    code, _, err = ask(words)
    assert code == 2
    assert told in err
    assert "Traceback" not in err
    assert not (tmp_path / "root" / "ledger.sqlite").exists()


def test_the_life_of_a_schedule(ask):
    assert ask(NIGHTLY)[0] == 0
    assert ask(NIGHTLY)[0] == 2  # there is one
    assert "did you mean 'nightly'" in ask("show nigthly")[2]
    code, out, _ = ask('pause nightly --reason "labels under repair"')
    assert (code, out) == (0, "paused: nightly, labels under repair\n")
    assert ask("pause nightly")[1] == "was paused: nightly, labels under repair\n"
    assert "paused, labels" in ask("list")[1]
    assert "labels under repair" in ask("show nightly")[1]
    assert "waits" in (ask("trigger nightly"), ask("history nightly"))[1][1]
    assert ask("trigger nightly")[0] == 2  # one waits
    assert ask("resume nightly")[1].startswith("resumed: nightly\nnext ")
    assert ask("resume nightly")[1].startswith("was not paused")
    assert ask("remove nightly")[0] == 0
    assert "the schedule was removed" in ask("history nightly --json")[1]
    assert ask("show nightly")[0] == 2


def test_json_says_it_all(ask):
    ask(NIGHTLY)
    ask("trigger nightly")
    (listed,) = json.loads(ask("list --json")[1])
    assert listed["trigger"] == {
        "kind": "cron",
        "expression": "0 3 * * *",
        "tz": "Europe/Zurich",
    }
    assert listed["last"]["kind"] == "manual"
    shown = json.loads(ask("show nightly --json")[1])
    assert len(shown["next_dues"]) == 3
    (tick,) = json.loads(ask("history nightly --json")[1])
    assert tick["outcome"] is None


def test_check_is_for_a_monitor(ask, tmp_path):
    ask("add digits --every 1h --name fine --fresh-within 1d")
    assert ask("check")[0] == 75  # no daemon was ever there
    watch, now = Watch(tmp_path / "root"), time.time()
    watch.beat("d", now)
    code, out, _ = ask("check")
    assert (code, out.splitlines()[0]) == (0, "fine   fine: active")
    old = Schedule(
        name="old",
        recipe="digits",
        created=now - 90_000,
        trigger=Every(seconds=100_000),
        fresh_within=86_400.0,
        max_failures=1,
    )
    store(tmp_path).add(old)
    code, out, _ = ask("check")
    assert code == 7
    assert "alarm  old: no success since" in out
    tick = store(tmp_path).trigger("old", now)
    store(tmp_path).finish(tick, outcome="failed", detail="no recipe 'x'", now=now)
    code, out, _ = ask("check --json")
    assert code == 7
    alarms = {s["name"]: s["alarm"] for s in json.loads(out)["schedules"]}
    assert alarms["fine"] is None
    assert "paused, 1 ticks in a row without success: no recipe 'x'" in alarms["old"]
    watch.beat("d", now - 100)
    store(tmp_path).remove("old", now)
    assert ask("check")[0] == 75
    assert ask("check --daemon-within 5m")[0] == 0


def test_a_tick_more_often_than_a_run_takes_is_told_with_the_arithmetic(ask, tmp_path):
    every = Schedule(name="x", recipe="r", created=0.0, trigger=Every(seconds=300))
    assert check_frequency(every, [299, 300, 100], 0.0) is None
    told = check_frequency(every, [700, 650, 1], 0.0)
    assert told == (
        "a run takes 650 s (median of 3), a tick is due every 300 s: 650 / 300 = 2.2, "
        "so that 1 tick in 3 can run, the others are skipped"
    )
    looks = Schedule(name="x", recipe="r", created=0.0, trigger=NewData(check_every=1))
    assert check_frequency(looks, [700], 0.0) is None
    ask("add digits --every 1m --name x")
    tick = store(tmp_path).trigger("x", time.time())
    assert store(tmp_path).take(tick, 1_000.0)
    tick = store(tmp_path).tick(tick.id)
    store(tmp_path).finish(tick, outcome="completed", now=1_100.0)
    assert "100 / 60 = 1.7, so that 1 tick in 2 can run" in ask("show x")[1]


def test_once_with_nothing_due_does_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "schedule", "run", "--once", "--root", str(tmp_path)],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "looks after" in done.stderr


@pytest.mark.parametrize("words", ["-h", "add -h", NIGHTLY, "list --json", "check", "show nightly"])
def test_no_command_loads_more_than_it_needs(ask, tmp_path, words):
    ask(NIGHTLY.replace("nightly", "another"))
    ask(NIGHTLY)
    if words == NIGHTLY:
        ask("remove nightly")
    code = (
        "from pipeline.cli.main import call\nimport sys\n"
        f"call(['schedule', *{shlex.split(words)!r}])\n"
        "print(*sys.modules, file=sys.__stderr__)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "tensorflow", "apache_beam", "keras", "pandas", "scipy", "matplotlib"}
    heavy |= {"sqlalchemy", "cronsim"} if "-h" in words else set()
    assert not heavy & set(process.stderr.split())


def test_every_command_has_help_with_an_example_that_parses():
    for name, command in group.commands.items():
        if command.hidden:
            continue
        text = command.get_help(click.Context(command, info_name=name))
        examples = re.findall(r"^  penstock schedule (.*)$", text, re.MULTILINE)
        assert examples, name
        for example in examples:
            first, *words = shlex.split(example.split(" > ")[0])
            with group.commands[first].make_context(first, words):
                pass
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"
