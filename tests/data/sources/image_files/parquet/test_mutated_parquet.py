"""Mutated and hostile Parquet files: a clear error or exact counts, whatever the bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutated_parquet
import peak_memory
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parquet_files import IMAGE, make_table, write

from data.errors import BadDataError
from data.sources import SourceConfig
from data.sources.file_source import ImageFile
from data.sources.image_files.parquet.source import ParquetSource


def test_300_mutated_files() -> None:
    check(mutated_parquet.run(0, 300), 300)


@pytest.mark.torture
def test_10000_mutated_files() -> None:
    command = [sys.executable, "-X", "faulthandler", mutated_parquet.__file__, "1000", "10000"]
    done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace")
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    check(report, 10_000)
    assert report["cpu_seconds"] < 5


def check(report: dict[str, Any], count: int) -> None:
    assert sum(report["outcomes"].values()) == count
    assert report["outcomes"].keys() <= {"read", "read, with bad files", "refused"}
    assert report["grown"] < 1 << 30


def read(path: Path) -> list[ImageFile]:
    source = ParquetSource(SourceConfig(path=str(path)))
    source.class_names()
    return [file for part in source.list_parts() for file in source.read_files(part)]


def test_a_page_of_2_to_the_40_rows_is_refused_without_memory(tmp_path: Path) -> None:
    table = make_table([b"x", b"y"], ["a", "b"])
    path = write(tmp_path / "a.parquet", table, compression="none", use_dictionary=False)
    content = path.read_bytes()
    footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
    for claimed in (1 << 40, -1):
        changed = claim_rows(footer, claimed)
        path.write_bytes(content[: -len(footer)] + changed)

        def refuse() -> None:
            with pytest.raises(BadDataError, match="cannot be read as images"):
                read(path)

        assert peak_memory.growth(refuse) < 16 << 20


def claim_rows(footer: bytes, rows: int) -> bytes:
    """Change the number of rows of a file: the field 3 of its footer, an i64 behind the schema."""
    place = footer.index(b"\x16\x04\x19\x1c")  # i64 2, list of one row group
    value, written = (rows << 1) ^ (rows >> 63), b""
    while value > 127:
        value, written = value >> 7, written + bytes([value & 127 | 128])
    changed = footer[: place + 1] + written + bytes([value]) + footer[place + 2 :]
    length = len(changed) - 8
    return changed[:-8] + length.to_bytes(4, "little") + changed[-4:]


@pytest.mark.parametrize(("codec", "column"), [("zstd", "image"), ("gzip", "label")])
def test_a_bomb_is_refused_without_memory(codec: str, column: str, tmp_path: Path) -> None:
    path, size = tmp_path / "a.parquet", 80 << 20
    small = pa.array([{"bytes": b"x", "path": None}] * 2, IMAGE)
    vast = pa.array([{"bytes": bytes(size), "path": None}, {"bytes": b"x", "path": None}], IMAGE)
    texts = pa.array([bytes(size).decode(), "b"])
    table = pa.table(
        {
            "image": vast if column == "image" else small,
            "label": texts if column == "label" else ["a", "b"],
        }
    )
    pq.write_table(table, path, compression=codec, compression_level=1, use_dictionary=False)
    del vast, texts, table
    assert path.stat().st_size < 2 << 20

    def refuse() -> None:
        with pytest.raises(BadDataError) as caught:
            read(path)
        assert "bytes that claims 83,886," in caught.value.got

    assert peak_memory.growth(refuse) < 32 << 20


def test_rows_that_repeat_a_large_image_are_not_held_together(tmp_path: Path) -> None:
    size = 16 << 20
    image = pa.array([bytes(size)]).dictionary_encode()
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 128, "int32"), image.dictionary)
    path = tmp_path / "a.parquet"
    labels = ["a", "b"] * 64
    pq.write_table(
        pa.table({"image": cells, "label": labels}), path, compression="none", store_schema=False
    )
    assert path.stat().st_size < 18 << 20
    source = ParquetSource(SourceConfig(path=str(path)))
    assert len(source.class_names()) == 2

    def read_all() -> None:
        for part in source.list_parts():
            assert all(len(file.content) == size for file in source.read_files(part))

    assert peak_memory.growth(read_all) < 1 << 30
