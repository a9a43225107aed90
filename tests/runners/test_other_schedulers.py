"""What is emitted, read and run by those for whom it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import clusters
import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.cli.main import call
from pipeline.schedule.emit.job import Clock, build_job
from pipeline.schedule.emit.systemd import on_calendar, render_units
from pipeline.schedule.emit.times import Times
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, NewData, Trigger
from pipeline.storage.ledger import Ledger

pytestmark = [pytest.mark.runners]
TRIGGERS = [
    Cron(expression="0 3 * * *", tz="Europe/Zurich"),
    Cron(expression="*/10 8-18 1,15 * MON-FRI", tz="America/New_York"),
    Every(seconds=21_600),
    NewData(check_every=600),
]
Emit = Callable[..., Path]


@pytest.fixture
def emitted(tmp_path: Path) -> Emit:
    """A schedule's files for another scheduler, from a root that has to be quoted."""
    root = tmp_path / "the root's {{ ds }} $HOME 5%"
    root.mkdir()

    def emit(
        scheduler: str, trigger: Trigger = TRIGGERS[0], *words: str, config: str | None = None
    ) -> Path:
        schedule = Schedule(
            name="nightly",
            recipe="digits",
            trigger=trigger,
            created=datetime(2026, 11, 1, tzinfo=UTC).timestamp(),
            settings=(config,) if config else (),
            notify=("webhook=env:HOOK",),
        )
        with ScheduleStore(root) as store:
            store.add(schedule)
        given = ["nightly", "--as", scheduler, "--root", str(root), "--output", str(tmp_path)]
        assert call(["schedule", "emit", *given, *words]) == 0
        return root

    return emit


def need(name: str) -> None:
    if reason := clusters.missing(name):
        pytest.skip(reason)


def done(words: list[Any], **more: Any) -> str:
    """What a program printed, all of it."""
    ran = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_systemd_finds_nothing_wrong(emitted, tmp_path, trigger):
    need("systemd-analyze")
    emitted("systemd", trigger)
    files = [tmp_path / f"penstock-nightly.{kind}" for kind in ("service", "timer")]
    assert done(["systemd-analyze", "verify", "--man=no", *files]) == ""


def loaded(units: dict[str, str]) -> str:
    """All that systemd knows of the units once it has read them, by its own test mode."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # root may not ask
        for name, text in units.items():
            (Path(folder) / name).write_text(text)
        ask = ["setpriv", "--reuid", "nobody", "--clear-groups"] if os.geteuid() == 0 else []
        ask += ["/lib/systemd/systemd", "--test", "--user", f"--unit={min(units)}"]
        env = {"SYSTEMD_UNIT_PATH": f"{folder}:", "HOME": folder, "XDG_RUNTIME_DIR": folder}
        return done(ask, env={**env, "PATH": os.environ["PATH"]})


@settings(max_examples=25, deadline=None)
@given(st.text(st.sampled_from("ab %\\'\"$`{}#!*;&|<>~é=()"), max_size=12))
def test_systemd_would_run_the_tick(name):
    need("systemd-analyze")
    root = f"/srv/{name}x"
    schedule = Schedule(name="nightly", recipe="digits", trigger=TRIGGERS[0], created=0.0)
    job = build_job(schedule, Path(root), now=0.0)
    (line,) = re.findall(
        r"Command Line: (.* tick nightly .*)", loaded(render_units(job, user=None))
    )
    words = done(["sh", "-c", f"printf '%s\\n' {line}"])  # quoted for a shell
    assert words.splitlines() == list(job.command)


def elapses(calendar: str, base: datetime, many: int) -> list[datetime]:
    """When systemd says that an `OnCalendar=` is due."""
    at = f"--base-time={base:%Y-%m-%d %H:%M:%S} UTC"
    words = ["systemd-analyze", "calendar", at, f"--iterations={many}", calendar]
    printed = done(words, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    found = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", printed)
    return [datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for text in found]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(1, 7).map("*/{}".format)
    several = st.lists(st.one_of(number.map(str), span, step), min_size=1, max_size=3)
    return st.one_of(st.just("*"), several.map(",".join))


EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(
    " ".join
)
ZONES = st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Honolulu"])  # never change their offset
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def dates(expression: str, zone: str, base: datetime) -> list[datetime]:
    """The next five by cronsim, unless that is never, or in the far future."""
    try:
        due = list(islice(CronSim(expression, base.astimezone(ZoneInfo(zone))), 5))
    except CronSimError:
        return []
    return [d.astimezone(UTC) for d in due] if due[-1] - base < timedelta(days=7300) else []


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, ZONES, MOMENTS)
def test_systemd_is_due_when_cron_is(expression, zone, base):
    need("systemd-analyze")
    expected = dates(expression, zone, base)
    assume(expected)
    calendars = on_calendar(Clock(times=Times.of(expression), zone=zone))
    due = {moment for calendar in calendars for moment in elapses(calendar, base, 5)}
    assert sorted(due)[:5] == expected


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_cron_takes_the_crontab(emitted, tmp_path, trigger):
    need("crontab")
    emitted("cron", trigger)
    printed = done(["crontab", "-n", tmp_path / "penstock-nightly.cron"])
    assert "success" in printed


@pytest.mark.parametrize("trigger", TRIGGERS[::2], ids=lambda trigger: type(trigger).__name__)
def test_kubernetes_knows_every_field(emitted, tmp_path, trigger):
    need("kubernetes")
    emitted("kubernetes", trigger, "--image", "registry.example.org/penstock:1", "--gpu", "2")
    python = clusters.FETCHED / "kubernetes" / "bin" / "python"
    manifest = tmp_path / "penstock-nightly.yaml"
    assert "passed" in done([python, "-m", "kubernetes_validate", "--strict", manifest])
    wrong = manifest.read_text().replace("backoffLimit: 0", "backoffLimit: none")
    (tmp_path / "wrong.yaml").write_text(wrong)
    with pytest.raises(AssertionError, match="backoffLimit"):
        done([python, "-m", "kubernetes_validate", "--strict", tmp_path / "wrong.yaml"])


@pytest.fixture(scope="module")
def airflow(tmp_path_factory) -> Callable[..., str]:
    """Airflow's Python, with a database of its own."""
    need("airflow")
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    python = clusters.FETCHED / "airflow" / "bin" / "python"
    env = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    def run(*words: str, dag: Path | None = None, stdin: str | None = None) -> str:
        if dag:
            (home / "dags" / dag.name).write_text(dag.read_text())
        return done([python, *words], env=env, cwd=home, input=stdin)

    run("-m", "airflow", "db", "migrate")
    return run


