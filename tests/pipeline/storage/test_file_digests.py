"""Digests of input files are remembered while nothing says that the file was changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.errors import EnvironmentTrouble
from data.files.durable_files import sha256_file
from pipeline.storage import file_digests
from pipeline.storage.ledger import Ledger


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read for a digest."""
    found: list[Path] = []

    def read(path: Path) -> str:
        found.append(path)
        return sha256_file(path)

    monkeypatch.setattr(file_digests, "sha256_file", read)
    monkeypatch.setattr(file_digests.time, "time", lambda: 4e9)  # every file is old
    return found


def digest(ledger: Ledger, file: Path) -> str:
    return ledger.digest_files([str(file)])[str(file)]


def test_other_bytes_with_the_same_size_mtime_and_inode_are_read(tmp_path, reads) -> None:
    file = tmp_path / "images"
    file.write_bytes(b"one")
    stat = file.stat()
    with Ledger(tmp_path) as ledger:
        first = digest(ledger, file)
        assert digest(ledger, file) == first
        assert reads == [file]
        file.write_bytes(b"two")
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        again = file.stat()
        assert (again.st_size, again.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
        assert again.st_ino == stat.st_ino
        assert digest(ledger, file) == sha256_file(file) != first


def test_a_file_that_was_changed_just_now_is_read_each_time(tmp_path, reads, monkeypatch) -> None:
    """It could be changed again within the clock's grain; a copy may have an old mtime."""
    file = tmp_path / "images"
    file.write_bytes(b"one")
    os.utime(file, (1.0, 1.0))
    monkeypatch.setattr(file_digests.time, "time", lambda: file.stat().st_ctime + 1)
    with Ledger(tmp_path) as ledger:
        for _ in range(2):
            digest(ledger, file)
    assert reads == [file, file]


def test_many_files_are_read_once_whatever_their_names(tmp_path, reads, monkeypatch) -> None:
    monkeypatch.setattr(file_digests, "_AT_ONCE", 3)
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    files = [folder / name for name in ("a", "b", "c\n", os.fsdecode(b"\xff"), "ü", "f", "g")]
    for file in files:
        file.write_bytes(os.fsencode(file))
    names = list(map(str, files))
    with Ledger(tmp_path) as ledger:
        digests = ledger.digest_files(names)
        assert digests == {str(file): sha256_file(file) for file in files}
        assert list(digests) == names
        assert reads == files
        assert ledger.digest_files([f"{tmp_path}/link/{name.name}" for name in files])
    with Ledger(tmp_path) as ledger:
        assert ledger.digest_files(names) == digests
    assert reads == files


def test_what_was_read_before_an_error_is_stored(tmp_path, reads) -> None:
    files = [tmp_path / name for name in ("a", "b")]
    files[0].write_bytes(b"a")
    with Ledger(tmp_path) as ledger:
        for _ in range(2):
            with pytest.raises(EnvironmentTrouble, match="b cannot be read"):
                ledger.digest_files(list(map(str, files)))
    assert reads == [files[0]]
