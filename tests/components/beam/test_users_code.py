"""What the workers of a submitted run get of the user's own code, however it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.beam.users_code import collect_user_modules
from components.ingest import Config as Ingest
from data.code.worker_code import install_user_modules
from pipeline.config.graph import PipelineConfig, Step
from pipeline.run import run

FILES = {
    "own_top.py": "from own_space.a import f\nimport own_lib\n",
    "own_space/a.py": "import importlib\ndef f(name): return importlib.import_module(name).VALUE\n",
    "own_space/late.py": "VALUE = 'late'\n",
    "own_space/notes.txt": "no code",
    "own_beside.py": "VALUE = 'beside'\n",
    "own_plug.py": "VALUE = 'plugged'\n",
    "own_plug-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: own-plug\nVersion: 1\n",
    "own_plug-1.dist-info/entry_points.txt": "[own.values]\nit = own_plug:VALUE\n",
    "site-packages/own_lib/__init__.py": "",
    "site-packages/own_lib-1.dist-info/METADATA": "Name: own-lib\nVersion: 1\n",
    "site-packages/own_named/__init__.py": "from own_named import part",
    "site-packages/own_named/part.py": "",
    "site-packages/own_named-1.dist-info/METADATA": "Name: own-named\nVersion: 1\n",
}
ASK = """
from importlib.metadata import entry_points
import own_top, own_named.part
print(own_top.f("own_space.late"), own_top.f("own_beside"))
print(entry_points(group="own.values")["it"].load())
"""


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(tmp_path)
    return collect_user_modules(["own_top", "own_named", "components.ingest", "numpy"])


def test_code_of_every_kind_is_shipped_and_nothing_else(shipped) -> None:
    assert set(shipped) == {
        "own_top.py",
        "own_space/a.py",
        "own_space/late.py",
        "own_beside.py",
        "own_plug.py",
        "own-plug-1.dist-info/METADATA",
        "own-plug-1.dist-info/entry_points.txt",
        "own_named/__init__.py",
        "own_named/part.py",
    }


def test_it_works_where_there_is_nothing_else(shipped, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    install_user_modules(shipped, tmp_path / "worker")
    there = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    (tmp_path / "worker" / "own_lib.py").write_text("")  # is installed on workers as here
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**there, "PYTHONPATH": str(tmp_path / "worker")},
        cwd=tmp_path / "worker",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["late", "beside", "plugged"], done.stderr


LATE_SOURCE = """
from importlib import import_module

import numpy as np

from data.sources import Chunk, Part
from data.spec import ImageSpec


class Late:
    def __init__(self, config):
        pass

    def stamp(self):
        return "always the same"

    def spec(self):
        return ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))

    def parts(self):
        return [Part(split, 0, 0, 2) for split in ("train", "test")]

    def num_images(self):
        return None

    def read(self, part):
        value = import_module("own_" + "table").VALUE
        yield Chunk(np.full((2, 2, 2, 1), value, np.uint8), np.arange(2))
"""


def test_what_a_worker_elsewhere_imports_by_a_computed_name_is_looked_at(
    external: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_late.py").write_text(LATE_SOURCE)
    (tmp_path / "own_table.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = PipelineConfig(
        name="late",
        steps=(
            Step(name="read", component="components.ingest", config=Ingest(source="own_late:Late")),
        ),
    )

    def status() -> str:
        result = run(pipeline, root=tmp_path / "root", beam_args=external, shared_filesystem=True)
        return result.executions[0].status

    assert status() == "completed"
    assert "own_table" not in sys.modules
    assert status() == "cached"
    (tmp_path / "own_table.py").write_text("VALUE = 2\n")
    assert status() == "completed"
    manifests = (tmp_path / "root").glob("artifacts/ingest/*/manifest.json")
    assert [list(json.loads(m.read_text())["imported"]) for m in manifests] == [["own_table"]]
