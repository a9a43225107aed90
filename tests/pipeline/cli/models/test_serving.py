from __future__ import annotations

import getpass
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data.files.durable_files import read_json
from data.spec import ImageSpec
from pipeline.cli.main import call
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.push import push

HOME = Path(__file__).parents[4]
SPEC = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "m"


@pytest.fixture
def push_new(tmp_path: Path, model: Path) -> Callable[..., Path]:
    """A function that pushes a bundle of this name."""

    def push_one(name: str, **record: object) -> Path:
        bundle = tmp_path / name
        bundle.mkdir()
        (bundle / "saved_model.pb").write_bytes(name.encode())
        write_manifest(bundle, SPEC, {})
        told = {"run": f"run-{name}", "verdict": "passed", "accuracy": 0.9812, "time": 0, **record}
        return push(bundle, model.parent, model.name, record=told)[1]

    return push_one


def test_a_rollback_says_from_where_to_what(
    push_new: Callable[..., Path], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push_new("good")
    push_new("bad")
    assert call(["rollback", str(model), "--reason", "worse on sevens", "--by", "ann"]) == 0
    digest = read_json(model / "3" / "push.json")["digest"][:12]
    assert capsys.readouterr().out.splitlines() == [
        "from     2",
        "back to  1",
        f"serving  {model / '3'}",
        f"digest   {digest}",
    ]
    record = read_json(model / "3" / "push.json")
    assert (record["by"], record["reason"], record["rollback_of"]) == ("ann", "worse on sevens", 1)
    assert (model / "3" / "saved_model.pb").read_bytes() == b"good"


def test_a_rollback_is_signed_with_the_login_name(
    push_new: Callable[..., Path], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_new("good")
    push_new("bad")
    monkeypatch.setenv("LOGNAME", "jo")
    assert call(["rollback", f"{model}/", "--to", "1"]) == 0
    assert read_json(model / "3" / "push.json")["by"] == getpass.getuser() == "jo"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--to", "9"], 2, "has no version 9"),
        (["--to", "2"], 5, "version 2 in"),
        (["--to", "x"], 2, "not a valid integer"),
        (["--to", "3"], 2, "serves already, as version 3"),
    ],
)
def test_a_rollback_that_cannot_be(
    push_new: Callable[..., Path],
    model: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    push_new("good")
    (push_new("bad") / "saved_model.pb").write_bytes(b"flipped")
    push_new("new")
    assert call(["rollback", str(model), *words]) == code
    assert said in capsys.readouterr().err
    assert not (model / "4").exists()


@pytest.mark.parametrize("command", ["rollback", "serving"])
@pytest.mark.parametrize("where", ["nowhere", "", "a b"])
def test_no_model_there(
    command: str, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([command, str(tmp_path / where)]) == 2
    assert "no version" in (error := capsys.readouterr().err) or "invalid model" in error


def test_serving_lists_versions_with_who_and_why(
    push_new: Callable[..., Path], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push_new("good")
    push_new("odd", verdict="failed", by="jo", reason="[we] know", override=["accuracy, overall"])
    (push_new("broken") / "saved_model.pb").write_bytes(b"flipped")
    (model / "4").mkdir()
    call(["rollback", str(model), "--to", "1", "--by", "ann", "--reason", "worse"])
    capsys.readouterr()
    assert call(["serving", str(model)]) == 0
    heading, *rows = [line.rstrip() for line in capsys.readouterr().out.strip().splitlines()]
    assert heading.split() == ["version", "pushed", "verdict", "accuracy", "by", "why", "digest"]
    assert [row.split()[0] for row in rows] == ["5", "4", "3", "2", "1"]
    newest, unmanaged, broken, odd, first = rows
    assert "serving" in newest
    assert "rollback to 1; worse" in newest
    assert "ann" in newest
    assert "0.9812" in newest
    assert unmanaged.split()[1:] == ["unmanaged", "not", "pushed", "by", "Penstock"]
    assert "damaged" in broken
    assert "saved_model.pb" in broken
    assert "override of accuracy, overall; [we] know" in odd
    assert "failed" in odd
    assert "1970-01-01" in first
    assert read_json(model / "1" / "push.json")["digest"][:12] in first
    assert sum("serving" in row for row in rows) == 1


def test_serving_for_machines(
    push_new: Callable[..., Path], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push_new("good")
    (model / "4").mkdir()
    assert call(["serving", str(model), "--json"]) == 0
    unmanaged, ours = json.loads(capsys.readouterr().out)
    assert (unmanaged["version"], unmanaged["serves"], unmanaged["state"]) == (4, True, "unmanaged")
    assert (ours["version"], ours["serves"], ours["state"]) == (1, False, "whole")
    assert ours["push"] == read_json(model / "1" / "push.json")
    assert ours["digest"] == ours["push"]["digest"]


def test_from_inside_the_folder(
    push_new: Callable[..., Path], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_new("good")
    monkeypatch.chdir(model)
    assert call(["serving", "."]) == 0
    monkeypatch.chdir(model / "1")
    assert call(["serving", ".."]) == 0


@pytest.mark.parametrize("command", ["serving", "rollback"])
def test_neither_loads_anything_heavy(
    command: str, push_new: Callable[..., Path], model: Path
) -> None:
    push_new("good")
    push_new("bad")
    code = (
        "import sys; from pipeline.cli.main import call; "
        f"code = call([{command!r}, {str(model)!r}]); "
        "heavy = {'tensorflow', 'keras', 'numpy', 'apache_beam', 'PIL', 'sqlalchemy'}; "
        "sys.exit(code or sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
