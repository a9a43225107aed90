"""The rendered files for other schedulers run the tick, also with special characters in paths."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import ConfigError
from pipeline.cli.main import call
from pipeline.schedule.emit.airflow import render_dag
from pipeline.schedule.emit.crontab import render_crontab
from pipeline.schedule.emit.job import Job, build_job
from pipeline.schedule.emit.kubernetes import render_cron_job
from pipeline.schedule.emit.systemd import render_units
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, NewData

WORDS = st.text(st.sampled_from("ab %\\'\"$`{}#!*;&|<>~é=()"), min_size=1, max_size=12)
NIGHTLY = Cron(expression="0 3 * * *", tz="Europe/Zurich")


def schedule(**more: Any) -> Schedule:
    given = {"name": "nightly", "recipe": "digits", "trigger": NIGHTLY, "created": 1.8e9}
    return Schedule(**{**given, **more})


def job(root: Path | str = "/srv/penstock", **more: Any) -> Job:
    return build_job(schedule(**more), Path(root), now=1.8e9)


def expected(root: str) -> list[str]:
    """One tick by hand, by this Python."""
    words = ["-P", "-m", "pipeline", "schedule", "tick", "nightly", "now", "--root", root]
    return [sys.executable, *words]


def as_cron_reads(line: str, special: str = "%") -> str:
    """A command as cron hands it to the shell, in its own steps.

    Args:
        special: what loses a backslash before it: cronie's %, Debian's % and backslash.
    """
    out, escaped = "", False
    for letter in line:
        if escaped:
            out = out[:-1] + letter if letter in special else out + letter
            escaped = False
            continue
        if letter == "%":
            return out
        escaped = letter == "\\"
        out += letter
    return out


def as_systemd_reads(line: str) -> list[str]:
    """The words of an `ExecStart=` whose words are all in double quotes, by systemd.syntax(7)."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in words]


def cron_line(text: str) -> tuple[list[str], str]:
    *_, line = text.splitlines()
    *when, command = line.split(" ", 5)
    return when, command


@given(WORDS, st.sampled_from(["%", "%\\"]))
def test_a_crontab_runs_the_tick_and_appends_to_the_log(name, special):
    root = f"/srv/{name}"
    when, command = cron_line(render_crontab(job(root, folder=f"{root}/work")))
    assert when == ["0", "3", "*", "*", "*"]
    words = shlex.split(as_cron_reads(command, special))
    log = f"{root}/schedules/nightly.cron.log"
    first = ["mkdir", "-p", "-m", "700", f"{root}/schedules", "&&"]
    second = ["(umask", "077", "&&", ":", f">>{log})", "&&", "(cd", f"{root}/work", "&&", "exec"]
    assert words == [*first, *second, *expected(root)[:-1], f"{root})", f">>{log}", "2>&1"]


@pytest.mark.slow
def test_a_crontab_line_keeps_the_exit_code(tmp_path):
    root = tmp_path / r"the root's 5% \%d $HOME"
    root.mkdir()
    _, command = cron_line(render_crontab(job(root, name="none")))
    ran = subprocess.run(["/bin/sh", "-c", as_cron_reads(command)], capture_output=True)
    assert ran.returncode == 2  # there is no such schedule
    assert ran.stdout + ran.stderr == b""
    log = root / "schedules" / "none.cron.log"
    assert log.read_text()
    assert [path.stat().st_mode & 0o777 for path in (log.parent, log)] == [0o700, 0o600]


def test_a_crontab_with_a_log_that_would_break_its_line_is_refused():
    with pytest.raises(ConfigError, match="invalid log path"):
        render_crontab(job(), Path("/tmp/two\nlines"))


def test_a_crontab_says_the_zone_only_of_a_wall_clock():
    assert "\nCRON_TZ=Europe/Zurich\n" in render_crontab(job())
    every = render_crontab(job(trigger=Every(seconds=21_600)))
    assert "CRON_TZ" not in every
    assert cron_line(every)[0] == ["0", "*/6", "*", "*", "*"]


def test_a_crontab_keeps_a_star_that_means_both():
    when, _ = cron_line(render_crontab(job(trigger=Cron(expression="0 3 */2 * MON"))))
    assert when == ["0", "3", "*/2", "*", "1"]


def test_a_line_that_cron_would_cut_is_refused():
    with pytest.raises(ConfigError, match="bytes"):
        render_crontab(job("/srv/" + "long/" * 120))


@given(WORDS)
def test_a_service_runs_the_tick(name):
    root = f"/srv/{name}x"
    service = render_units(job(root, folder=f"{root}/work"), user=None)["penstock-nightly.service"]
    line = next(line for line in service.splitlines() if line.startswith("ExecStart="))
    assert line.startswith('ExecStart=:"/')
    assert as_systemd_reads(line) == expected(root)
    assert f"\nWorkingDirectory={root.replace('%', '%%')}/work\n" in service


