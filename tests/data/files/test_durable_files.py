from __future__ import annotations

import errno
import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError, EnvironmentTrouble
from data.files.durable_files import (
    digest_tree,
    fsync_tree,
    read_json,
    remove_half_written,
    sha256_file,
    translate_disk_errors,
    write_json,
    write_text,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(value=JSON)
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


@pytest.mark.parametrize("bad", [math.nan, math.inf, object()])
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, bad: object) -> None:
    path = tmp_path / "value.json"
    write_json(path, "old")
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"new": bad})
    assert read_json(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_that_utf8_cannot_hold_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "text", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_json_escapes_what_utf8_cannot_hold(tmp_path: Path) -> None:
    value = {os.fsdecode(b"\xff"): "\ud800ü"}
    write_json(tmp_path / "value.json", value)
    assert (tmp_path / "value.json").read_text(encoding="utf-8").count("\\ud") == 2
    assert read_json(tmp_path / "value.json") == value


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    write_json(tmp_path / "whole", 1)
    die = "import os, pathlib, data.files.durable_files as d; os.fsync = lambda _: os._exit(9); "
    path = tmp_path / "half"
    subprocess.run([sys.executable, "-c", f"{die} d.write_bytes(pathlib.Path({str(path)!r}), b'')"])
    assert len(list(tmp_path.iterdir())) == 2
    remove_half_written(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_no_json_is_bad_data(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "value.json").write_bytes(content)
    with pytest.raises(BadDataError, match=r"value\.json is not JSON"):
        read_json(tmp_path / "value.json")


def test_reading_says_what_is_missing_or_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="missing"):
        read_json(tmp_path / "nowhere.json")
    with pytest.raises(BadDataError, match="a folder"):
        read_json(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BadDataError, match="missing"):
        read_json(tmp_path / "file" / "manifest.json")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(EnvironmentTrouble, match="cannot read"):
        read_json(tmp_path / "loop")


def test_a_tree_is_its_files_by_relative_path(tmp_path: Path) -> None:
    files = {"b": b"1", "a/c": b"2", "a/.hidden": b"", "a.b": b"3"}
    (tmp_path / "empty").mkdir()
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert digest_tree(tmp_path) == wanted
    assert list(digest_tree(tmp_path)) == sorted(wanted)
    assert digest_tree(tmp_path, exclude=("a/c", "c")).keys() == files.keys() - {"a/c"}
    assert sha256_file(tmp_path / "b") == wanted["b"]
    fsync_tree(tmp_path)


@pytest.mark.parametrize("target", ["there", "nowhere", "."])
def test_a_link_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(BadDataError, match="not a regular file"):
        digest_tree(tmp_path)


def test_disk_trouble_names_the_path(tmp_path: Path) -> None:
    with (
        pytest.raises(EnvironmentTrouble) as caught,
        translate_disk_errors("cannot write the report"),
    ):
        (tmp_path / "no" / "folder").write_text("x")
    assert "cannot write the report" in str(caught.value)
    assert str(tmp_path / "no" / "folder") in str(caught.value)


def test_of_a_copy_it_names_the_file_that_was_written_to() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/source", None, "/serving/model/1")
    with pytest.raises(EnvironmentTrouble) as caught, translate_disk_errors("cannot push"):
        raise full
    assert caught.value.got == "No space left on device (/serving/model/1)"
