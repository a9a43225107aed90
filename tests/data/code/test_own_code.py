from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest
from own_project import line_of, write_file

from data.code import import_path
from data.code.own_code import Place, is_called_by_own, is_own_error, own_place, owner
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
    assert owner(json.__file__) == owner(np.__file__) == owner("<string>") == "library"
    assert owner(import_path.__file__) == "ours"
    assert owner(__file__) == owner(str(tmp_path / "mine.py")) == "user"
    assert owner("/tmp/__autograph_generated_file3x.py") == "library"


def test_the_innermost_line_of_the_user_s_is_named_whoever_raised(own):
    module, file = own(
        "import json\n\ndef outer(): inner()\ndef inner(): json.loads('{')  # here\n"
    )
    place = own_place(caught(module.outer))
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

    assert own_place(caught(wrap)) == Place(str(file), 1, "fails")


def test_and_in_what_another_process_told(own):
    _, file = own("def fails(): return 1 / 0\n")
    lines = [f'File "{json.__file__}", line 3, in loads', f'File "{file}", line 1, in fails']
    text = "\n  ".join(["Traceback …", *lines])
    assert own_place(RuntimeError(text)) == Place(str(file), 1, "fails")


def test_a_module_that_is_no_python(tmp_path):
    file = write_file(tmp_path, "\nx = = 1\n")
    error = caught(compile, file.read_text(), str(file), "exec")
    assert str(own_place(error)) == f"{file}:2: x = = 1"


def test_an_endless_recursion_has_a_line(own):
    module, file = own("def again(): again()\n")
    assert own_place(caught(module.again)) == Place(str(file), 1, "again")


def test_whose_an_error_is(own):
    module, _ = own(
        "import json\nfrom data.code.import_path import parts\n"
        "def by_library(): json.loads('{')\ndef by_ours(): parts('x')\n"
    )
    assert is_own_error(caught(module.by_library))
    assert not is_own_error(caught(module.by_ours))


def test_who_calls(own):
    module, _ = own("def call(function, *arguments): return function(*arguments)\n")
    look = lambda *_: is_called_by_own(sys._getframe(0))  # noqa: E731
    assert look()
    assert module.call(look)
    assert module.call(sorted, [1, 2]) == [1, 2]
    globals_of_ours = {"sys": sys, "is_called_by_own": is_called_by_own}
    for file, expected in ((import_path.__file__, False), (json.__file__, True)):
        code = compile("found = is_called_by_own(sys._getframe(0))", file, "exec")
        exec(code, globals_of_ours)
        assert globals_of_ours["found"] is expected  # a library's: who called it counts
