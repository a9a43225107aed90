"""Decode and fit the contents of many files: for ingest, on as many cores as there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from itertools import compress, islice
from typing import Any, NamedTuple

import numpy as np

from data.base.content_hash import hash_share
from data.errors import BadDataError
from data.images import plain_files
from data.images.header import read_header
from data.spec import ImageSpec

_BATCH_FILES = 256  # most files of a batch,
_BATCH_BYTES = 64 << 20  # and about the most bytes of their decoded pixels
_PARALLEL = 16  # files decoded at a time; TensorFlow's threads are as many as the cores


class ReadImage(NamedTuple):
    """The outcome for one file."""

    pixels: np.ndarray | None  # (spec.height, spec.width, spec.channels) uint8; None: a bad file
    # Of the decoded pixels before the geometry, for each purpose: 0-1, uniform, as
    # `content_hash.hash_image_shares` computes it of an array of the same pixels.
    shares: dict[str, float]
    problem: str | None = None  # why the file is bad, in one sentence
    kind: str = ""  # jpeg, png, gif, webp or bmp
    height: int = 0  # of the file, as stored
    width: int = 0


Batch = list[bytes]
ReadBatch = Callable[[Batch], list[ReadImage]]


def read_files(
    contents: Sequence[bytes], spec: ImageSpec, purposes: Sequence[str]
) -> Iterator[ReadImage]:
    """Decode and fit files, in their order; a bad file is an outcome, not an error."""
    spec = replace(spec, class_names=("any", "other"))  # traced once for all names
    plain = list(map(plain_files.make_test(spec), contents))
    others = compress(contents, [not is_plain for is_plain in plain])
    read_any: ReadBatch = partial(_read_batch, spec=spec, purposes=purposes)
    read_plain: ReadBatch = partial(_read_plain, spec=spec, purposes=purposes)
    with ThreadPoolExecutor(1) as pool:
        results = {
            True: _read_ahead(_group_plain(compress(contents, plain)), read_plain, pool),
            False: _read_ahead(_make_batches(others, spec), read_any, pool),
        }
        for is_plain in plain:
            yield next(results[is_plain])


def _read_ahead(batches: Iterator[Batch], read: ReadBatch, pool: Executor) -> Iterator[ReadImage]:
    """Yield the outcomes of all batches; the next batch is decoded while those of one are used."""
    reading = deque(pool.submit(read, batch) for batch in islice(batches, 2))
    while reading:
        results = reading.popleft().result()
        reading.extend(pool.submit(read, batch) for batch in islice(batches, 1))
        yield from results


def _group_plain(contents: Iterator[bytes]) -> Iterator[Batch]:
    while batch := list(islice(contents, plain_files.COUNT)):
        yield batch


def _make_batches(contents: Iterable[bytes], spec: ImageSpec) -> Iterator[Batch]:
    """Group files so that their decoded pixels fit in memory, by what their headers say."""
    batch: Batch = []
    room = _BATCH_BYTES
    for content in contents:
        try:
            header = read_header(content)
            needed = header.height * header.width * spec.channels
        except BadDataError:
            needed = 0  # nothing is decoded
        if batch and (len(batch) == _BATCH_FILES or needed > room):
            yield batch
            batch, room = [], _BATCH_BYTES
        batch.append(content)
        room -= needed
    if batch:
        yield batch


def _read_plain(batch: Batch, spec: ImageSpec, purposes: Sequence[str]) -> list[ReadImage]:
    """Read plain files at once; where one is damaged, as files of any kind."""
    import tensorflow as tf

    decode = plain_files.make_decoder(spec.shape)
    full = batch + batch[-1:] * (plain_files.COUNT - len(batch))
    try:
        pixels = decode(tf.constant(full)).numpy()[: len(batch)]
    except tf.errors.OpError:
        return _read_batch(batch, spec, purposes)
    return [ReadImage(p, _hash(p, purposes), None, "png", spec.height, spec.width) for p in pixels]


def _read_batch(batch: Batch, spec: ImageSpec, purposes: Sequence[str]) -> list[ReadImage]:
    """Read a batch at once; where a file in it is bad, in smaller and smaller parts."""
    import tensorflow as tf

    from data.images.reasons import explain_error

    try:
        read = _make_function(spec, bool(purposes))
        results = [result.numpy() for result in read(tf.constant(batch))]
        return [_describe(purposes, *result) for result in zip(*results, strict=True)]
    except tf.errors.OpError as error:
        if len(batch) == 1:
            return [ReadImage(None, {}, explain_error(error))]
        size = -(-len(batch) // 8)
        parts = (batch[at : at + size] for at in range(0, len(batch), size))
        return [result for part in parts for result in _read_batch(part, spec, purposes)]


def _describe(
    purposes: Sequence[str], pixels: np.ndarray, message: bytes, shape: np.ndarray, kind: int
) -> ReadImage:
    from data.images.decode import KINDS

    height, width, channels = shape.tolist()
    # The bytes of the decoded pixels end the message; without one they are the fitted pixels.
    decoded = memoryview(message)[-height * width * channels :] if message else pixels
    return ReadImage(pixels, _hash(decoded, purposes), None, KINDS[kind], height, width)


def _hash(pixels: np.ndarray | memoryview, purposes: Sequence[str]) -> dict[str, float]:
    return {purpose: hash_share(pixels, purpose) for purpose in purposes}


@lru_cache(maxsize=8)
def _make_function(spec: ImageSpec, hashed: bool) -> Callable[[Any], Any]:
    """Make the function of a batch of files, (n,) string.

    It returns the fitted pixels, the decoded pixels as messages (empty where they are the same, and
    where they are not hashed), their shapes, and the indices in KINDS.
    """
    import tensorflow as tf

    from data.images.decode import decode, find_kind
    from data.images.fit import fit

    def read_one(file: tf.Tensor) -> tuple[tf.Tensor, ...]:
        native, orientation = decode(file, spec)
        shape, message = tf.shape(native), tf.constant("")
        if hashed:
            turned = (orientation != 1) & (spec.geometry.orientation == "apply")
            same = tf.reduce_all(shape == spec.shape) & ~turned
            message = tf.cond(same, lambda: "", lambda: tf.io.serialize_tensor(native))
        return fit(native, orientation, spec), message, shape, find_kind(file)

    outputs = (
        tf.TensorSpec(spec.shape, tf.uint8),
        tf.TensorSpec([], tf.string),
        tf.TensorSpec([3], tf.int32),
        tf.TensorSpec([], tf.int32),
    )
    function: Callable[[Any], Any] = tf.function(
        lambda files: tf.map_fn(
            read_one, files, fn_output_signature=outputs, parallel_iterations=_PARALLEL
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    return function