def test_a_service_stops_as_the_daemon_does_and_runs_as_its_user():
    service = render_units(job(), user="ann")["penstock-nightly.service"]
    for line in ("Type=oneshot", "TimeoutStopSec=30", "KillSignal=SIGTERM", "User=ann"):
        assert f"\n{line}\n" in service
    assert "User=" not in render_units(job(), user=None)["penstock-nightly.service"]


@pytest.mark.parametrize(
    ("trigger", "lines"),
    [
        (NIGHTLY, ["OnCalendar=*-*-* 03:00:00 Europe/Zurich"]),
        (
            Cron(expression="*/30 3 1,15 * FRI"),
            [
                "OnCalendar=*-*-01,15 03:00,30:00 UTC",
                "OnCalendar=Fri *-*-* 03:00,30:00 UTC",
            ],
        ),
        (
            Cron(expression="0 3 */10 1-3 MON"),
            ["OnCalendar=Mon *-01..03-01,11,21,31 03:00:00 UTC"],
        ),
        (Every(seconds=25_000), ["OnActiveSec=25000s", "OnUnitActiveSec=25000s"]),
        (NewData(check_every=600), ["OnActiveSec=600s", "OnUnitActiveSec=600s"]),
    ],
)
def test_a_timer_says_when(trigger, lines):
    timer = render_units(job(trigger=trigger), user=None)["penstock-nightly.timer"]
    assert [line for line in timer.splitlines() if line.startswith("On")] == lines


@pytest.mark.parametrize(("missed", "persistent"), [("once", "true"), ("skip", "false")])
def test_a_timer_makes_up_for_what_was_missed_if_the_schedule_does(missed, persistent):
    timer = render_units(job(missed=missed), user=None)["penstock-nightly.timer"]
    assert f"\nPersistent={persistent}\n" in timer


