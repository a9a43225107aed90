from __future__ import annotations

import ast
from pathlib import Path

import pytest

from data.code.import_path import OUR_PACKAGES
from data.code.import_statements import find_imports

HOME = Path(__file__).parents[3]
FILES = [path for name in sorted(OUR_PACKAGES) for path in sorted((HOME / name).rglob("*.py"))]
# Code for another process, in a string.
IN_STRINGS = {"pipeline/environment/machine.py": {"tensorflow"}}


def by_the_syntax_tree(source: bytes) -> set[str]:
    """What absolute imports name: the oracle."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_lines_of_penstock_say_what_the_syntax_tree_says() -> None:
    assert len(FILES) > 400
    for path in FILES:
        source = path.read_bytes()
        read = find_imports(str(path), source, str(path), "", own=True)
        wanted = by_the_syntax_tree(source) | IN_STRINGS.get(str(path.relative_to(HOME)), set())
        assert read == wanted, f"{path}: write its imports as others are"


TEXT = b"""
import os, sys as system
from a.b import (
    c as d,  # not e
    f,
)
def later():
    from g import h as i  # noqa
    import j.k
from . import l
from ..m import n
from .... import beyond
"""


@pytest.mark.parametrize("own", [True, False])
def test_every_form_of_import(own: bool) -> None:
    assert find_imports(f"forms {own}", TEXT, "file", "top.mine", own=own) == {
        *("os", "sys", "a.b", "a.b.c", "a.b.f", "g", "g.h", "j.k"),
        *("top.mine", "top.mine.l", "top.m", "top.m.n"),
    }


@pytest.mark.parametrize("call", ["import_module('x.y')", "__import__('x.y', level=0)"])
def test_calls_count_in_the_texts_of_others_alone(call: str) -> None:
    source = f"from importlib import import_module\n{call}".encode()
    found = [find_imports(call, source, "file", "", own=own) for own in (True, False)]
    assert found[1] - found[0] == {"x.y"}
    computed = source.replace(b"'x.y'", b"name")
    assert "*" in find_imports(f"{call} computed", computed, "file", "", own=False)


def test_a_text_of_others_that_is_no_python_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        find_imports("no python", b"from x import (", "file", "", own=False)
