"""Sums by class and one other index, as the cells that there are: no table of all.

N images are in at most N cells, however many classes there are. A table of 10,000 labels by as many
predictions would be 0.8 GB for each model and slice.
"""

from __future__ import annotations

import numpy as np


def count_cells(rows: np.ndarray, columns: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """Images, and sums of their values, by two indices.

    Args:
        rows: (n,) int64 from 0, less than 2^31.
        columns: (n,) of the same kind.
        values: (n,) each, of the images.

    Returns:
        (cells, 3 + values), sorted: row, column, images, sums; int64, float64 where there are
        values.
    """
    each = [rows, columns, np.ones_like(rows), *values]
    return _sum_up(np.stack(each, axis=1).astype(np.float64 if values else np.int64))


def add_cells(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The sum of two of `count_cells`."""
    return _sum_up(np.concatenate([one, other]))


def _sum_up(cells: np.ndarray) -> np.ndarray:
    codes = cells[:, 0].astype(np.int64) << 32 | cells[:, 1].astype(np.int64)
    codes, index = np.unique(codes, return_inverse=True)
    found = np.zeros((len(codes), cells.shape[1]), cells.dtype)
    found[:, 0], found[:, 1] = codes >> 32, codes & 0xFFFFFFFF
    np.add.at(found[:, 2:], index, cells[:, 2:])
    return found


def fill_table(cells: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(rows, columns), or (rows, columns, sums) of several; what lies beyond is left out."""
    found = np.zeros((rows, columns, cells.shape[1] - 2), cells.dtype)
    inside = cells[cells[:, 1] < columns]
    row, column = inside[:, :2].astype(np.int64).T
    found[row, column] = inside[:, 2:]
    return found[..., 0] if found.shape[2] == 1 else found


def find_largest(cells: np.ndarray, classes: int, number: int) -> np.ndarray:
    """The cells with the most images of one class that were taken for another, at most `number`."""
    wrong = cells[(cells[:, 0] != cells[:, 1]) & (cells[:, 1] < classes)]
    chosen: np.ndarray = wrong[np.argsort(-wrong[:, 2], kind="stable")[:number]]
    return chosen
