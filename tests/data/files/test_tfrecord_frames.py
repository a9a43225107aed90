from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError, EnvironmentTrouble
from data.files.tfrecord_frames import check_lengths, frame_record, masked_crc


def claiming(length: int, content: bytes = b"") -> bytes:
    """A record whose header claims so many bytes, with the right checksum."""
    head = struct.pack("<Q", length)
    return head + masked_crc(head) + content


@given(st.lists(st.binary(max_size=40)))
def test_whole_files_pass(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("frames") / "shard"
    path.write_bytes(b"".join(map(frame_record, contents)))
    check_lengths(path)


@pytest.mark.parametrize("claimed", [9, 2**20, 2**40, 2**62, 2**64 - 1])
@pytest.mark.parametrize("before", [0, 3])
def test_a_length_beyond_the_file(tmp_path: Path, claimed: int, before: int) -> None:
    path = tmp_path / "shard"
    path.write_bytes(frame_record(b"12345") * before + claiming(claimed, bytes(12)))
    with pytest.raises(
        BadDataError, match=f"{path} is damaged: record {before} cannot be read"
    ) as it:
        check_lengths(path)
    assert f"a length of {claimed} bytes with 12 bytes left" in str(it.value)


def test_each_cut_and_each_bit_of_a_header_shows(tmp_path: Path) -> None:
    whole = frame_record(b"12345") + frame_record(b"678")
    path = tmp_path / "shard"
    for length in range(1, len(whole)):
        if length != len(frame_record(b"12345")):
            path.write_bytes(whole[:length])
            with pytest.raises(BadDataError):
                check_lengths(path)
    for bit in range(96):
        damaged = bytearray(whole)
        damaged[21 + bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(BadDataError, match="record 1 cannot be read"):
            check_lengths(path)


def test_a_file_that_was_changed_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(frame_record(b"12345"))
    check_lengths(path)
    path.write_bytes(claiming(2**40, bytes(9)))
    os.utime(path, ns=(1, 1))
    with pytest.raises(BadDataError):
        check_lengths(path)


def test_what_is_not_there_or_closed(tmp_path: Path, unprivileged) -> None:
    with pytest.raises(BadDataError, match="does not exist"):
        check_lengths(tmp_path / "none")
    closed = tmp_path / "closed"
    closed.touch(mode=0)
    with unprivileged(), pytest.raises(EnvironmentTrouble):
        check_lengths(closed)
