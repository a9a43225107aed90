from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from data.errors import BadDataError, ConfigError, EnvironmentTrouble, StepError
from data.files.documents import SCHEMAS, check_schema
from pipeline import exit_codes, recipes
from pipeline.cli.main import call, penstock
from pipeline.console.error_message import explain
from pipeline.run import run

HOME = Path(__file__).parents[3]
HEAVY = (
    "tensorflow",
    "apache_beam",
    "tensorflow_model_analysis",
    "keras",
    "numpy",
    "pandas",
    "matplotlib",
    "PIL",
)


def loaded_by(code: str) -> set[str]:
    """Which modules a fresh process has loaded after running the code."""
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules, file=sys.__stderr__)"],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(process.stderr.split())


def test_help_loads_click_and_nothing_else():
    loaded = loaded_by("from pipeline.cli.main import call\nassert call(['--help']) == 0")
    assert not loaded & {*HEAVY, "sqlalchemy", "cattrs", "rich"}


def test_the_help_of_no_command_loads_more_than_the_command_needs():
    words = [words for words, _ in leaves(penstock())]
    loaded = loaded_by(
        "from pipeline.cli.main import call\n"
        f"for words in {words!r}: assert call([*words, '--help']) == 0"
    )
    assert not loaded & set(HEAVY)


def test_the_help_of_a_group_stands_in_its_table():
    for group in (penstock(), penstock().commands["schedule"], penstock().commands["span"]):
        listed = {n: text for part in group.sections.values() for n, (_, text) in part.items()}
        text = group.get_help(click.Context(group, terminal_width=80))
        for name, line in listed.items():
            assert re.search(rf"^  {name} +{re.escape(line)}$", text, re.MULTILINE)
            assert group.commands[name].name == name
        assert set(group.commands) - set(listed) <= {"tick"}


@pytest.mark.parametrize(
    "command", ["runs", "show latest", "gate latest", "run digits", "config digits", "recipes"]
)
def test_no_command_loads_more_than_it_needs(command, root):
    loaded = loaded_by(
        "from pipeline.cli.main import call\n"
        f"call({[*shlex.split(command)]!r} + {root_option(command, root)!r})"
    )
    assert not loaded & set(HEAVY)


def root_option(command: str, root: Path) -> list[str]:
    return [] if command in ("config digits", "recipes") else ["--root", str(root)]


