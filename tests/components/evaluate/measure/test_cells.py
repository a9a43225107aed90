from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.evaluate.measure.cells import add_cells, count_cells, fill_table, find_largest

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=40)  # 5: no number


def counted(pairs: list[tuple[int, int]]) -> np.ndarray:
    labels, predicted = np.array(pairs, np.int64).reshape(-1, 2).T
    return count_cells(labels, predicted)


@given(one=PAIRS, other=PAIRS)
def test_pairs_are_counted_as_a_loop_counts_them(one, other):
    wanted = [[*pair, number] for pair, number in sorted(Counter(one + other).items())]
    found = add_cells(counted(one), counted(other))
    assert found.tolist() == wanted
    assert found.dtype == np.int64
    dense = np.zeros((5, 6), np.int64)
    for label, said, number in wanted:
        dense[label, said] = number
    assert np.array_equal(fill_table(found, 5, 5), dense[:, :5])


@given(pairs=PAIRS, number=st.integers(0, 8))
def test_the_largest_are_the_cells_beside_the_diagonal_by_images(pairs, number):
    cells = [[*pair, n] for pair, n in Counter(pairs).items() if pair[0] != pair[1] != 5]
    wanted = sorted(cells, key=lambda cell: (-cell[2], cell[0], cell[1]))[:number]
    assert find_largest(counted(pairs), 5, number).tolist() == wanted


@given(pairs=PAIRS, cut=st.integers(0, 40))
def test_values_are_summed_beside_the_images(pairs, cut):
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    values = np.random.default_rng(0).random((2, len(pairs)))
    parts = [
        count_cells(rows[some], columns[some], *values[:, some])
        for some in (slice(cut), slice(cut, None))
    ]
    wanted = np.zeros((5, 6, 3))
    for row, column, *of_image in zip(rows, columns, *values, strict=True):
        wanted[row, column] += [1, *of_image]
    np.testing.assert_allclose(fill_table(add_cells(*parts), 5, 6), wanted, rtol=1e-12)


def test_of_a_million_classes_only_what_is_there_is_kept():
    found = counted([(999_999, 1_000_000), (0, 999_999), (0, 999_999)])
    assert found.tolist() == [[0, 999_999, 2], [999_999, 1_000_000, 1]]
