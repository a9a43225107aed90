"""A new project, called from Python as from the command line; the README's own runs to its end."""

from __future__ import annotations

import re
import sys

import pytest


@pytest.mark.slow
def test_code_of_a_new_project_is_part_of_what_a_step_depends_on(tmp_path, monkeypatch, capfd):
    from pipeline.cli.main import call

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    assert call(["new", "flowers"]) == 0
    words = ["run", "./flowers/recipe.py:recipe", "--until", "normalize"]
    assert call(words) == 0
    file = tmp_path / "flowers" / "network.py"
    file.write_text(file.read_text().replace("127.5", "255"))
    for name in ("recipe", "network", "shapes"):  # as a new process has it
        sys.modules.pop(name, None)
    capfd.readouterr()
    assert call(words) == 0
    out, told = capfd.readouterr()
    assert "cannot be detected" not in out  # its source says by a stamp what it reads
    assert re.search(r"normalize +run +code network\.py", told)
    assert re.search(r"ingest +cached", told)
