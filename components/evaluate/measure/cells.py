"""Store a table of sums by class and another index as a list of its non-empty cells.

N images fill at most N cells, however many classes there are. A whole table of 10,000 labels by
10,000 predictions would take 0.8 GB for each model and slice.
"""

from __future__ import annotations

import numpy as np


def count_cells(rows: np.ndarray, columns: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """Count images, and sum their values, by two indices.

    Args:
        rows: (n,) int64 from 0, less than 2^31.
        columns: (n,) int64 from 0, less than 2^31.
        values: (n,) each, one value per image.

    Returns:
        (cells, 3 + values), sorted: row, column, images, sums; int64, or float64 with values.
    """
    each = [rows, columns, np.ones_like(rows), *values]
    return _sum_up(np.stack(each, axis=1).astype(np.float64 if values else np.int64))


def add_cells(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Add two results of `count_cells`."""
    return _sum_up(np.concatenate([one, other]))


def _sum_up(cells: np.ndarray) -> np.ndarray:
    codes = cells[:, 0].astype(np.int64) << 32 | cells[:, 1].astype(np.int64)
    codes, index = np.unique(codes, return_inverse=True)
    sums = np.zeros((len(codes), cells.shape[1]), cells.dtype)
    sums[:, 0], sums[:, 1] = codes >> 32, codes & 0xFFFFFFFF
    np.add.at(sums[:, 2:], index, cells[:, 2:])
    return sums


def fill_table(cells: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Fill a table (rows, columns) or (rows, columns, sums); columns beyond it are left out."""
    table = np.zeros((rows, columns, cells.shape[1] - 2), cells.dtype)
    inside = cells[cells[:, 1] < columns]
    row, column = inside[:, :2].astype(np.int64).T
    table[row, column] = inside[:, 2:]
    return table[..., 0] if table.shape[2] == 1 else table


def find_largest(cells: np.ndarray, classes: int, number: int) -> np.ndarray:
    """Find the cells with the most images of one class that were predicted as another."""
    wrong = cells[(cells[:, 0] != cells[:, 1]) & (cells[:, 1] < classes)]
    chosen: np.ndarray = wrong[np.argsort(-wrong[:, 2], kind="stable")[:number]]
    return chosen
