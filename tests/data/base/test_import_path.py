from __future__ import annotations

import pytest

from data.base.import_path import load_object, resolve
from data.errors import ConfigError


def test_an_object_is_found_by_its_path() -> None:
    assert load_object("data.base.import_path:load_object") is load_object
    assert resolve("mine:Source", {"idx": "data:Idx"}, "source") == "mine:Source"
    assert resolve("idx", {"idx": "data:Idx"}, "source") == "data:Idx"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("load_object", "not an import path"),
        ("data.base.import_path:", "not an import path"),
        (":load_object", "not an import path"),
        ("data.imports:load_object", "cannot import 'data.imports'"),
        ("data.base.import_path:load_objct", "did you mean 'load_object'"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_object(path)


def test_an_unknown_name_gets_the_close_matches() -> None:
    with pytest.raises(ConfigError, match=r"no source 'idxx'\n.*did you mean 'idx'"):
        resolve("idxx", {"idx": "data:Idx", "npz": "data:Npz"}, "source")
