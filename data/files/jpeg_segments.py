"""Which JPEG files are whole, by their segments: a rule on bytes that every decoder is held to.

Decoders make up what is lacking, each in its own way. `serving_export.bundle.whole_jpeg` is the
same rule in TensorFlow's operations. What the compressed pixels themselves say is the decoder's.
"""

from __future__ import annotations

import re

BEGIN = b"\xff\xd8"
MOST_SEGMENTS = 4096
END_MARKER, SCAN_MARKER = 0xD9, 0xDA
WITHIN_SCANS = (0x00, *range(0xD0, 0xD8), 0xFF)  # behind 0xFF: no marker, or one that is passed

# Each marker's letter: of tables, texts and the like, a header, a progressive one, pixels, the end.
_TABLES = (0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0))
_LETTERS = {0xC0: "H", 0xC1: "H", 0xC2: "P", SCAN_MARKER: "S", END_MARKER: "E"}
LETTERS = [("T" if marker in _TABLES else _LETTERS.get(marker, "x")) for marker in range(256)]
ORDER = "T*[HP]T*(ST*)+E"
COEFFICIENTS = 64  # of a block

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def check_segments(content: bytes) -> None:
    """Raises ValueError where a file that begins as a JPEG is not whole, in words."""
    at, scan, letters = len(BEGIN), False, ""
    bits: dict[int, list[int]] = {}  # of a progressive image, as `_refine` has them
    while not letters.endswith("E"):
        marker = _MARKER.search(content, at)
        if not marker or len(letters) == MOST_SEGMENTS:
            raise ValueError("the file is truncated, or has too many segments")
        place, number = marker.start(), content[marker.end() - 1]
        if not scan and content[at:place].strip(b"\xff"):
            raise ValueError(f"between its segments are bytes of none, at {at}")
        letters, scan, at = letters + LETTERS[number], number == SCAN_MARKER, place + 2
        if number != END_MARKER:
            length = int.from_bytes(content[at : at + 2], "big")
            segment, at = content[at + 2 : at + length], at + length
            if length < 2 or at > len(content):
                raise ValueError("the file is truncated, in a segment")
            if LETTERS[number] == "P":
                bits = {part: [-1] * COEFFICIENTS for part in segment[6::3]}
            elif bits and scan:
                _refine(bits, segment)
    if not re.fullmatch(ORDER, letters):
        raise ValueError(f"its segments come in an order that none may have: {letters[:80]}")
    if any(map(any, bits.values())):
        raise ValueError("it has not all scans of a progressive image")


def _refine(bits: dict[int, list[int]], scan: bytes) -> None:
    """Note what a scan's header says: how many low bits of which coefficients it leaves out.

    Decoders guess what scans leave out, or send twice, and each guesses otherwise.
    """
    count = int.from_bytes(scan[:1], "big")
    first, last, step = scan[1 + 2 * count : 4 + 2 * count]
    before, left = step >> 4 or -1, step & 15
    for part in scan[1 : 1 + 2 * count : 2]:
        own = bits.get(part, [])[first : last + 1]
        if len(own) != last + 1 - first or set(own) != {before}:
            raise ValueError("the scans of a progressive image do not follow one another")
        bits[part][first : last + 1] = [left] * len(own)
