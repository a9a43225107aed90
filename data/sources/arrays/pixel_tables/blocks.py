"""Read a text file in blocks of whole lines: memory holds one block, however long a line claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from data.errors import BadDataError

BLOCK_BYTES = 1 << 20
MOST_LINE_BYTES = 8 << 20  # a line of 2 million pixels of three digits
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # byte order mark of UTF-8


class Block(NamedTuple):
    """Whole lines."""

    content: bytes  # each line ends with \n
    offset: int  # of the first byte in the file
    line: int  # number of the first line in the file, from 1


def read_blocks(file: IO[bytes], name: str, offset: int = 0, line: int = 1) -> Iterator[Block]:
    r"""Yield the lines of a file from a line on, with \n at the end of each.

    Args:
        file: its bytes.
        name: the file, for messages.
        offset: where a line begins.
        line: the number of that line.

    Raises:
        BadDataError: a line is longer than `MOST_LINE_BYTES`.
    """
    file.seek(offset)
    rest = b""
    while new := file.read(BLOCK_BYTES):
        end = new.rfind(b"\n") + 1
        if not end:
            rest += new
            if len(rest) > MOST_LINE_BYTES:
                raise long_line_error(name, line)
            continue
        whole = rest + new[:end]
        yield _make_block(whole, offset, line)
        offset += len(whole)
        line += whole.count(b"\n")
        rest = new[end:]
    if rest:
        yield _make_block(rest + b"\n", offset, line)


def _make_block(content: bytes, offset: int, line: int) -> Block:
    if offset == 0:
        content = content.removeprefix(BYTE_ORDER_MARK)
    return Block(content.replace(b"\r\n", b"\n"), offset, line)


def long_line_error(name: str, line: int) -> BadDataError:
    """Return the error for a line that is too long to be a row."""
    return BadDataError(
        f"{name} has a line of more than {MOST_LINE_BYTES:,} bytes",
        expected="one line for each image, with a label and its pixels",
        got=f"line {line}",
        follows="nothing was ingested",
        remedy="check that the file is the table",
    )
