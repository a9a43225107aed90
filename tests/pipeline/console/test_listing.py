"""Listings of any texts at any width: no line is too wide, and no letter is lost."""

from __future__ import annotations

import io
from collections import Counter

import hypothesis.strategies as st
from hypothesis import given

from pipeline.console.listing import Column, Listing
from pipeline.console.terminal import Console

WORD = st.text("abc", min_size=1, max_size=9)
CELL = st.lists(WORD, max_size=12).map(" ".join)


@given(
    folds=st.lists(st.booleans(), min_size=1, max_size=4),
    rows=st.lists(st.tuples(WORD, CELL, CELL, CELL, CELL), min_size=1, max_size=4),
    width=st.integers(12, 130),
)
def test_no_line_is_wider_than_the_terminal_and_no_letter_is_lost(folds, rows, width) -> None:
    columns = [Column("0", title=True)]
    columns += [Column(str(i), fold=9 if fold else 0) for i, fold in enumerate(folds, 1)]
    rows = [row[: len(columns)] for row in rows]
    console = Console(file=io.StringIO(), width=width)
    listing = Listing(columns, rows)
    lines = [line.plain for line in listing._lines(console, width)]
    if listing._widths(width):  # a table: else a word of a block may be longer than a line
        assert max(map(len, lines)) <= width
    letters = Counter("".join("".join(row) for row in rows))
    shown = Counter("".join(lines))
    assert [shown[letter] for letter in "abc"] == [letters[letter] for letter in "abc"]
