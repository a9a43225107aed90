"""Each DoFn that lets TensorFlow read examples looks at the records' lengths first."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from data.errors import BadDataError, deserialize_error, serialize_error
from data.examples.artifact import Examples
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
