from __future__ import annotations

import sys

import pytest
from own_project import write_file

from data.code.user_object import check_call, check_object
from data.errors import ConfigError

MODULE = """
import os.path, json as js
from math import pi, sin as sine

if True:
    inside = 1
else:
    other, *rest = [1, 2]
try:
    tried = 1
except ValueError as error:
    pass
for number in range(3):
    pass
with open(__file__) as opened:
    (walrus := 1)
annotated: int = 3

def function(): hidden = 1
async def later(): ...
class Class:
    member = 1

def sets():
    global assigned
    assigned = 1
"""
BOUND = [
    "os",
    "js",
    "pi",
    "sine",
    "inside",
    "other",
    "rest",
    "tried",
    "number",
    "opened",
    "walrus",
    "annotated",
    "function",
    "later",
    "Class",
    "assigned",
    "sets",
]


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that writes a module beside which Python looks; its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        return write_file(tmp_path, text).stem

    return write


def test_every_way_to_bind_a_name_is_seen_and_nothing_is_imported(module):
    name = module(MODULE)
    for bound in BOUND:
        check_object(f"{name}:{bound}")
    for unbound in ("hidden", "member", "path", "nothing"):
        with pytest.raises(ConfigError, match=f"has no '{unbound}'"):
            check_object(f"{name}:{unbound}")
    assert name not in sys.modules


@pytest.mark.parametrize(
    "text",
    [
        "from math import *",
        "def __getattr__(name): return 3",
        "globals()['made'] = 3",
        "import sys; setattr(sys.modules[__name__], 'made', 3)",
    ],
)
def test_where_only_python_can_tell_it_is_left_to_python(module, text):
    check_object(f"{module(text)}:made")


@pytest.mark.parametrize(
    "path",
    [
        "json:loads",
        "keras.callbacks:TerminateOnNaN",
        "scipy.special:expit",
        "components.models.dense:build_model",
    ],
)
def test_what_is_installed_or_ours(path):
    check_object(path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nowhere:x", "No module named 'nowhere'"),
        ("components.models.dens:build_model", "No module named 'components.models.dens'"),
        ("components.models.dense:build", "did you mean 'build_model'"),
        ("json:lods", "did you mean 'loads'"),
        ("json", "invalid import path"),
        (":x", "invalid import path"),
    ],
)
def test_what_leads_nowhere(path, told):
    with pytest.raises(ConfigError, match=told):
        check_object(path)


def test_packages_with_and_without_an_init(module, tmp_path):
    for folder in ("with_init", "without_init/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "inner.py").write_text("x = 1\n")
    (tmp_path / "with_init" / "__init__.py").write_text("")
    module("")
    check_object("with_init.inner:x")
    check_object("without_init.deep.inner:x")
    for path in ("with_init.iner:x", "with_init.inner:y", "without_init.deep.inner:y"):
        with pytest.raises(ConfigError):
            check_object(path)


@pytest.mark.parametrize("text", ["def f(:\n", "x = '\n", "x = \0\n", "# coding: nonsense\n"])
def test_a_file_that_is_no_python_is_named(module, tmp_path, text):
    name = module(text)
    with pytest.raises(
        ConfigError, match=rf"{name}.py, needed for '{name}:x', is not valid Python"
    ):
        check_object(f"{name}:x")


class NoConfig:
    def __init__(self):
        pass


@pytest.mark.parametrize("function", [NoConfig, lambda: 1, lambda a, b: 1, "text", 3, None])
def test_what_cannot_be_called_so(function):
    with pytest.raises(ConfigError, match="mine:it cannot be called"):
        check_call(function, "mine:it", "it(one)", 1)


def test_its_line_is_named():
    with pytest.raises(ConfigError, match=rf"{__file__}:\d+"):
        check_call(NoConfig, "mine:NoConfig", "a class", 1)


@pytest.mark.parametrize("function", [print, int, lambda a: 1, lambda *a: 1, lambda a, b=1: 1])
def test_what_can(function):
    check_call(function, "mine:it", "it(one)", 1)
