"""What is the user's own, wherever it lies and however it is packed; what is not, and why."""

from __future__ import annotations

import importlib
import os
import sys
import time
import types
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from data.code import loaded_modules
from data.code.distributions import Distributions
from data.code.first_party import Code, get_user_file, short_name
from data.code.import_path import shadowed_module_error
from data.errors import ConfigError, EnvironmentTrouble


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes files, in a folder that Python looks in."""

    def write(folder: str, **files: str) -> Path:
        for name, text in files.items():
            file = tmp_path / folder / (name.replace("__in__", "/") + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.syspath_prepend(tmp_path / folder)
        return tmp_path / folder

    return write


def names(*modules: str) -> list[str]:
    """The first-party files that the modules rest on, by their short names."""
    return [short_name(name, path) for name, path in Code().find_closure(modules).files.items()]


def test_folders_without_init_nested_and_in_several_places(write) -> None:
    write("one", own_space__in__deep__in__a="from own_space.other import b")
    write("two", own_space__in__other__in__b="import own_space.lone")
    write("three", own_space__in__lone="")
    assert names("own_space.deep.a") == [
        "own_space/deep/a.py",
        "own_space/lone.py",
        "own_space/other/b.py",
    ]


def test_the_packages_that_hold_a_module_count(write) -> None:
    write("code", own_top="import own_pack.deep.leaf")
    write("code", own_pack__in____init__="", own_pack__in__deep__in____init__="import own_more")
    write("code", own_pack__in__deep__in__leaf="", own_more="")
    assert names("own_top") == [
        "own_more.py",
        "own_pack/__init__.py",
        "own_pack/deep/__init__.py",
        "own_pack/deep/leaf.py",
        "own_top.py",
    ]


@pytest.mark.parametrize(
    "call",
    [
        "import_module('own_b')",
        "importlib.import_module('.own_b', __package__)",
        "__import__('own_pack.own_b', fromlist=['x'])",
    ],
)
def test_a_name_written_out_is_found_in_a_call(write, call: str) -> None:
    write("code", own_pack__in____init__="", own_pack__in__own_b="", own_b="")
    write("code", own_pack__in__a=f"def f():\n    return [{call}]\n")
    assert {"own_b.py", "own_pack/own_b.py"} & set(names("own_pack.a"))
    assert Code().find_closure(["own_pack.a"]).computed == set()
    write("code", own_c="import_module(name)")
    assert Code().find_closure(["own_c"]).computed == {"own_c"}


def test_an_installed_module_counts_by_its_version_unless_an_import_path_names_it(write) -> None:
    site = write("site-packages", own_lib__in____init__="import own_lib.part", own_lib__in__part="")
    write("code", own_a="import own_lib")
    # no distribution has it: it is somebody's own
    assert Code().find_closure(["own_a"]).libraries == []
    assert names("own_a") == ["own_a.py", "own_lib/__init__.py", "own_lib/part.py"]
    info = site / "Another_Name-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Another-Name\nVersion: 2.5\n")
    (info / "RECORD").write_text("own_lib/__init__.py,,\nown_lib/part.py,,\n")
    assert names("own_a") == ["own_a.py"]
    assert Code().find_closure(["own_a"]).libraries == ["own_lib"]
    assert Distributions().version("own_lib") == "2.5"
    assert names("own_lib.part") == ["own_lib/__init__.py", "own_lib/part.py"]


def test_what_penstock_needs_counts_by_its_version_even_where_an_import_path_names_it() -> None:
    closure = Code().find_closure(["keras.applications"])
    assert (closure.files, closure.libraries) == ({}, ["keras"])


def test_every_library_that_our_own_steps_import_has_a_version() -> None:
    code = Code()
    steps = ("ingest", "normalize", "train", "evaluate", "export", "window")
    libraries = code.find_closure([f"components.{name}" for name in steps]).libraries
    assert len(libraries) > 10
    assert [name for name in libraries if code.distributions.version(name) is None] == []


def test_an_archive_and_a_compiled_module_count_by_their_bytes(
    write, tmp_path, monkeypatch
) -> None:
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.writestr("own_zipped.py", "VALUE = 1")
    monkeypatch.syspath_prepend(tmp_path / "own.zip")
    folder = write("code", own_a="import own_zipped, own_fast")
    fast = folder / f"own_fast{EXTENSION_SUFFIXES[0]}"
    fast.write_bytes(b"\x7fELF")
    closure = Code().find_closure(["own_a"])
    assert closure.files["own_zipped"] == tmp_path / "own.zip"
    assert closure.files["own_fast"] == fast


def test_nothing_is_remembered_from_one_look_to_the_next(write) -> None:
    folder = write("code", own_a="import own_b", own_b="")
    looks = []
    for text in ("import own_c", "VALUE = 1", ""):
        (folder / "own_b.py").write_text(text)
        code = Code()
        looks.append({n: code.digest(p) for n, p in code.find_closure(["own_a"]).files.items()})
        write("code", own_c="")
    assert [sorted(look) for look in looks] == [["own_a", "own_b"]] * 3
    assert len({look["own_b"] for look in looks}) == 3
    (folder / "own_b.py").unlink()
    assert sorted(Code().find_closure(["own_a"]).files) == ["own_a"]


def test_code_that_lies_in_no_file_is_refused(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    with pytest.raises(ConfigError, match="has no file"):
        Code().find_closure(["__main__"])


def test_a_file_that_cannot_be_read_is_named(write) -> None:
    folder = write("code", own_a="")
    code = Code()
    code.find_closure(["own_a"])
    (folder / "own_a.py").unlink()
    with pytest.raises(EnvironmentTrouble, match=r"own_b\.py cannot be read"):
        code.digest(folder / "own_b.py")


def test_a_step_s_module_in_a_folder_called_as_ours_is_refused(write) -> None:
    folder = write("code", own_a="def f():\n    from data.loader import load", data__in__loader="")
    with pytest.raises(ConfigError, match=r"data/loader\.py cannot be imported: .* hides it"):
        Code().find_closure(["own_a"])
    assert shadowed_module_error(None) is shadowed_module_error("numpy") is None
    assert str(folder) in str(shadowed_module_error("data"))


class TestLoadedModules:
    """Of what a module in memory was made."""

    def test_what_was_read_is_known_though_the_file_is_another_now(self, write) -> None:
        folder = write("code", own_loaded="VALUE = 1")
        import own_loaded

        try:
            before = loaded_modules.digest_source(b"VALUE = 1")
            assert loaded_modules.digest_loaded_source("own_loaded", own_loaded) == before
            (folder / "own_loaded.py").write_text("VALUE = 2")
            Code().find_closure(["own_loaded"])  # looks for it, and loads nothing
            assert loaded_modules.digest_loaded_source("own_loaded", own_loaded) == before
        finally:
            del sys.modules["own_loaded"]

    def test_what_was_loaded_unseen_is_known_while_its_file_is_older_than_the_process(
        self, tmp_path, monkeypatch
    ) -> None:
        file = tmp_path / "own_unseen.py"
        file.write_text("")
        module = types.ModuleType("own_unseen")
        module.__file__ = str(file)
        assert loaded_modules.digest_loaded_source("own_unseen", module) is None
        monkeypatch.setattr(loaded_modules, "_process_start", lambda: time.time_ns() + 10**9)
        known = loaded_modules.digest_source(b"")
        assert loaded_modules.digest_loaded_source("own_unseen", module) == known
        os.utime(file, ns=(time.time_ns() + 10**12,) * 2)
        assert loaded_modules.digest_loaded_source("own_unseen", module) is None

    def test_the_process_began_before_now_and_not_long_ago(self) -> None:
        assert 0 < time.time_ns() - loaded_modules._process_start() < 86_400 * 10**9

    def test_a_name_asked_for_again_is_heard(self, write) -> None:
        from importlib import import_module

        import_module("data.code.first_party")
        with loaded_modules.watch_requested_imports() as names:
            import_module(".first_party", "data.code")
        import_module("data.code.import_path")
        assert names == {"data.code.first_party"}

    def test_who_has_asked_is_known(self, write) -> None:
        write("code", own_asks="from importlib import import_module\nimport_module('own_' + 'b')")
        write("code", own_b="")
        import own_asks  # noqa: F401

        assert loaded_modules.get_requested_imports("own_asks") == {"own_b"}
        del sys.modules["own_asks"], sys.modules["own_b"]


def test_what_tensorflow_generates_is_no_code_of_the_user(tmp_path: Path, monkeypatch) -> None:
    """AutoGraph's files have random names, and lie on `sys.path` where that holds the TMPDIR."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, users in (("__autograph_generated_file0a", False), ("users_file0a", True)):
        (tmp_path / f"{name}.py").write_text("")
        importlib.import_module(name)
        assert (get_user_file(name) is not None) == users
        monkeypatch.delitem(sys.modules, name)


def test_runs_at_once_look_for_modules_one_after_the_other(monkeypatch) -> None:
    """Python's `invalidate_caches` deletes entries twice where two threads call it."""
    inside = 0

    class Slow:
        def invalidate_caches(self) -> None:
            nonlocal inside
            inside += 1
            time.sleep(0.01)
            assert inside == 1
            inside -= 1

    monkeypatch.setitem(sys.path_importer_cache, "/slow", Slow())
    with ThreadPoolExecutor(4) as threads:
        for made in [threads.submit(Code) for _ in range(8)]:
            made.result()
