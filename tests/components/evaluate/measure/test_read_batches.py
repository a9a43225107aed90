"""Each DoFn that lets TensorFlow read examples looks at the records' lengths first."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
from encoded_examples import encode_file
from image_files import to_file

from data.errors import BadDataError, deserialize_error, serialize_error
from data.examples.artifact import Examples
from data.examples.tf_example import encode
from data.files.tfrecord_frames import masked_crc
from data.spec import ImageSpec

pytestmark = pytest.mark.slow  # the import of the analysis

SPEC = ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))
EXAMPLES = Examples(path=Path("nowhere"), spec=SPEC, counts={"train": (1, 0)})


def of_evaluate(shard: Path) -> None:
    from components.evaluate.measure.read_batches import ReadBatches

    list(ReadBatches(EXAMPLES, "train", ()).process((str(shard), 0)))


def of_normalize(shard: Path) -> None:
    from components.normalize.analysis import ReadBatches

    list(ReadBatches(EXAMPLES).process(str(shard)))


def of_the_numbers(shard: Path) -> None:
    from components.evaluate.measure.slice_files import read_slices

    try:
        list(read_slices(shard.parent))
    except BadDataError as error:  # no worker is between
        raise RuntimeError(serialize_error(error)) from error


@pytest.mark.parametrize("length", [2**40, 2**62])
@pytest.mark.parametrize("read", [of_evaluate, of_normalize, of_the_numbers])
def test_a_record_that_claims_more_than_there_is(tmp_path: Path, read, length: int) -> None:
    head = struct.pack("<Q", length)
    shard = tmp_path / "metrics-train.tfrecord-00000-of-00001"
    shard.write_bytes(head + masked_crc(head) + bytes(80))
    with pytest.raises(RuntimeError) as caught:
        read(shard)
    error = deserialize_error(str(caught.value))
    assert isinstance(error, BadDataError)
    assert f"{shard} is damaged: record 0 cannot be read" in str(error)


def test_normalize_reads_files_as_it_reads_pixels_and_names_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    from components.normalize.analysis import ReadBatches

    monkeypatch.setattr(
        "data.batches.parse.read_image",  # the whole decoder costs a second
        lambda file, spec: tf.io.decode_png(file, channels=spec.channels),
    )
    images = np.arange(20, dtype=np.uint8).reshape(5, *SPEC.shape)
    labels = np.array([0, 1, 1, 0, 1])
    files = [to_file(image) for image in images]
    shards = {
        "raw": encode(images, labels),
        "encoded": b"".join(map(encode_file, files, labels.tolist())),
        "damaged": b"".join(encode_file(file[:60], 1) for file in files),
    }
    batches = {}
    for name, content in shards.items():
        (tmp_path / name).write_bytes(content)
        store = "raw" if name == "raw" else "encoded"
        batches[name] = ReadBatches(dataclasses.replace(EXAMPLES, store=store)).process(
            str(tmp_path / name)
        )
    assert list(batches["encoded"]) == list(batches["raw"])
    with pytest.raises(RuntimeError) as caught:
        list(batches["damaged"])
    assert isinstance(deserialize_error(str(caught.value)), BadDataError)
