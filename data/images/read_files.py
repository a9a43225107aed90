"""Decode and fit the contents of many files: for ingest, on as many cores as there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from data.base.content_hash import hash_image_shares
from data.errors import BadDataError
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


def read_files(
    contents: Sequence[bytes], spec: ImageSpec, purposes: Sequence[str]
) -> Iterator[ReadImage]:
    """Decode and fit files, in their order; a bad file is an outcome, not an error."""
    read = _make_function(replace(spec, class_names=("any", "other")))  # traced once for all names
    batches = _make_batches(contents, spec)
    # The next batch is decoded while the pixels of one are hashed and used.
    with ThreadPoolExecutor(1) as pool:
        reading = deque(pool.submit(_read_batch, batch, read) for batch in islice(batches, 2))
        while reading:
            results = reading.popleft().result()
            reading.extend(pool.submit(_read_batch, batch, read) for batch in islice(batches, 1))
            for result in results:
                yield result if isinstance(result, ReadImage) else _describe(purposes, *result)


def _make_batches(contents: Sequence[bytes], spec: ImageSpec) -> Iterator[list[bytes]]:
    """Group files so that their decoded pixels fit in memory, by what their headers say."""
    batch: list[bytes] = []
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


def _read_batch(batch: list[bytes], read: Callable[[Any], Any]) -> list[Any]:
    """Read a batch at once; where a file in it is bad, in smaller and smaller parts.

    Returns:
        For each file what the function returns, or the outcome of a bad file.
    """
    import tensorflow as tf

    from data.images.reasons import explain_error

    try:
        return list(zip(*(result.numpy() for result in read(tf.constant(batch))), strict=True))
    except tf.errors.OpError as error:
        if len(batch) == 1:
            return [ReadImage(None, {}, explain_error(error))]
        size = -(-len(batch) // 8)
        parts = (batch[at : at + size] for at in range(0, len(batch), size))
        return [result for part in parts for result in _read_batch(part, read)]


def _describe(
    purposes: Sequence[str], pixels: np.ndarray, message: bytes, shape: np.ndarray, kind: int
) -> ReadImage:
    from data.images.decode import KINDS

    # The bytes of the decoded pixels end the message; without one they are the fitted pixels.
    count = int(np.prod(shape))
    decoded = np.frombuffer(message, np.uint8)[-count:].reshape(shape) if message else pixels
    shares = {p: float(hash_image_shares(decoded[None], p)[0]) for p in purposes}
    return ReadImage(pixels, shares, None, KINDS[kind], int(shape[0]), int(shape[1]))


@lru_cache(maxsize=8)
def _make_function(spec: ImageSpec) -> Callable[[Any], Any]:
    """Make the function of a batch of files, (n,) string.

    It returns the fitted pixels, the decoded pixels as messages (empty where they are the same),
    their shapes, and the indices in KINDS.
    """
    import tensorflow as tf

    from data.images.decode import decode, find_kind
    from data.images.fit import fit

    def read_one(file: tf.Tensor) -> tuple[tf.Tensor, ...]:
        native, orientation = decode(file, spec)
        shape = tf.shape(native)
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