NEXT = """
import json, pendulum, sys
from airflow.timetables.trigger import CronTriggerTimetable
for expression, zone, base in json.load(sys.stdin):
    timetable = CronTriggerTimetable(expression, timezone=zone)
    moments = [pendulum.parse(base)]
    for _ in range(5):
        moments.append(timetable._get_next(moments[-1]))
    print(json.dumps([moment.timestamp() for moment in moments[1:]]))
"""


def test_airflow_is_due_when_cron_is(airflow):
    """Airflow takes seconds to be imported: all examples are asked for at once."""
    asked: list[tuple[str, str, str]] = []
    expected: list[list[float]] = []

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(EXPRESSIONS, ZONES, MOMENTS)
    def collect(expression: str, zone: str, base: datetime) -> None:
        due = dates(expression, zone, base)
        if due and not Times.of(expression).needs_both:
            asked.append((Times.of(expression).cron(), zone, base.isoformat()))
            expected.append([moment.timestamp() for moment in due])

    collect()
    assert len(asked) > 50
    answers = airflow("-c", NEXT, stdin=json.dumps(asked)).splitlines()
    assert [json.loads(line) for line in answers if line.startswith("[")] == expected


@pytest.mark.parametrize("granularity", ["run", "steps"])
def test_airflow_runs_the_dag_to_success(airflow, emitted, tmp_path, granularity):
    root = emitted("airflow", TRIGGERS[0], "--granularity", granularity)
    airflow(
        "-m", "airflow", "dags", "test", "penstock-nightly", dag=tmp_path / "penstock-nightly.py"
    )
    assert (root / "serving" / "digits" / "1" / "saved_model.pb").is_file()
    with Ledger.existing(root) as ledger:
        assert len(ledger.runs()) == {"run": 1, "steps": 5}[granularity]


def test_airflow_fails_a_task_whose_verdict_is_failed(airflow, emitted, tmp_path):
    root = emitted("airflow", TRIGGERS[2], config="train.epochs=1")
    with pytest.raises(AssertionError, match="non-zero exit code 3"):
        airflow(
            "-m",
            "airflow",
            "dags",
            "test",
            "penstock-nightly",
            dag=tmp_path / "penstock-nightly.py",
        )
    assert not (root / "serving").exists()
