"""Read mutated tables: `python mutated_tables.py KIND FIRST COUNT` prints the outcomes as JSON.

Mutation N is the same in every run. Each ends in rows that are counted exactly, or in an error with
its four parts.
"""

from __future__ import annotations

import csv
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
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import PenstockError
from data.sources import SourceConfig
from data.sources.image_files.table import TableSource

KINDS = ["csv", "parquet"]
_ROWS = 40
_TOKENS = [
    *(b'"', b'""', b",", b"\n", b"\r", b";", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"../", b"/etc/", b"nan", b"01", b"test", b"path", b"label", b"\xe2\x80\xae"),
    b"a" * 2_000_000,
]
_EXTREMES = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1]


def make_folder(folder: Path) -> None:
    """Write the images that the tables name."""
    for index in range(_ROWS):
        path = folder / f"{'ab'[index % 2]}/{index}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")


def make_tables(kind: str) -> list[bytes]:
    """Make whole tables, in some of the forms that a format has."""
    columns: dict[str, list[Any]] = {
        "path": [f"{'ab'[index % 2]}/{index}.png" for index in range(_ROWS)],
        "label": [("cat", 'a "dog", big', "eel")[index % 3] for index in range(_ROWS)],
        "split": [("train", "val", "test")[index % 3] for index in range(_ROWS)],
        "number": list(range(_ROWS)),
    }
    if kind == "csv":
        text = io.StringIO()
        csv.writer(text).writerows([columns, *zip(*columns.values(), strict=True)])
        plain = text.getvalue()
        return [plain.encode(), plain.encode("utf-16"), plain.encode("utf-8-sig")]
    tables = []
    for options in (
        {"compression": "none", "use_dictionary": False},
        {"compression": "snappy"},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "gzip", "use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"},
        {"compression": "none", "row_group_size": 7, "write_page_index": True},
    ):
        table = dict(columns)
        if "column_encoding" in options:
            table.pop("number")
        file = io.BytesIO()
        pq.write_table(pa.table(table), file, **options)
        tables.append(file.getvalue())
    return tables


def mutate(content: bytes, draw: np.random.Generator) -> bytes:
    """Change a few bytes, numbers or stretches."""
    changed = bytearray(content)
    for _ in range(draw.integers(1, 3)):
        place = int(draw.integers(0, len(changed) + 1))
        length = int(draw.integers(1, 40))
        match draw.integers(0, 7):
            case 0:
                changed[place : place + 1] = bytes([draw.integers(0, 256)])
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = draw.bytes(length)
            case 3:
                changed[place:place] = changed[place // 2 : place // 2 + length]
            case 4:
                token = _TOKENS[draw.integers(0, len(_TOKENS))]
                changed[place:place] = token
            case 5:
                size = int(draw.choice([1, 2, 4, 8]))
                value = _EXTREMES[draw.integers(0, len(_EXTREMES))] % (1 << 8 * size)
                changed[place : place + size] = value.to_bytes(size, "little")
            case 6:
                bit = 1 << int(draw.integers(0, 8))
                if place < len(changed):
                    changed[place] ^= bit
    if draw.random() < 0.1:
        del changed[int(draw.integers(0, len(changed) + 1)) :]
    return bytes(changed)


def count_rows(path: Path) -> int:
    """Count the rows by other means than the source does."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as table:
            names = [name for name in table.schema_arrow.names if name.lower() == "path"]
            return int(table.read(columns=names).num_rows)
    content = path.read_bytes()
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16" if is_wide else "utf-8-sig", "surrogateescape")
    first = io.StringIO(text, newline="").readline()
    separator = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return sum(bool(line) for line in lines) - 1


def read(path: Path) -> str:
    """Read a table, and return how it ended."""
    source = TableSource(SourceConfig(path=str(path)))
    try:
        names = source.class_names()
        files = [file for part in source.list_parts() for file in source.read_files(part)]
    except PenstockError as error:
        parts = (error.what, error.expected, error.got, error.follows, error.remedy)
        "".join(map(str, parts)).encode()
        return "refused" if all(parts) else f"refused without all parts: {error}"
    repeated = sum(" repeats " in entry.reason for entry in source.left_out())
    assert len(files) + repeated == count_rows(path)
    assert {file.label for file in files} <= set(names)
    assert len({file.name for file in files}) == len(files)
    assert {file.split for file in files} <= {"train", "validation", "test", None}
    for file in files:
        assert bool(file.problem) != bool(file.content)
    return "read, with bad files" if any(file.problem for file in files) else "read"


def run(kind: str, first: int, count: int) -> dict[str, Any]:
    """Read mutations, and return their outcomes, the longest time and the growth of memory."""
    outcomes: Counter[str] = Counter()
    longest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_folder(folder)
        tables = make_tables(kind)
        path = folder / f"t.{kind}"
        path.write_bytes(tables[0])
        assert read(path) == "read"

        def read_all() -> None:
            nonlocal longest
            for number in range(first, first + count):
                draw = np.random.default_rng(number)
                path.write_bytes(mutate(tables[number % len(tables)], draw))
                start = time.process_time()
                try:
                    outcomes[read(path)] += 1
                except BaseException:
                    print(f"mutation {number} of {kind}", file=sys.stderr)
                    raise
                longest = max(longest, time.process_time() - start)

        grown = peak_memory.growth(read_all)
    return {"outcomes": dict(outcomes), "cpu_seconds": longest, "grown": grown}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