def leaves(group: click.Group, *words: str) -> Iterator[tuple[list[str], click.Command]]:
    """Every command that does something, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *words, name)
        else:
            yield [*words, name], command


def test_every_command_has_help_with_an_example_that_parses():
    commands = {" ".join(words): command for words, command in leaves(penstock())}
    for name, command in commands.items():
        context = click.Context(command, info_name=name)
        text = command.get_help(context)
        assert len(text.split("\n\n")) >= 3
        examples = re.findall(r"^  (penstock .*)$", text, re.MULTILINE)
        assert examples, name
        for example in examples:
            words = shlex.split(example.split(" > ")[0])[1:]
            called = " ".join(words[:2]) if words[0] not in commands else words[0]
            with commands[called].make_context(called, words[len(called.split()) :]):
                pass  # parsed: unknown options or missing arguments would have raised
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"


def test_recipes_state_accuracy_and_time(capfd):
    assert call(["recipes"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == recipes.list_recipes()
    for line in lines:
        assert re.search(r"accuracy 0\.\d+", line), line
        assert re.search(r"\d+ s", line), line


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a"), 2),
        (BadDataError("a"), 5),
        (StepError("a"), 6),
        (EnvironmentTrouble("a"), 75),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("a"), 1),
    ],
)
def test_each_kind_of_end_has_its_own_exit_code_and_one_message(error, code, capfd):
    assert explain(error, debug=False) == code
    told = capfd.readouterr().err
    assert told.startswith("penstock: ")
    assert "Traceback" not in told


def test_the_documented_exit_codes_are_the_real_ones():
    documented = re.findall(
        r"^\| `?(\d+)`? \|", (HOME / "docs/reference/exit-codes.md").read_text(), re.MULTILINE
    )
    real = [v for k, v in vars(exit_codes).items() if k.isupper() and not k.startswith("_")]
    assert sorted(map(int, documented)) == sorted(real)


def test_a_traceback_only_with_debug(capfd):
    for debug in (False, True):
        try:
            raise BadDataError("broken")
        except BadDataError as error:
            explain(error, debug=debug)
        assert ("Traceback" in capfd.readouterr().err) == debug


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("run mnits", 2, "did you mean 'mnist'"),
        ("run digits --set train.epohcs=1", 2, "did you mean 'epochs'"),
        ("run digits --set ingest.source=idxx", 2, "did you mean 'idx'"),
        ("run digits --only trian", 2, "did you mean 'train'"),
        ("run digits --root /dev/null/x", 75, "is not writable"),
        ("run digits --config /nowhere.toml", 2, "cannot read the config file"),
        ("run digits --set ingest.source=idx", 2, "needs ingest.path"),
        ("config digits --set ingest.source=idx", 2, "needs ingest.path"),
        ("schedule add mnist --every 1d --set ingest.path=x", 2, "cannot use ingest.path"),
        ("run digits --set ingest.source=idx --set ingest.path=/nowhere", 5, "/nowhere"),
        ("rnu digits", 2, "rnu"),
        ("run digits --setting x", 2, "--setting"),
        ("show latest", 2, "nothing ran in"),
        ("run image_folder", 2, "needs ingest.path"),
        ("data /nowhere", 5, "/nowhere does not exist"),
        ("predict /nowhere a.png", 5, "a.png does not exist"),
        (f"predict /nowhere {__file__}", 5, "not a model"),
    ],
)
def test_bad_input_is_one_clear_message_and_its_exit_code(
    words, code, told, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("PENSTOCK_ROOT", str(tmp_path / "root"))
    assert call(shlex.split(words)) == code
    error = capfd.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not list((tmp_path / "root").glob("artifacts/*/*/*"))


@pytest.mark.parametrize(
    "words",
    [
        ["run", "digits", "--root", "gs://bucket/x"],
        ["run", "digits", "--serving", "s3://bucket/models"],
        ["submit", "digits", "--root", "hdfs://host/x", "--runner=FlinkRunner"],
        ["runs", "--root", "gs://bucket/x"],
        ["push", "latest", "--serving", "gs://bucket/models"],
        ["schedule", "add", "digits", "--every", "1h", "--serving", "gs://bucket/models"],
    ],
)
@pytest.mark.parametrize("by_variable", [False, True])
def test_a_url_is_no_place_to_write_to(words, by_variable, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if by_variable:
        monkeypatch.setenv("PENSTOCK_ROOT", "gs://bucket/x")
    assert call(words) == exit_codes.BAD_CONFIG
    assert "cannot be a URL" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nor_is_a_url_that_was_made_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folders in ({"root": Path("gs://b/x")}, {"root": tmp_path, "serving_dir": Path("s3://b")}):
        with pytest.raises(ConfigError, match="cannot be a URL"):
            run(recipes.build("digits"), **folders)
    assert not list(tmp_path.iterdir())


def test_new_makes_a_project_once(tmp_path, capfd):
    assert call(["new", str(tmp_path / "mine")]) == 0
    assert {p.name for p in (tmp_path / "mine").iterdir()} >= {"recipe.py", "README.md"}
    assert call(["new", str(tmp_path / "mine")]) == 2
    assert "is not empty" in capfd.readouterr().err


def test_shadowed_packages_are_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("")
    process = subprocess.run(
        [sys.executable, "-c", "from pipeline.cli.main import main; main()", "recipes"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{HOME}", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    assert f"{tmp_path}/data/__init__.py shadows" in process.stderr


def test_import_paths_lead_to_the_working_folder_and_nothing_there_shadows_ours(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("")
    (tmp_path / "mine.py").write_text(
        "from pipeline.recipes.digits import digits\nimport beside\n\nrecipe = digits\n"
    )
    (tmp_path / "beside.py").write_text("")
    penstock = Path(sys.executable).with_name("penstock")
    process = subprocess.run(
        [penstock, "config", "mine:recipe"], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert '\nname = "digits"\n' in process.stdout


def test_python_m_pipeline_is_the_same_command():
    process = subprocess.run(
        [sys.executable, "-m", "pipeline", "recipes"], cwd=HOME, capture_output=True, text=True
    )
    assert process.returncode == 0
    assert "digits" in process.stdout


def test_every_json_that_a_run_leaves_has_its_schema_number(finished_root):
    theirs = {"dataset_info.json", "features.json", "keras_metadata.json"}  # libraries'
    found = set()
    for path in finished_root.rglob("*.json*"):
        if path.name not in theirs:
            text = path.read_text()
            for content in map(
                json.loads, text.splitlines() if path.suffix == ".jsonl" else [text]
            ):
                assert check_schema(path.name, content, path)
            found.add(path.name)
    assert found >= set(SCHEMAS) - {
        *("checkpoint", "upstream.json"),  # of a training that was interrupted
        *("worker_events.jsonl", "submission.json"),  # of a run on a cluster
    }


def test_doctor(tmp_path, capfd):
    assert call(["doctor", "--root", str(tmp_path / "root")]) == 0
    told = capfd.readouterr().out
    for word in ("Python", "tensorflow", "GPUs", "root", "disk", "packages", "no problems found"):
        assert word in told
    assert not (tmp_path / "root").exists()
    assert call(["doctor", "--root", "/dev/null/x"]) == 75
    assert "FAIL" in capfd.readouterr().out


def test_config_prints_what_would_run(capfd):
    assert call(["config", "digits", "--set", "train.epochs=3"]) == 0
    assert "epochs = 3" in capfd.readouterr().out


def test_the_summary_of_a_run(root, capfd):
    assert call(["run", "digits", "--root", str(root)]) == 0
    out = capfd.readouterr().out
    assert "everything is up to date" in out
    assert "PASSED" in out
    verdict = json.loads(next(root.glob("artifacts/evaluate/*/verdict.json")).read_text())
    assert f"{verdict['metrics']['candidate']['overall']['accuracy']:.4f}" in out
    assert "penstock predict" in out


def test_after_the_root_was_moved_the_summary_names_what_lies_there_now(root, capfd, tmp_path):
    moved = root.rename(tmp_path / "my root")
    assert call(["run", "digits", "--root", str(moved)]) == 0
    out = capfd.readouterr().out
    assert "everything is up to date" in out
    model = moved / "serving" / "digits" / "1"
    assert f"model     {model}\n" in out
    lines = [shlex.split(line.removeprefix("next")) for line in out.splitlines()]
    commands = [words for words in lines if words[:1] == ["penstock"]]
    assert commands[0] == ["penstock", "predict", str(model.parent), "IMAGE.png"]
    assert commands[1][1] == "show"
    assert commands[1][3:] == ["--root", str(moved)]


@pytest.fixture
def toy_folder(tmp_path, monkeypatch):
    """The working folder, with the toy recipe in it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    shutil.copy(HOME / "tests" / "pipeline" / "schedule" / "toy_recipe.py", tmp_path)
    (tmp_path / "status").write_text("passed")
    yield tmp_path
    sys.modules.pop("toy_recipe", None)


@pytest.mark.parametrize("named", ["images", "./images"])
def test_what_was_not_looked_at_is_said(toy_folder, capfd, named):
    (toy_folder / "images").mkdir()
    (toy_folder / "named").write_text(named)
    words = ["toy_recipe.py:reading", "--root", "root"]
    for _ in range(2):
        capfd.readouterr()
        assert call(["run", *words, "--only", "read"]) == 0
    out = capfd.readouterr().out
    unseen = named == "images"
    assert ("everything is up to date" in out) != unseen
    assert ("cached; changes to the data of toy_steps:Read cannot be detected" in out) == unseen
    assert call(["schedule", "add", *words, "--every", "6h"]) == 0
    told = "changes to the data of toy_steps:Read cannot be detected, so every tick runs read again"
    assert (told in capfd.readouterr().err) == unseen
