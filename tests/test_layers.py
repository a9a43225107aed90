"""What import-linter cannot see: who reads the environment, and that tests lie where code does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
LOWER = ("data", "serving_export", "components")
PACKAGES = (*LOWER, "pipeline")
TEMPLATE = HOME / "pipeline" / "environment" / "template"  # a project of its own
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


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_with_code_has_a_folder_of_tests(package):
    modules = (p for p in (HOME / package).rglob("*.py") if p.name != "__init__.py")
    folders = {path.parent.relative_to(HOME) for path in modules if path.parent != TEMPLATE}
    assert [
        str(f) for f in sorted(folders) if not any((HOME / "tests" / f).rglob("test_*.py"))
    ] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_level_is_too_wide_to_be_looked_over(package):
    wide = {
        str(folder.relative_to(HOME)): len(rooms)
        for folder in (HOME / package, *(HOME / package).rglob("*"))
        if (folder / "__init__.py").is_file() and len(rooms := rooms_of(folder)) > 12
    }
    assert set(wide) <= {"pipeline"}
    assert wide.get("pipeline", 0) <= 17


def rooms_of(folder: Path) -> list[Path]:
    """The modules and packages directly in it."""
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    return [path for path in folder.glob("*.py") if path.name != "__init__.py"] + packages
