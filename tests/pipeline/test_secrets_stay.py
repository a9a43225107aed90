"""A secret that a run was given is in no byte under its root, and in nothing that it printed."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from pipeline.cli.main import call

KEY, TOKEN = "wJalrXUtnFEMI/K7MDENG+bPx-marked", "IQoJb3JpZ2luX2VjE-marked"
RECIPE = """
from pathlib import Path

from pipeline.config.graph import PipelineConfig, Step
from toy_steps import Leak

def leak():
    config = Leak.Config(raises=Path("raises").read_text())
    step = Step(name="leak", component="toy_steps:Leak", config=config)
    return PipelineConfig(name="leak", steps=(step,))
"""


@pytest.fixture
def ask(tmp_path: Path, monkeypatch, capfd):
    """A function that calls `penstock …` in a folder with a recipe: (exit code, all it printed)."""
    (tmp_path / "leaky.py").write_text(textwrap.dedent(RECIPE))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "raises").write_text("none")
    monkeypatch.delitem(sys.modules, "leaky", raising=False)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("STORE_KEY", KEY)

    def call_it(*words: str) -> tuple[int, str]:
        code = call(list(words))
        return code, "".join(capfd.readouterr())

    return call_it


def found_in(folder: Path) -> list[str]:
    """Files under it that hold one of the secrets, or a good part of one."""
    marks = [secret[start : start + 8].encode() for secret in (KEY, TOKEN) for start in (0, 8, 16)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(mark in path.read_bytes() for mark in marks)]


@pytest.mark.parametrize("raises", ["none", "bad data", "crash"])
@pytest.mark.parametrize("orchestrator", ["local", "beam"])
def test_of_a_run(ask, tmp_path: Path, orchestrator: str, raises: str) -> None:
    (tmp_path / "raises").write_text(raises)
    flags = ["--s3_secret_access_key=env:STORE_KEY", f"--s3_session_token=file:{tmp_path}/token"]
    words = ["leaky.py:leak", "--beam", "--orchestrator", orchestrator, *flags]
    code, said = ask("run", *words)
    assert code == {"none": 0, "bad data": 5, "crash": 1}[raises], said
    given = (tmp_path / "given").read_text()  # Beam has what it needs
    assert f"--s3_secret_access_key={KEY}" in given
    assert f"--s3_session_token={TOKEN}" in given
    for more in (["run", *words, "--debug"], ["show", "latest"], ["runs"]):
        said += ask(*more)[1]
    assert found_in(tmp_path / "root") == []
    assert "marked" not in said


def test_of_a_schedule(ask, tmp_path: Path) -> None:
    flags = ["--s3_secret_access_key=env:STORE_KEY", "--s3_session_token", f"file:{tmp_path}/token"]
    code, said = ask("schedule", "add", "leaky.py:leak", "--every", "1h", "--beam", *flags)
    assert code == 0, said
    code, shown = ask("schedule", "show", "leak")
    assert "--s3_secret_access_key=env:STORE_KEY" in shown
    for raises in ("none", "crash"):
        (tmp_path / "raises").write_text(raises)
        said += ask("schedule", "tick", "leak", "now")[1]
    assert KEY in (tmp_path / "given").read_text()
    for scheduler in ("cron", "systemd", "airflow"):
        said += ask("schedule", "emit", "leak", "--as", scheduler)[1]
    code, manifest = ask("schedule", "emit", "leak", "--as", "kubernetes", "--image", "i")
    assert "key: STORE_KEY" in manifest  # by Kubernetes' own secret
    said += manifest + shown + ask("schedule", "history", "leak")[1]
    assert found_in(tmp_path / "root") == []
    assert "marked" not in said


def test_one_in_clear_is_refused_before_anything_is_kept(ask, tmp_path: Path) -> None:
    for flags in ([f"--s3_secret_access_key={KEY}"], ["--s3_secret_access_key", KEY]):
        for command in (
            ["schedule", "add", "leaky.py:leak", "--every", "1h", "--beam", *flags],
            ["run", "leaky.py:leak", "--beam", *flags],
            ["submit", "leaky.py:leak", *flags],
        ):
            code, said = ask(*command)
            assert code == 2, said
            assert "--s3_secret_access_key=env:VARIABLE" in said
            assert "marked" not in said
    assert not (tmp_path / "root").exists()
    (tmp_path / "set.toml").write_text(f'[beam]\ns3_secret_access_key = "{KEY}"\n')
    code, said = ask("schedule", "add", "leaky.py:leak", "--every", "1h", "--config", "set.toml")
    assert (code, "marked" in said) == (2, False)


@pytest.mark.parametrize(
    "setting",
    [f"ingest.options.password={KEY}", f"ingest.path=hdfs://ann:{KEY.replace('/', '')}@host/x"],
)
@pytest.mark.parametrize(
    "command",
    [["run"], ["schedule", "add", "--every", "1h"], ["config"]],
    ids=["run", "add", "config"],
)
def test_one_in_a_config_is_refused(ask, tmp_path: Path, command: list[str], setting: str) -> None:
    source = ["--set", "ingest.source=toy_steps:Count"] if "options" in setting else []
    code, said = ask(*command, "digits", *source, "--set", setting)
    assert code == 2, said
    assert "marked" not in said
    assert not (tmp_path / "root").exists()
