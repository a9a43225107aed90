from __future__ import annotations

import ast
import hashlib
import os
import sys
from pathlib import Path

import pytest

from data.code.first_party import Code
from pipeline import recipes
from pipeline.config.outside_data import OutsideData
from pipeline.planning import fingerprint
from pipeline.planning.fingerprint import describe_differences, digest_parts

USER_CODE = {
    "mine_a": "import json\ndef f():\n    from mine_package.inner import thing\n    import numpy\n",
    "mine_package/__init__": "# ours\n",
    "mine_package/inner": "from . import leaf\nimport sklearn.datasets\n",
    "mine_package/leaf": "import mine_a\n",
    "mine_unused": "import pandas\n",
}


@pytest.fixture
def user_code(tmp_path, monkeypatch):
    """A user's own modules: one imports another inside a function, a package, and libraries."""
    (tmp_path / "mine_package").mkdir()
    for name, text in USER_CODE.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_code_follows_imports_of_first_party_modules_only(user_code):
    closure = Code().find_closure(["mine_a"])
    assert {f.relative_to(user_code).as_posix() for f in closure.files.values()} == {
        "mine_a.py",
        "mine_package/__init__.py",
        "mine_package/inner.py",
        "mine_package/leaf.py",
    }
    assert closure.libraries == ["numpy", "sklearn"]


def test_code_imports_nothing(user_code):
    before = set(sys.modules)
    Code().find_closure(["mine_a", "components.train", "components.evaluate", "components.ingest"])
    assert set(sys.modules) - before <= {"encodings.idna"}


def test_code_agrees_with_what_python_really_imports(user_code):
    """Oracle: our own modules that a real import of the training loads are all in the closure."""
    import components.train.candidate  # noqa: F401

    root = Path(fingerprint.__file__).parents[2]
    loaded = set()
    todo = ["components.train.candidate"]
    while todo:
        module = sys.modules[todo.pop()]
        file = Path(module.__file__)
        if file in loaded:
            continue
        loaded.add(file)
        for value in vars(module).values():
            name = getattr(value, "__module__", None) or getattr(value, "__name__", "")
            if isinstance(name, str) and name in sys.modules:
                origin = getattr(sys.modules[name], "__file__", None) or ""
                if origin.startswith(f"{root}/") and "site-packages" not in origin:
                    todo.append(name)
    closure = Code().find_closure(["components.train.candidate"])
    ours = {f for f in loaded if f.name != "__init__.py" or f.read_text()}
    assert ours <= set(closure.files.values())
    assert {"tensorflow", "keras", "numpy"} <= set(closure.libraries)


def test_a_change_of_anything_is_a_change_and_is_named():
    old = {
        "schema": 1,
        "component": "components.train",
        "config": {"epochs": 10, "model": "dense"},
        "seed": 0,
        "inputs": {"examples": ["aa.examples"]},
        "files": {"x.gz": "1"},
        "code": {"components/train/component.py": "1"},
        "libraries": {"keras": "3.15.1"},
    }
    changes = {
        "config.epochs 10 → 5": {"config": {"epochs": 5, "model": "dense"}},
        "seed 0 → 1": {"seed": 1},
        "code components/train/component.py": {"code": {"components/train/component.py": "2"}},
        "keras 3.15.1 → 3.16.0": {"libraries": {"keras": "3.16.0"}},
        "files x.gz": {"files": {"x.gz": "2"}},
        "stamp nothing → etag": {"stamp": "etag"},
        "inputs examples": {"inputs": {"examples": ["bb.examples"]}},
    }
    digests = {digest_parts(old)}
    for phrase, change in changes.items():
        new = {**old, **change}
        assert describe_differences(old, new) == [phrase]
        digests.add(digest_parts(new))
    assert len(digests) == len(changes) + 1


@pytest.mark.parametrize(
    ("after", "phrase"),
    [("b" * 116, f"config.name a → {'b' * 116}"), ("b" * 117, "config.name")],
)
def test_a_long_value_is_named_and_not_shown(after, phrase):
    assert describe_differences({"config": {"name": "a"}}, {"config": {"name": after}}) == [phrase]


def test_of_many_files_a_few_are_named():
    name = os.fsdecode(b"/x\n\xff")
    files = {f"{name}{number}": "1" for number in range(7)}
    old, new = {"files": {"a": "1"}, "seed": 0}, {"files": {"a": "1", **files}, "seed": 1}
    assert describe_differences(old, new) == [
        r"files /x\n\udcff0",
        r"files /x\n\udcff1",
        r"files /x\n\udcff2",
        "4 more files",
        "seed 0 → 1",
    ]


def test_what_is_new_or_gone_was_nothing_or_is_nothing():
    old, new = {"config": {"a": 1, "of": {}}}, {"config": {"b": 2, "of": {}}, "seed": 3}
    assert describe_differences(old, new) == [
        "config.a 1 → nothing",
        "config.b nothing → 2",
        "seed nothing → 3",
    ]
    assert len(digest_parts(old)) == len(digest_parts(new)) == 32


def test_every_source_file_of_a_step_counts():
    step = recipes.build("digits").step("ingest")
    parts = fingerprint.collect_parts(step, 0, {}, Code(), OutsideData(), lambda paths: {})
    root = Path(fingerprint.__file__).parents[2]
    assert "data/sources/arrays/digits.py" in parts["code"]
    assert "data/sources/arrays/idx.py" not in parts["code"]
    for name, digest_ in parts["code"].items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest()[:16] == digest_
        assert ast.parse((root / name).read_text())
    assert {"apache_beam", "sklearn", "numpy"} <= set(parts["libraries"])
