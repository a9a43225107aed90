from __future__ import annotations

import struct
from pathlib import Path

import pytest
import tensorflow as tf

from data.errors import BadDataError
from data.examples import tfrecord
from data.files.tfrecord_frames import frame_record, masked_crc

CONTENTS = [b"", b"a", bytes(1000), b"\xff" * 70_000]


def read(folder: Path, content: bytes, wanted: list[int]) -> list[bytes]:
    path = folder / "shard"
    path.write_bytes(content)

    class Shards:
        def shards(self, split: str) -> list[Path]:
            return [path]

    return list(tfrecord.read_records(Shards(), "train", wanted))  # type: ignore[arg-type]


def test_tensorflow_reads_and_writes_the_same(tmp_path: Path) -> None:
    framed = b"".join(map(frame_record, CONTENTS))
    (tmp_path / "ours").write_bytes(framed)
    theirs = tf.data.TFRecordDataset(str(tmp_path / "ours"))
    assert list(theirs.as_numpy_iterator()) == CONTENTS
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for content in CONTENTS:
            writer.write(content)
    assert (tmp_path / "theirs").read_bytes() == framed
    assert read(tmp_path, framed, [0, 1, 2, 3]) == CONTENTS
    assert read(tmp_path, framed, [1, 3]) == [CONTENTS[1], CONTENTS[3]]


@pytest.mark.parametrize("claimed", [1001, 2**20, 2**40, 2**62, 2**64 - 1])
@pytest.mark.parametrize("wanted", [[1], [2]])
def test_a_record_that_claims_more_than_there_is(tmp_path, claimed: int, wanted: list[int]) -> None:
    """Its header has the right checksum, so that somebody meant it."""
    length = struct.pack("<Q", claimed)
    head = length + masked_crc(length)  # the checksum of a content of these bytes
    with pytest.raises(BadDataError, match=f"{claimed} bytes with 1004 bytes left"):
        read(tmp_path, frame_record(b"first") + head + bytes(1004), wanted)


def test_a_flipped_bit_and_a_cut_are_damage(tmp_path: Path) -> None:
    framed = bytearray(frame_record(bytes(100)))
    for cut in (1, 11, 12, 50, len(framed) - 1):
        with pytest.raises(BadDataError):
            read(tmp_path, bytes(framed[:cut]), [0])
    for place in range(len(framed)):
        framed[place] ^= 1
        with pytest.raises(BadDataError):
            read(tmp_path, bytes(framed), [0])
        framed[place] ^= 1
