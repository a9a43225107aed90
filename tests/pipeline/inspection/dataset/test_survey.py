"""A survey counts what is there, held against what was written."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data.geometry import ALL_FORMATS, Geometry
from data.sources.file_source import FilePart, ImageFile, LeftOut
from pipeline.inspection.dataset.advice import advise, find_median_size
from pipeline.inspection.dataset.survey import BadFile, Survey, survey_files


class Files:
    """A source of files in memory, in parts of two."""

    def __init__(self, files: Sequence[ImageFile]) -> None:
        self._files = files

    def class_names(self) -> list[str]:
        return sorted({file.label for file in self._files})

    def list_parts(self) -> list[FilePart]:
        return [
            FilePart(index=i // 2, files=len(self._files[i : i + 2]), size=None, items=i)
            for i in range(0, len(self._files), 2)
        ]

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        yield from self._files[part.items : part.items + 2]

    def left_out(self) -> list[LeftOut]:
        return [LeftOut("notes.txt", "not an image: .txt")]


def encode(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def draw(seed: int, height: int = 4, width: int = 6, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels)[: 3 if channels > 1 else 2]
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def turn(pixels: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(pixels, "JPEG", exif=exif.tobytes())


FILES = [
    ImageFile(name="a/1.png", content=encode(draw(1)), label="a", split="train", group="x"),
    ImageFile(name="a/2.png", content=encode(draw(1), optimize=True), label="a", split="test"),
    ImageFile(name="a/3.png", content=encode(draw(3, channels=1)), label="a", group="x"),
    ImageFile(name="b/1.jpg", content=turn(draw(4, 8, 16), 6), label="b", split="test", group="x"),
    ImageFile(name="b/2.jpg", content=b"", label="b"),
    ImageFile(name="b/3.png", content=encode(draw(1)), label="b", split="train"),
    ImageFile(name="b/4.jpg", content=b"", label="b", problem="no permission"),
]


@pytest.fixture(
    scope="module", params=[Geometry(formats=ALL_FORMATS), None], ids=["decoded", "headers"]
)
def surveyed(request) -> tuple[Survey, bool]:
    return survey_files(Files(FILES), request.param), request.param is not None


def test_counts_sizes_and_formats_are_those_of_the_files(surveyed) -> None:
    survey, _ = surveyed
    assert survey.counts == {
        "train": Counter(a=1, b=1),
        "test": Counter(a=1, b=1),
        "": Counter(a=1),
    }
    assert survey.sizes == Counter({(4, 6): 4, (16, 8): 1})  # turned by its orientation
    assert survey.formats == Counter({"PNG RGB": 3, "PNG grey": 1, "JPEG RGB": 1})
    assert (survey.orientations, survey.grey) == (Counter({6: 1}), 1)
    assert survey.groups == {"x": Counter({"train": 1, "": 1, "test": 1})}
    assert survey.left_out == [("notes.txt", "not an image: .txt")]
    assert survey.images + len(survey.bad) == len(FILES)


def test_a_file_is_bad_by_its_source_or_by_its_content(surveyed) -> None:
    survey, _ = surveyed
    assert [bad.name for bad in survey.bad] == ["b/2.jpg", "b/4.jpg"]
    assert BadFile("b/4.jpg", "no permission") in survey.bad


def test_duplicates_are_those_of_pixels_or_of_bytes(surveyed) -> None:
    survey, decoded = surveyed
    (same,) = survey.duplicates
    assert same.names == (("a/1.png", "a/2.png", "b/3.png") if decoded else ("a/1.png", "b/3.png"))
    assert same.labels == ("a", "b")


def test_progress_reaches_the_number_of_files() -> None:
    calls: list[tuple[int, int]] = []
    survey_files(Files(FILES), None, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(FILES), len(FILES))


@pytest.mark.parametrize("classes", [2, 10, 25, 40])
def test_samples_are_25_of_as_many_classes_as_possible_and_always_the_same(classes: int) -> None:
    content = encode(draw(0))
    files = [
        ImageFile(name=f"{label}/{i}", content=content, label=f"{label:02}")
        for label in range(classes)
        for i in range(60 // classes)
    ]
    first, again = (
        [label for label, _ in survey_files(Files(order), None).samples]
        for order in (files, files[::-1])
    )
    assert first == again == sorted(first)
    assert len(first) == min(25, len(files))
    assert len(set(first)) == min(25, classes)


@pytest.mark.parametrize(
    ("sizes", "turned", "grey", "expected"),
    [
        ({(28, 28): 10}, 0, True, (28, 28, 1, "exact")),
        ({(96, 96): 10}, 0, False, (96, 96, 3, "exact")),
        ({(96, 96): 10}, 1, False, (64, 64, 3, "pad")),
        ({(100, 100): 99, (3024, 3024): 3}, 3, False, (64, 64, 3, "pad")),
        ({(480, 640): 10}, 0, False, (72, 96, 3, "pad")),
        ({(640, 480): 10, (1280, 960): 3}, 0, False, (96, 72, 3, "pad")),
        ({(480, 640): 10, (640, 480): 10}, 0, False, (96, 96, 3, "pad")),
        ({(10, 20): 10, (20, 10): 10}, 0, True, (32, 32, 1, "pad")),
    ],
)
def test_the_advice_is_not_larger_than_most_images(sizes, turned, grey, expected) -> None:
    survey = Survey(class_names=("a", "b"), sizes=Counter(sizes))
    survey.orientations[6] += turned
    survey = replace(survey, grey=survey.images if grey else 0, orientations=+survey.orientations)
    advice = advise(survey)
    assert (advice.height, advice.width, advice.channels, advice.fit) == expected


def test_the_median_size_is_that_of_the_middle_image() -> None:
    survey = Survey(class_names=("a", "b"), sizes=Counter({(1, 1): 2, (9, 9): 1, (5, 5): 1}))
    ordered = sorted(survey.sizes.elements())
    assert find_median_size(survey) == ordered[len(ordered) // 2]
