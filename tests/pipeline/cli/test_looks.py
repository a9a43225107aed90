"""What the listings look like at 60, 80 and 120 columns, in ASCII and in colour.

Each file in `snapshots/` holds one listing. To renew one, delete it and run the test: it writes the
file, and fails once.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from components.ingest import Config as Ingest
from data.files.documents import add_schema_number
from data.files.durable_files import write_json
from data.sources.file_source import LeftOut
from data.spec import ImageSpec
from pipeline.cli.data import print_look
from pipeline.cli.main import call
from pipeline.console.live_view import plan_listing
from pipeline.console.terminal import Console
from pipeline.console.verdict_table import verdict_table
from pipeline.inspection.dataset.choose import choose_settings
from pipeline.inspection.dataset.look import Look
from pipeline.inspection.dataset.survey import BadFile, Duplicate, Survey
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import NewData
from pipeline.storage.artifact_store import Slot
from pipeline.storage.ledger import Ledger
from pipeline.storage.tables import Execution, Run
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.push import push

SNAPSHOTS = Path(__file__).with_name("snapshots")
WIDTHS = (60, 80, 120)
NOON = 1_795_694_400.0  # 2026-11-26 12:00 UTC
DAY = 86_400.0
# headings of values that stand in the first line of a block, without their heading
TITLES = {*["run", "status", "step", "version", "name", "due", "outcome", "span", "state", "rule"]}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that returns what `show()` prints on a terminal, or in a pipe where width is 0."""

    def render(show: Callable[[], object], *, width: int, colour: bool) -> str:
        content = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.delenv("NO_COLOR", raising=False)
            patch.setenv("TERM", "xterm-256color")
            if width:
                patch.setenv("COLUMNS", str(width))
            else:
                patch.delenv("COLUMNS", raising=False)
            if colour:
                patch.setenv("FORCE_COLOR", "1")
            else:
                patch.delenv("FORCE_COLOR", raising=False)
            encoding = "utf-8" if colour else "ascii"
            stream = io.TextIOWrapper(content, encoding, write_through=True)
            patch.setattr(sys, "stdout", stream)
            show()
        return content.getvalue().decode(encoding)

    return render


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root of three runs, two schedules, a model of four versions, and spans."""
    folder = tmp_path_factory.mktemp("looks")
    root = folder / "root"
    root.mkdir()
    with Ledger(root) as ledger:
        for number, (status, seconds, code) in enumerate(
            [("completed", 42.1, 3), ("interrupted", 7.25, 130), ("completed", 47.5, 0)]
        ):
            verdict = {3: "failed", 0: "passed"}.get(code)
            enter_run(ledger, root, number, status, seconds, code, verdict)
    with ScheduleStore(root) as store:
        enter_schedules(store)
    push_versions(root / "serving" / "digits", folder)
    for name in ("8", "9.v2", "10"):
        (folder / f"day-{name}").mkdir()
    words = ["digits", "--set", "ingest.source=idx", "--set", f"ingest.path={folder}/day-{{SPAN}}"]
    why = "the labels of two classes were exchanged by the scanner"
    options = ["--root", str(root), "--reason", why, "--by", "ana"]
    assert call(["span", "exclude", "10", *words, *options]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def enter_run(
    ledger: Ledger,
    root: Path,
    number: int,
    status: Any,
    seconds: float,
    code: int,
    verdict: str | None,
) -> None:
    run = Run(
        id=f"20261126-12000{number}-digits-00a{number}",
        pipeline="digits",
        status=status,
        started=NOON + number,
        config={},
        verdict=verdict,
        exit_code=code,
        seconds=seconds,
    )
    ledger.start_run(run)
    steps: list[tuple[str, Any, str | None]] = [
        ("ingest", "cached", None),
        ("train", "completed" if verdict else "interrupted", None if verdict else "interrupted"),
    ]
    if verdict:
        steps.append(("evaluate", "completed", None))
    for index, (step, status_, error) in enumerate(steps):
        fingerprint = f"{number}{index}" * 16
        artifacts: dict[str, tuple[str, Any]] = {}
        if step == "evaluate":
            facts = {"path": "verdict", "status": verdict, "model_digest": "0" * 64}
            artifacts = {"verdict": ("Verdict", facts)}
            folder = Slot.of(root, "components.evaluate", fingerprint).path / "verdict"
            folder.mkdir(parents=True)
            content = VERDICTS["failed" if verdict == "failed" else "passed"]
            write_json(folder / "verdict.json", add_schema_number("verdict.json", content))
        execution = Execution(
            run_id=run.id,
            step=step,
            component=f"components.{step}",
            fingerprint=fingerprint,
            status=status_,
            seconds=seconds / 3,
            error=error,
        )
        ledger.record(execution, artifacts, [])
    folder = root / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "report.html").touch()


def enter_schedules(store: ScheduleStore) -> None:
    nightly = Cron(expression="0 3 * * *", tz="Europe/Zurich")
    store.add(
        Schedule(
            name="nightly",
            recipe="mnist",
            trigger=nightly,
            created=NOON,
            settings=("ingest.path=/data/day-{YYYY}-{MM}-{DD}", "ingest.window=7"),
            folder="/srv/flowers",
            fresh_within=2 * DAY,
            notify=("command=/usr/local/bin/notify",),
        )
    )
    store.add(
        Schedule(name="on-arrival", recipe="digits", trigger=NewData(check_every=60), created=NOON)
    )
    store.pause("on-arrival", "labels under repair", NOON)
    for hours, outcome in enumerate(
        [
            {"outcome": "nothing new", "detail": "the data is the same"},
            {
                "outcome": "completed",
                "run_id": "20261126-120000-digits-00a0",
                "verdict": "failed",
                "detail": "not worse than baseline overall: 14.07 points worse (11.42 to 17.21)",
            },
            {"outcome": "nothing new", "detail": "the data is the same"},
            {"outcome": "nothing new", "detail": "the data is the same"},
            {
                "outcome": "completed",
                "run_id": "20261126-120002-digits-00a2",
                "verdict": "passed",
                "detail": "version 2",
            },
        ]
    ):
        now = NOON + 3600 * hours
        tick = store.trigger("nightly", now)
        assert store.take(tick, now)
        (tick,) = store.ticks_of("nightly", 1)
        store.finish(tick, now=now + 61.5, **outcome)


def push_versions(model: Path, folder: Path) -> None:
    spec = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))
    records: list[dict[str, Any]] = [
        {"accuracy": 0.9812, "verdict": "passed", "run": "20261126-120000-digits-00a0"},
        {
            "accuracy": 0.9401,
            "verdict": "failed",
            "by": "jo",
            "override": ["not worse than baseline overall"],
            "reason": "class 9 is relabelled, and the old model does not know it",
        },
        {"accuracy": 0.9923, "verdict": "passed", "run": "20261126-120002-digits-00a2"},
    ]
    for number, record in enumerate(records):
        bundle = folder / f"bundle-{number}"
        bundle.mkdir()
        (bundle / "saved_model.pb").write_bytes(bytes([number]))
        write_manifest(bundle, spec, {})
        push(bundle, model.parent, model.name, record={"time": NOON + number, **record})
    (model / "7").mkdir()


def rule(name: str, status: str, needed: str, reason: str, kind: str = "floor") -> dict[str, Any]:
    return {"name": name, "kind": kind, "status": status, "needed": needed, "reason": reason}


def metrics(accuracy: float, examples: int) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.02, accuracy + 0.005],
        "examples": examples,
        "loss": 0.057,
    }


def verdict(status: str, accuracy: float, rules: list[dict[str, Any]]) -> dict[str, Any]:
    candidate = {"overall": metrics(accuracy, 391), "classes": {"7": metrics(accuracy - 0.1, 36)}}
    baseline = {"overall": metrics(0.9923, 391)} if status == "failed" else None
    return {
        "status": status,
        "reasons": [],
        "suspect_the_data": None,
        "model": {"digest": "d5368d3f9b9d" * 5},
        "baseline": {"version": 1, "digest": "9f4da199d3ad" * 5} if baseline else None,
        "data": {"split": "test", "digest": "9b41d532607f" * 5},
        "code": {"penstock": "1.0", "tensorflow": "2.21.0", "tensorflow-model-analysis": "0.52.0"},
        "confidence": 0.95,
        "metrics": {"candidate": candidate, "baseline": baseline},
        "weakest_class": {"name": "7"},
        "rules": rules,
    }


SANITY = [
    rule(name, "passed", "a finite number", "0 weights are NaN or infinite", "sanity")
    for name in ("no NaN", "not constant", "parity")
]
LOST = "of 391 images 55 are lost and 0 won: 14.07 points worse (11.42 to 17.21), p = 5e-05"
VERDICTS = {
    "passed": verdict(
        "passed",
        0.9923,
        [
            rule("not worse than baseline overall", "not applicable", "1.5", "no model served"),
            rule("not worse than baseline each class", "not applicable", "30", "no model served"),
            rule("not worse than best overall", "not applicable", "2.5", "no version was pushed"),
            rule("accuracy overall", "passed", "at least 0.94", "0.9923 (0.9777 to 0.9974)"),
            *SANITY,
        ],
    ),
    "failed": verdict(
        "failed",
        0.8517,
        [
            rule("accuracy each class", "passed", "at least 0.75", "7: 0.7517 (0.7317 to 0.7567)"),
            rule(
                "not worse than baseline overall",
                "failed",
                "not shown worse by more than 1.5 points, 95 % sure",
                LOST,
                "paired",
            ),
            *SANITY,
        ],
    ),
}
PLAN = [
    ("ingest", True, ()),
    ("train", False, ("config.epochs 40 → 1", "code of flowers/models.py changed")),
    ("evaluate", False, (f"config.against.baseline none → {'9f4da199d3ad' * 6}"[:98],)),
    ("export", False, ("its input changed",)),
]


def see() -> Look:
    """A look at a table of photographs in which something of everything is wrong."""
    survey = Survey(
        class_names=("cat", "dog\n", "rhea"),
        counts={"train": Counter({"cat": 1200, "dog\n": 31}), "test": Counter({"cat": 300})},
        sizes=Counter({(3024, 4032): 900, (480, 640): 531, (1, 1): 100}),
        formats=Counter({"JPEG RGB": 1500, "PNG palette": 31}),
        orientations=Counter({6: 12}),
        total_bytes=2_345_678_901,
        bad=[BadFile("train/cat/1.jpg", "it is empty"), BadFile("2.gif", "its header is damaged")],
        left_out=[LeftOut(".DS_Store", "hidden")],
        duplicates=[Duplicate(("train/cat/3.jpg", "test/cat/4.jpg"), ("cat",), ("test", "train"))],
    )
    survey.groups["ana"].update(train=7, test=1)
    config, why = choose_settings(
        Ingest(source="table", path="photos.csv"), set(), survey, of_files=True
    )
    return Look(config, why, (), survey, decoded=True, of_files=True)


def command(words: str) -> Callable[[], object]:
    return lambda: call([*shlex.split(words), "--root", "root"])


LISTINGS: dict[str, Callable[[], object]] = {
    "runs": command("runs"),
    "show": command("show latest"),
    "serving": command("serving digits"),
    "schedule-list": command("schedule list"),
    "schedule-show": command("schedule show nightly"),
    "schedule-history": command("schedule history nightly"),
    "span-list": command("span list digits --set ingest.source=idx --set ingest.path=day-{SPAN}"),
    "recipes": lambda: call(["recipes"]),
    "gate": lambda: Console().print(verdict_table(VERDICTS["failed"], all_rules=True)),
    "data": lambda: print_look(see(), "photos.png"),
    "plan": lambda: Console().print(plan_listing(PLAN)),
    "verdict-passed": lambda: Console().print(verdict_table(VERDICTS["passed"])),
    "verdict-failed": lambda: Console().print(verdict_table(VERDICTS["failed"])),
}


def mask(text: str, folder: Path) -> str:
    """Replace what differs from one machine or day to another by as many characters."""
    text = text.replace("\x1b", "␛").replace(str(folder), "FOLDER")
    return re.sub(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])", "0123456789ab", text)


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_looks_as_in_its_snapshot(name, printed, folder) -> None:
    parts = []
    for width in WIDTHS:
        for style in ("ASCII", "colour"):
            text = printed(LISTINGS[name], width=width, colour=style == "colour")
            parts.append(f"# {width} columns, {style}\n{mask(text, folder)}")
            plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(str(folder), "FOLDER")
            assert max(map(cell_len, plain.splitlines())) <= width
    content, snapshot = "\n".join(parts), SNAPSHOTS / f"{name}.txt"
    if not snapshot.exists():
        snapshot.write_text(content)
        pytest.fail(f"{snapshot} is new: look at it")
    assert content == snapshot.read_text()


@pytest.mark.parametrize("name", LISTINGS)
def test_in_a_pipe_each_row_is_one_line_and_nothing_is_cut(name, printed) -> None:
    piped, wide = (printed(LISTINGS[name], width=width, colour=False) for width in (0, 1000))
    assert piped == wide
    assert "~" not in piped
    assert not re.search(r" $", piped, re.MULTILINE)


@pytest.mark.parametrize("name", [n for n in LISTINGS if n not in ("plan", "recipes")])
def test_what_stands_at_120_columns_stands_at_60(name, printed) -> None:
    wide, narrow = (printed(LISTINGS[name], width=width, colour=False) for width in (1000, 60))
    missing = set(re.findall(r"[\w.%-]+", wide)) - set(re.findall(r"[\w.%-]+", narrow))
    assert missing <= TITLES


@pytest.mark.parametrize(
    "words",
    [
        "runs",
        "show latest",
        "serving digits",
        "schedule list",
        "schedule show nightly",
        "schedule history nightly",
        "schedule check --without-daemon",
        "span list digits --set ingest.source=idx --set ingest.path=day-{SPAN}",
        "trust",
    ],
)
def test_each_listing_is_there_as_json(words, capsys) -> None:
    call([*shlex.split(words), "--json", "--root", "root"])
    assert isinstance(json.loads(capsys.readouterr().out), dict | list)


def test_recipes_as_json(capsys) -> None:
    assert call(["recipes", "--json"]) == 0
    assert {"recipe", "description"} == set(json.loads(capsys.readouterr().out)[0])


def test_an_ambiguous_run_lists_the_runs_that_it_could_be(capsys) -> None:
    assert call(["show", "20261126", "--root", "root"]) == 2
    error = capsys.readouterr().err
    assert "is the beginning or end of 3 run ids" in error
    for number in range(3):
        assert f"20261126-12000{number}-digits-00a{number}" in error
    assert call(["show", "00a1", "--root", "root"]) == 0
