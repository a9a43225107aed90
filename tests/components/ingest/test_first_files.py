from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.ingest.config import Config
from components.ingest.first_files import infer_spec
from components.ingest.store import choose_store
from data.errors import BadDataError
from data.sources.file_source import FilePart, ImageFile

NAMES = ("a", "b")


def encode(mode: str, size: tuple[int, int] = (7, 5), orientation: int = 1) -> bytes:
    file = io.BytesIO()
    image = Image.new(mode, size)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(file, "jpeg" if orientation > 1 else "png", exif=exif)
    return file.getvalue()


class Files:
    """Files by their contents, in parts of ten; None: one that cannot be read."""

    def __init__(self, *contents: bytes | None, sized: bool = True) -> None:
        self._contents, self._sized = contents, sized

    def class_names(self) -> tuple[str, ...]:
        return NAMES

    def list_parts(self) -> list[FilePart]:
        parts = [self._contents[start : start + 10] for start in range(0, len(self._contents), 10)]
        return [
            FilePart(index=i, files=len(p), size=self._size(p), items=p)
            for i, p in enumerate(parts)
        ]

    def _size(self, part: tuple) -> int | None:
        return sum(len(content or b"") for content in part) if self._sized else None

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        for index, content in enumerate(part.items):
            problem = "it may not be read" if content is None else None
            yield ImageFile(
                name=str(index), content=content or b"", label="a", split=None, problem=problem
            )


def infer(files: Files, **settings: Any) -> tuple[int, int, int]:
    config = Config(source="own:Files", **settings)
    return infer_spec(config, NAMES, files, files.list_parts()).shape


def test_what_is_set_needs_no_file() -> None:
    assert infer(Files(), height=9, width=8, channels=4) == (9, 8, 4)


def test_the_size_is_that_of_the_first_file() -> None:
    assert infer(Files(encode("L"), encode("L", (90, 90)))) == (5, 7, 1)
    assert infer(Files(b"no image", None, encode("L"))) == (5, 7, 1)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_is_that_after_the_orientation(orientation: int) -> None:
    files = Files(encode("RGB", orientation=orientation))
    turned = (7, 5, 3) if orientation in (6, 8) else (5, 7, 3)
    assert infer(files) == turned
    assert infer(files, orientation="ignore") == (5, 7, 3)


@pytest.mark.parametrize(
    ("modes", "channels"),
    [(["L"], 1), (["1"], 1), (["LA"], 1), (["P"], 3), (["RGBA"], 3), (["L"] * 35 + ["RGB"], 3)],
)
def test_one_file_with_colour_is_enough(modes: list[str], channels: int) -> None:
    files = Files(*(encode(mode) for mode in modes[:-1]), encode(modes[-1]))
    if len(modes) > 10:  # the first file of each part is looked at
        files = Files(*(encode("L") for _ in range(10)), encode(modes[-1]))
    assert infer(files, height=8, width=8, fit="pad")[2] == channels


def test_without_a_header_there_is_no_size() -> None:
    with pytest.raises(BadDataError, match="cannot be taken from 0") as raised:
        infer(Files(None, b"text"))
    assert raised.value.got == "it may not be read"
    assert "ingest.height" in str(raised.value.remedy)


def test_the_store_is_chosen_by_the_bytes_of_the_files() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "png")
    for sized in (True, False):
        files = Files(*[file.getvalue()] * 30, sized=sized)
        parts, size = files.list_parts(), len(file.getvalue())
        for side in (2, 10, 15, 20, 30):
            config = Config(source="own:Files", height=side, width=side, channels=1, fit="pad")
            spec = infer_spec(config, NAMES, files, parts)
            store, why = choose_store(config, spec, files, parts)
            assert store == ("raw" if side * side <= 2 * size else "encoded")
            assert why.startswith(f"store {store}: the pixels are {side * side / size:.1f} times")
            assert why.endswith("the files" if sized else "the first files")
    config = Config(source="own:Files", store="encoded")
    assert choose_store(config, spec, files, parts) == ("encoded", "store encoded, as set")
