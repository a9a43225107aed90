"""Read mutated Parquet files of images: `python mutated_parquet.py FIRST COUNT` prints outcomes.

Mutation N is the same in every run. Each ends in rows that are counted exactly, or in an error with
its parts.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import peak_memory
import pyarrow.parquet as pq
from mutated_tables import mutate
from parquet_files import make_table

from data.errors import PenstockError
from data.sources import SourceConfig
from data.sources.image_files.parquet.source import ParquetSource

_ROWS = 40


def make_files() -> list[bytes]:
    """Make whole files, in some of the forms that the format has."""
    contents = [bytes([index]) * (10 + index) for index in range(_ROWS)]
    numbers, names = [index % 3 for index in range(_ROWS)], ("cat", "dog", "eel")
    more = {"who": [f"p{index % 5}" for index in range(_ROWS)]}
    tables = [
        make_table(contents, numbers, names, more=more),
        make_table(contents, [names[number] for number in numbers], more=more),
    ]
    files = []
    for table in tables:
        for options in (
            {"compression": "snappy", "row_group_size": 7},
            {"compression": "none", "use_dictionary": False},
            {"compression": "zstd", "data_page_version": "2.0", "write_page_index": True},
            {"compression": "gzip", "store_schema": False},
        ):
            file = io.BytesIO()
            pq.write_table(table, file, **options)
            files.append(file.getvalue())
    return files


def read(path: Path) -> str:
    """Read a file, and return how it ended."""
    try:
        source = ParquetSource(SourceConfig(path=str(path), features=("who",), group="(.)"))
        names, parts = source.class_names(), source.list_parts()
        files = [file for part in parts for file in source.read_files(part)]
    except PenstockError as error:
        texts = (error.what, error.expected, error.got, error.follows, error.remedy)
        "".join(map(str, texts)).encode()
        return "refused" if all(map(str, texts)) else f"refused without all parts: {error}"
    assert len(files) == sum(part.files for part in parts) == pq.read_metadata(path).num_rows
    assert len({file.name for file in files}) == len(files)
    for file in files:
        assert bool(file.problem) != bool(file.content)
        assert file.problem or file.label in names
    return "read, with bad files" if any(file.problem for file in files) else "read"


def run(first: int, count: int) -> dict[str, Any]:
    """Read mutations, and return their outcomes, the longest time and the growth of memory."""
    outcomes: Counter[str] = Counter()
    longest = 0.0
    with tempfile.TemporaryDirectory() as name:
        files, path = make_files(), Path(name) / "a.parquet"
        for file in files:
            path.write_bytes(file)
            assert read(path) == "read"

        def read_all() -> None:
            nonlocal longest
            for number in range(first, first + count):
                draw = np.random.default_rng(number)
                path.write_bytes(mutate(files[number % len(files)], draw))
                start = time.process_time()
                try:
                    outcomes[read(path)] += 1
                except BaseException:
                    print(f"mutation {number}", file=sys.stderr)
                    raise
                longest = max(longest, time.process_time() - start)

        grown = peak_memory.growth(read_all)
    return {"outcomes": dict(outcomes), "cpu_seconds": longest, "grown": grown}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
