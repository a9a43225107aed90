"""Footers and pages: what is read agrees with pyarrow, and hostile headers are errors."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.files.parquet.pages import Chunk, _make_chunk, check_pages, read_chunks
from data.files.parquet.thrift import read_struct

CODECS = {"UNCOMPRESSED": 0, "SNAPPY": 1, "GZIP": 2, "BROTLI": 4, "ZSTD": 6, "LZ4": 7}


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_chunks_are_those_of_pyarrow(codec: str, version: str) -> None:
    file = io.BytesIO()
    cells = pa.array([{"bytes": bytes([i % 7]) * i, "path": None} for i in range(1000)])
    table = pa.table({"image": cells, "label": [f"class {i % 5}" for i in range(1000)]})
    options: dict[str, Any] = {"compression": codec, "data_page_version": version}
    pq.write_table(table, file, row_group_size=300, data_page_size=500, **options)
    metadata, groups = pq.read_metadata(file), read_chunks(file)
    assert len(groups) == metadata.num_row_groups
    for index, chunks in enumerate(groups):
        for number, chunk in enumerate(chunks):
            column = metadata.row_group(index).column(number)
            first = column.dictionary_page_offset or column.data_page_offset
            expected = Chunk(
                column.path_in_schema,
                CODECS[column.compression],
                column.num_values,
                first,
                column.total_compressed_size,
                column.total_uncompressed_size,
            )
            assert chunk == expected
    dictionary = check_pages(file, [chunk for chunks in groups for chunk in chunks])
    assert 0 < dictionary < len(file.getvalue()) * 50


def test_what_is_no_footer_is_an_error() -> None:
    for content in (b"", b"PAR1", b"x" * 100, b"PAR1\xff\xff\xff\xffPAR1", b"\x04\0\0\0PAR1"):
        with pytest.raises(ValueError, match=r"footer|field"):
            read_chunks(io.BytesIO(content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({3: [b"image", 7]}, "a column without a path"),
        ({7: -1}, "a column of a negative size"),
        ({9: b""}, "a header without its field 9"),
    ],
)
def test_a_column_that_cannot_be(changes: dict[int, Any], message: str) -> None:
    whole = {3: [b"image"], 4: 0, 5: 10, 6: 100, 7: 100, 9: 4}
    assert _make_chunk(whole) == Chunk("image", 0, 10, 4, 100, 100)
    with pytest.raises(ValueError, match=message):
        _make_chunk({**whole, **changes})


def test_a_page_of_a_negative_size_is_an_error() -> None:
    header = b"\x15\x00\x15\x01\x15\x00\x00"  # kind 0, of -1 bytes, 0 of them stored
    with pytest.raises(ValueError, match="a page of a negative size at byte 0"):
        check_pages(io.BytesIO(header), [Chunk("image", 0, 10, 0, 100, 100)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cuts"),
        (b"\x15", "cuts"),
        (b"\x18\xff\xff\xff\x7f", "cuts"),  # bytes beyond the end
        (b"\x19\xf5\xff\xff\xff\xff\x0f\x00", "cuts"),  # a list of 2^32 integers
        (b"\x15" + b"\xff" * 12, "too many bytes"),
        (b"\x1f", "unknown type"),
        (b"\x1c" * 40, "too many levels"),
        (b"\x19\x19" * 40, "too many levels|cuts"),
    ],
)
def test_a_hostile_struct_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_struct(content)


def test_every_type_is_read() -> None:
    content = (
        b"\x11\x12\x13\x05\x15\x03\x17"
        + bytes(8)
        + b"\x18\x02hi\x19\x25\x02\x04\x1c\x11\x00\x05\xc8\x01\x06\x00"
    )
    values = {1: True, 2: False, 3: 5, 4: -2, 5: None, 6: b"hi", 7: [1, 2], 8: {1: True}, 100: 3}
    assert read_struct(content) == (values, len(content))
