from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config.commands import format_command

HOME = Path(__file__).parents[3]
SUGGESTED = re.compile(r"\b(penstock [a-z]+|cd|mv|rm|--root|--override)[^;:,]* [\"']?$")
WITHOUT_BLANKS = ("run.id", "run_id", "schedule.name")  # held where they are made


def test_what_is_copied_into_a_shell_means_what_it_says() -> None:
    folder, root = Path("/my models/a'b"), Path("/srv/my root")
    assert shlex.split(format_command("rollback", folder, root=root)) == [
        *("penstock", "rollback", str(folder)),
        *("--root", str(root)),
    ]


@pytest.mark.parametrize("root", [None, Path(".penstock")])
def test_the_usual_root_is_not_named(root: Path | None) -> None:
    assert format_command("show", "latest", root=root) == "penstock show latest"


def test_every_command_that_is_suggested_quotes_its_words() -> None:
    found = [
        f"{file.relative_to(HOME)}:{line}: {words}"
        for package in ("data", "serving_export", "components", "pipeline")
        for file in (HOME / package).rglob("*.py")
        for line, words in unquoted(ast.parse(file.read_text()))
    ]
    assert found == []


def unquoted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for string in ast.walk(tree):
        if not isinstance(string, ast.JoinedStr):
            continue
        before = ""
        for part in string.values:
            if isinstance(part, ast.Constant):
                before += str(part.value)
                continue
            assert isinstance(part, ast.FormattedValue)
            words = ast.unparse(part.value)
            safe = words.startswith(("shlex.", "format_command(")) or words.endswith(WITHOUT_BLANKS)
            if SUGGESTED.search(before) and not safe:
                yield string.lineno, f"{before[-30:]}{{{words}}}"
            before += "x"


def test_one_that_does_not_is_found() -> None:
    source = 'f"see `penstock predict {model} IMAGE.png`; f"'.replace("; f", "")
    assert list(unquoted(ast.parse(source))) == [(1, "see `penstock predict {model}")]
    quoted = 'f"penstock predict {shlex.quote(model)} x"'
    assert list(unquoted(ast.parse(quoted))) == []