def operators(text: str) -> dict[str, str]:
    """The commands of a DAG by their tasks, read and not run."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    found = {}
    for node in calls:
        if getattr(node.func, "id", None) == "BashOperator":
            words = {keyword.arg: keyword.value for keyword in node.keywords}
            found[words["task_id"].value] = words["bash_command"].args[0].value
    return found


@given(WORDS)
def test_a_dag_runs_the_tick(name):
    root = f"/srv/{name}"
    (command,) = operators(render_dag(job(root))).values()
    assert shlex.split(command) == ["cd", root, "&&", "exec", *expected(root)]


@given(WORDS)
@settings(max_examples=30)
def test_a_dag_of_steps_runs_each_with_the_settings(value):
    made = render_dag(
        job(settings=(f"ingest.path={value}",), config_file="/srv/a.toml", serving="/srv/serving"),
        ["ingest", "train"],
    )
    commands = operators(made)
    assert list(commands) == ["ingest", "train"]
    words = shlex.split(commands["train"])
    given = ["--config", "/srv/a.toml", "--set", f"ingest.path={value}", "--serving"]
    assert words[8:] == [
        *("run", "digits", *given, "/srv/serving"),
        *("--only", "train", "--root", "/srv/penstock"),
    ]


@pytest.mark.parametrize(
    ("trigger", "when", "zone"),
    [
        (NIGHTLY, "schedule='0 3 * * *'", "tz='Europe/Zurich'"),
        (NewData(check_every=600), "schedule=timedelta(seconds=600)", "tz='UTC'"),
    ],
)
def test_a_dag_says_when(trigger, when, zone):
    text = render_dag(job(trigger=trigger, missed="all"))
    assert when in text
    assert zone in text
    assert "pendulum.datetime(2027, 1, 15, " in text
    assert "catchup=True" in text
    assert "max_active_runs=1" in text


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (only,) = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return only


@given(WORDS)
def test_a_cron_job_runs_the_tick(name):
    root = f"/srv/{name}"
    made = container(yaml.safe_load(render_cron_job(job(root), image="a/b:1")))
    assert made["command"] == ["penstock", *expected(root)[4:]]
    assert made["workingDir"] == root
    assert made["volumeMounts"] == [{"name": "root", "mountPath": root}]


def test_a_cron_job_never_runs_twice_nor_again():
    spec = yaml.safe_load(render_cron_job(job(), image="a/b:1", gpu=2, memory="8Gi"))["spec"]
    assert spec["schedule"] == "0 3 * * *"
    assert spec["timeZone"] == "Europe/Zurich"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": 2},
    }


def test_variables_of_targets_are_asked_for_by_name_alone():
    given = job(notify=("webhook=env:HOOK", "command=/bin/true"))
    made = container(yaml.safe_load(render_cron_job(given, image="a/b:1")))
    assert made["env"] == [
        {
            "name": "HOOK",
            "valueFrom": {"secretKeyRef": {"name": "penstock-nightly", "key": "HOOK"}},
        }
    ]
    service = render_units(given, user=None)["penstock-nightly.service"]
    assert "\nEnvironmentFile=/etc/penstock/nightly.env\n" in service
    assert "HOOK" in render_crontab(given)
    assert "HOOK" in render_dag(given)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: render_crontab(job(trigger=Every(seconds=25_200))), "every 25200 s"),
        (lambda: render_cron_job(job(trigger=Every(seconds=90)), image="a"), "every 90 s"),
        (lambda: render_cron_job(job(trigger=Cron(expression="0 3 */2 * MON")), image="a"), "both"),
        (lambda: render_dag(job(trigger=Cron(expression="0 3 */2 * MON"))), "both"),
        (lambda: render_crontab(job(trigger=Cron(expression="0 3 L * *"))), "other schedulers"),
        (lambda: render_cron_job(job(name="n" * 60), image="a"), "too long"),
        (lambda: render_cron_job(job(), image="a", memory="much"), "--memory"),
        (lambda: render_crontab(job("/srv/two\nlines")), "two\\nlines"),
    ],
)
def test_a_schedule_that_the_scheduler_cannot_express_is_refused(make: Callable[[], str], says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        make()


def test_add_refuses_a_target_that_would_keep_a_secret(tmp_path, capsys):
    words = ["schedule", "add", "digits", "--every", "6h", "--root", str(tmp_path / "root")]
    assert call([*words, "--notify", "webhook=https://ann:hunter2@host/"]) == 2
    said = capsys.readouterr().err
    assert "webhook=env:VARIABLE" in said
    assert "hunter2" not in said
    assert not (tmp_path / "root").exists()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    with ScheduleStore(root) as store:
        store.add(schedule())
    return root


@pytest.mark.parametrize("scheduler", ["cron", "systemd", "airflow", "kubernetes"])
def test_the_command_prints_what_it_would_write(root, tmp_path, capsys, scheduler):
    words = ["schedule", "emit", "nightly", "--as", scheduler, "--root", str(root)]
    words += ["--image", "a/b:1"] if scheduler == "kubernetes" else []
    assert call(words) == 0
    printed = capsys.readouterr().out
    assert call([*words, "--output", str(tmp_path / "out")]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert files
    assert all(file.read_text() in printed for file in files)


def test_the_command_takes_the_steps_from_the_recipe(root, capsys):
    words = ["schedule", "emit", "nightly", "--as", "airflow", "--granularity", "steps"]
    assert call([*words, "--root", str(root)]) == 0
    steps = ["ingest", "normalize", "train", "evaluate", "export"]
    assert list(operators(capsys.readouterr().out)) == steps


def test_the_recipe_is_looked_for_where_the_schedule_was_added(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "own_steps.py").write_text("from pipeline.recipes.digits import digits as own\n")
    monkeypatch.chdir(tmp_path)
    add = ["schedule", "add", "./own_steps.py:own", "--every", "6h", "--name", "mine"]
    assert call([*add, "--root", f"{tmp_path}/root"]) == 0
    monkeypatch.chdir(tmp_path / "elsewhere")
    emit = ["schedule", "emit", "mine", "--as", "airflow", "--granularity", "steps"]
    assert call([*emit, "--root", "../root", "--output", "dags"]) == 0
    assert (tmp_path / "elsewhere" / "dags" / "penstock-mine.py").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["other", "--as", "cron"], "other"),
        (["nightly", "--as", "kubernetes"], "--image"),
        (["nightly", "--as", "cron", "--gpu", "1"], "--as kubernetes"),
        (["nightly", "--as", "systemd", "--granularity", "steps"], "--as airflow"),
        (["nightly", "--as", "kubernetes", "--image", "a", "--gpu", "-1"], "--gpu"),
    ],
)
def test_bad_usage_exits_with_2(root, capsys, words, says):
    assert call(["schedule", "emit", *words, "--root", str(root)]) == 2
    assert says in capsys.readouterr().err


def test_a_folder_that_is_a_file_cannot_be_written(root, tmp_path, capsys):
    (tmp_path / "file").touch()
    words = ["schedule", "emit", "nightly", "--as", "cron", "--root", str(root)]
    assert call([*words, "--output", str(tmp_path / "file" / "under")]) == 75
    assert "cannot be written" in capsys.readouterr().err
