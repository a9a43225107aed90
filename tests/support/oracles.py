"""Compute the from-scratch tutorial's tensor operations with naive loops, in float64.

Slow and plain, so that one can see that they are right; what is fast is held against them.
A wrong shape fails an assertion. Vectors are (n,), matrices (rows, columns).
"""

from __future__ import annotations

import math

import numpy as np


def relu(x: np.ndarray) -> np.ndarray:
    """What is below 0 becomes 0: (rows, columns) -> the same shape."""
    assert x.ndim == 2
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            result[i, j] = max(x[i, j], 0.0)
    return result


def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Number by number: two matrices of one shape -> the same shape."""
    assert x.ndim == 2
    assert x.shape == y.shape
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            result[i, j] = x[i, j] + y[i, j]
    return result


def add_matrix_and_vector(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Broadcasting: (rows, columns), (columns,) -> (rows, columns); y is added to each row."""
    assert x.ndim == 2
    assert y.ndim == 1
    assert x.shape[1] == y.shape[0]
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            result[i, j] = x[i, j] + y[j]
    return result


def vector_dot(x: np.ndarray, y: np.ndarray) -> float:
    """(n,), (n,) -> the sum of the products."""
    assert x.ndim == 1
    assert y.ndim == 1
    assert x.shape[0] == y.shape[0]
    result = 0.0
    for i in range(x.shape[0]):
        result += float(x[i]) * float(y[i])
    return result


def matrix_vector_dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(rows, n), (n,) -> (rows,): the dot product of each row."""
    assert x.ndim == 2
    assert y.ndim == 1
    assert x.shape[1] == y.shape[0]
    result = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        result[i] = vector_dot(x[i, :], y)
    return result


def matrix_dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(rows, n), (n, columns) -> (rows, columns): of each row with each column."""
    assert x.ndim == 2
    assert y.ndim == 2
    assert x.shape[1] == y.shape[0]
    result = np.zeros((x.shape[0], y.shape[1]))
    for i in range(x.shape[0]):
        for j in range(y.shape[1]):
            result[i, j] = vector_dot(x[i, :], y[:, j])
    return result


def outer(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,), (m,) -> (n, m): each number of x times each of y."""
    assert x.ndim == 1
    assert y.ndim == 1
    result = np.zeros((x.shape[0], y.shape[0]))
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            result[i, j] = float(x[i]) * float(y[j])
    return result


def transpose(x: np.ndarray) -> np.ndarray:
    """(rows, columns) -> (columns, rows)."""
    assert x.ndim == 2
    result = np.zeros((x.shape[1], x.shape[0]))
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            result[j, i] = x[i, j]
    return result


def reshape(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The same numbers in another shape, the last axis running fastest in both."""
    assert math.prod(x.shape) == math.prod(shape)
    result = np.zeros(shape)
    for place in range(math.prod(shape)):
        result[_index(place, shape)] = x[_index(place, x.shape)]
    return result


def softmax(x: np.ndarray) -> np.ndarray:
    """(rows, columns) -> the same shape: e to each number, over the sum of its row."""
    assert x.ndim == 2
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        greatest = max(x[i, :])  # cancels out; without it a great number has no e to it
        powers = [math.exp(number - greatest) for number in x[i, :]]
        for j in range(x.shape[1]):
            result[i, j] = powers[j] / sum(powers)
    return result


class BatchGenerator:
    """The tutorial's batches: slices in the order of the data, the last one what is left."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, batch_size: int) -> None:
        assert len(images) == len(labels)
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.num_batches = math.ceil(len(images) / batch_size)
        self.index = 0

    def next(self) -> tuple[np.ndarray, np.ndarray]:
        here = slice(self.index, self.index + self.batch_size)
        self.index += self.batch_size
        return self.images[here], self.labels[here]


def _index(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Where the number at this place, counted through the whole array, lies."""
    index: list[int] = []
    for size in reversed(shape):
        place, at = divmod(place, size)
        index.insert(0, at)
    return tuple(index)
