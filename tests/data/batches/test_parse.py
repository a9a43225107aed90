from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
import tensorflow as tf

from data.batches.parse import parse_raw_examples, translate_record_errors
from data.batches.sequential import read_batches
from data.batches.training import plan_feed, read_training_chunks
from data.errors import BadDataError
from data.examples.artifact import Examples
from data.examples.tf_example import encode
from data.files.tfrecord_frames import masked_crc

LABELS = np.arange(7)


def test_parsing_refuses_records_of_another_kind(small) -> None:
    examples = small.examples
    other = dataclasses.replace(examples.spec, width=6)
    records = [tf.train.Example().SerializeToString()]
    for serialized, spec in ((records, examples.spec), ([b"no example"], examples.spec)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            parse_raw_examples(tf.constant(serialized), spec)
    (shard,) = examples.shards("test")
    whole = next(iter(tf.data.TFRecordDataset(str(shard)).batch(7)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_raw_examples(whole, other)
    np.testing.assert_array_equal(parse_raw_examples(whole, examples.spec)[0], small.images[:7])


def flipped(content: bytes) -> bytes:
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


def claiming(length: int):
    """The last record's header claims so many bytes, with the right checksum."""

    def edit(content: bytes) -> bytes:
        head = struct.pack("<Q", length)
        return content[: len(content) // 7 * 6] + head + masked_crc(head) + bytes(80)

    return edit


def labelled(label: int) -> bytes:
    return encode(np.zeros((7, 4, 5, 3), np.uint8), np.where(LABELS == 5, label, LABELS))


def in_order(examples: Examples) -> None:
    list(read_batches(examples, "test", batch_size=2))


def training(cache: str):
    """A reader that takes the split `test` for train, as training would."""

    def read(examples: Examples) -> None:
        for shard in examples.shards("test"):
            shard.with_name(shard.name.replace("test", "train")).write_bytes(shard.read_bytes())
        for old in examples.shards("train"):
            if old.name.endswith("of-00003"):
                old.unlink()
        counts = {"train": examples.counts["test"]}
        mine = dataclasses.replace(examples, counts=counts)
        feed = plan_feed(mine, batch_size=2, cache=cache, scratch=examples.path)
        list(read_training_chunks(mine, feed, epochs=2, seed=0, scratch=examples.path))

    return read


@pytest.mark.parametrize(
    "reader",
    [in_order, training("memory"), training("disk"), training("stream")],
    ids=["in order", "memory", "disk", "stream"],
)
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (flipped, "corrupted record at"),
        (lambda content: content[:-1], "bytes with"),
        (claiming(2**40), f"a length of {2**40} bytes with 80 bytes left"),
        (claiming(2**62), f"a length of {2**62} bytes with 80 bytes left"),
        (lambda content: content[: len(content) // 7 * 6], "contained only 6"),
        (lambda content: content + content, "contained at least 8"),
        (lambda content: b"", "contained only 0"),
        (lambda content: encode(np.zeros((7, 4, 4, 3), np.uint8), LABELS), "reshape"),
        (lambda content: labelled(3000), "label outside 0 to 2999"),
    ],
    ids=["flipped", "cut", "2^40", "2^62", "too few", "too many", "none", "other size", "label"],
)
def test_a_shard_that_is_not_what_it_was(small, reader, edit, words: str) -> None:
    with translate_record_errors(small.examples):
        reader(small.examples)
    (shard,) = small.examples.shards("test")
    shard.write_bytes(edit(shard.read_bytes()))
    with pytest.raises(BadDataError) as caught, translate_record_errors(small.examples):
        reader(small.examples)
    assert words in (caught.value.got or "")
    assert "{{" not in str(caught.value)


def test_the_models_own_errors_are_let_through(small) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError), translate_record_errors(small.examples):
        tf.reshape(tf.zeros(3), [2, 2])
