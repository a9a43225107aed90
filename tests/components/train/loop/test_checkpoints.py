from __future__ import annotations

import logging
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.train.loop.checkpoints import Checkpoint, Checkpoints
from data.files.durable_files import sha256_file

LOGGER = logging.getLogger("penstock")


def made(folder: Path, *steps: int) -> Checkpoints:
    """One for each step; its arrays hold the step."""
    checkpoints = Checkpoints(folder, 0.0, LOGGER)
    for step in steps:
        checkpoints.save(
            step, Checkpoint({"a": np.full(1000, step), "b c": np.ones(3)}, {"at": step})
        )
    return checkpoints


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in folder.iterdir())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    facts = {"history": {"loss": [0.5, 0.25]}, "none": None}
    checkpoints = Checkpoints(tmp_path / "new", 0.0, LOGGER)
    assert checkpoints.load() is None
    checkpoints.save(7, Checkpoint({"variable 0": array}, facts))
    loaded = checkpoints.load()
    assert loaded is not None
    assert loaded.facts == facts
    assert list(loaded.arrays) == ["variable 0"]
    np.testing.assert_array_equal(loaded.arrays["variable 0"], array)
    assert loaded.arrays["variable 0"].dtype == np.float32


def test_the_newest_two_are_kept_and_the_newest_is_loaded(tmp_path: Path) -> None:
    checkpoints = made(tmp_path, 5, 30, 100, 2000)
    assert steps(tmp_path) == [100, 2000]
    assert checkpoints.load().facts == {"at": 2000}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("checkpoints")
    made(folder, 1, 2)
    newest = max(folder.iterdir())
    return newest, newest.read_bytes()


@given(data=st.data())
def test_a_torn_one_falls_back_to_the_one_before(whole: tuple[Path, bytes], data) -> None:
    newest, content = whole
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        newest.write_bytes(content[:at])
    else:
        newest.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
    loaded = Checkpoints(newest.parent, 0.0, LOGGER).load()
    assert loaded is not None
    assert loaded.facts == {"at": 1}
    np.testing.assert_array_equal(loaded.arrays["a"], np.full(1000, 1))


def test_where_all_are_torn_there_is_none(tmp_path: Path, caplog) -> None:
    checkpoints = made(tmp_path, 1, 2)
    for path in tmp_path.iterdir():
        path.write_bytes(b"PK")
    assert checkpoints.load() is None
    assert caplog.text.count("is damaged") == 2


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "evil.npz"
    np.savez(file, facts=np.array([{"a": 1}], dtype=object))
    file.rename(tmp_path / f"step-000000000001-{sha256_file(file)}.npz")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Checkpoints(tmp_path, 0.0, LOGGER).load()


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes: a write fails as on a full disk."""
    before, ignored = (
        resource.getrlimit(resource.RLIMIT_FSIZE),
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_told_and_costs_nothing_that_was_there(tmp_path: Path, caplog) -> None:
    checkpoints = made(tmp_path, 1)
    with full_disk(100):
        checkpoints.save(2, Checkpoint({"a": np.zeros(1000)}, {"at": 2}))
    assert "no checkpoint at step 2" in caplog.text
    assert steps(tmp_path) == [1]
    assert checkpoints.load().facts == {"at": 1}


def test_a_killed_saver_s_file_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "half.tmp").write_bytes(b"half")
    made(tmp_path, 2, 3)
    assert steps(tmp_path) == [2, 3]


def test_without_a_folder_none_is_made() -> None:
    checkpoints = Checkpoints(None, 0.0, LOGGER)
    checkpoints.save(1, Checkpoint({}, {}))
    assert not checkpoints.due
    assert checkpoints.load() is None
