"""What import-linter cannot see: below `pipeline` nothing reads the command line or environment."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
LOWER = ("data", "serving_export", "components")
OUTSIDE = {"os.environ", "os.environb", "os.getenv", "sys.argv"}
HANDED_ON = {"serving_export/clean_process.py"}  # to the child that it starts


@pytest.mark.parametrize("package", LOWER)
def test_only_pipeline_reads_the_command_line_and_the_environment(package):
    found = {
        path.relative_to(HOME).as_posix()
        for path in (HOME / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in OUTSIDE)
        or (isinstance(node, ast.ImportFrom) and imported(node) & OUTSIDE)
    }
    assert found <= HANDED_ON


def imported(node: ast.ImportFrom) -> set[str]:
    return {f"{node.module}.{alias.name}" for alias in node.names}
