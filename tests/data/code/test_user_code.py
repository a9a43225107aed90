from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest
from own_project import line_of, write_file

from data.code import import_path
from data.code.user_code import (
    CodeLine,
    find_owner,
    find_user_line,
    is_called_by_user_code,
    is_user_error,
)
from data.errors import StepError


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that writes a module and imports it: (module, file)."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(text: str):
        file = write_file(tmp_path, text)
        return importlib.import_module(file.stem), file

    return make


def caught(function, *arguments) -> BaseException:
    try:
        function(*arguments)
    except BaseException as error:
        return error
    raise AssertionError("it did not fail")


def test_whose_a_file_is(tmp_path):
    assert (
        find_owner(json.__file__) == find_owner(np.__file__) == find_owner("<string>") == "library"
    )
    assert find_owner(import_path.__file__) == "ours"
    assert find_owner(__file__) == find_owner(str(tmp_path / "mine.py")) == "user"
    assert find_owner("apache_beam/runners/common.py") == "library"  # compiled
    assert find_owner("/tmp/__autograph_generated_file3x.py") == "library"


def test_the_innermost_line_of_the_user_s_is_named_whoever_raised(own):
    module, file = own(
        "import json\n\ndef outer(): inner()\ndef inner(): json.loads('{')  # here\n"
    )
    place = find_user_line(caught(module.outer))
    assert (
        str(place) == f"{line_of(file, '# here')}, in inner: def inner(): json.loads('{{')  # here"
    )


def test_also_behind_what_was_raised_from_it(own):
    module, file = own("def fails(): return 1 / 0\n")

    def wrap() -> None:
        try:
            module.fails()
        except ZeroDivisionError as error:
            raise StepError("the step failed") from error

    assert find_user_line(caught(wrap)) == CodeLine(str(file), 1, "fails")


def test_and_in_what_another_process_told(own):
    _, file = own("def fails(): return 1 / 0\n")
    lines = [f'File "{json.__file__}", line 3, in loads', f'File "{file}", line 1, in fails']
    text = "\n  ".join(["Traceback …", *lines])
    assert find_user_line(RuntimeError(text)) == CodeLine(str(file), 1, "fails")


def test_a_module_that_is_no_python(tmp_path):
    file = write_file(tmp_path, "\nx = = 1\n")
    error = caught(compile, file.read_text(), str(file), "exec")
    assert str(find_user_line(error)) == f"{file}:2: x = = 1"


def test_an_endless_recursion_has_a_line(own):
    module, file = own("def again(): again()\n")
    assert find_user_line(caught(module.again)) == CodeLine(str(file), 1, "again")


def test_whose_an_error_is(own):
    module, _ = own(
        "import json\nfrom data.code.import_path import split_import_path\n"
        "def by_library(): json.loads('{')\ndef by_ours(): split_import_path('x')\n"
    )
    assert is_user_error(caught(module.by_library))
    assert not is_user_error(caught(module.by_ours))


def test_who_calls(own):
    module, _ = own("def call(function, *arguments): return function(*arguments)\n")
    look = lambda *_: is_called_by_user_code(sys._getframe(0))  # noqa: E731
    assert look()
    assert module.call(look)
    assert module.call(sorted, [1, 2]) == [1, 2]
    globals_of_ours = {"sys": sys, "is_called_by_user_code": is_called_by_user_code}
    for file, expected in ((import_path.__file__, False), (json.__file__, True)):
        code = compile("found = is_called_by_user_code(sys._getframe(0))", file, "exec")
        exec(code, globals_of_ours)
        assert globals_of_ours["found"] is expected  # a library's: who called it counts
