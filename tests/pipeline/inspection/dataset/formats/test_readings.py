"""What the data does not decide is assumed as the error of a run advises, and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import idx_files
import numpy as np
import pytest

from components.ingest import Config
from data.errors import BadDataError
from data.sources.source import Source
from pipeline.inspection.dataset.formats.readings import Opened, open_source

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 5, 7, 3), np.uint8)
LABELS = np.arange(12) % 3


def write_npz(folder: Path, images: np.ndarray, labels: np.ndarray) -> Config:
    both = {"x": images, "y": labels}
    arrays = {f"{name}_{split}": both[name] for split in ("train", "test") for name in both}
    np.savez(folder / "a.npz", **arrays)
    return Config(source="npz", path=str(folder / "a.npz"))


def read_train(opened: Opened) -> np.ndarray:
    source = opened.source
    assert isinstance(source, Source)
    return np.concatenate(
        [c.images for p in source.parts() if p.split == "train" for c in source.read(p)]
    )


@pytest.mark.parametrize(
    ("images", "labels", "assumed"),
    [
        (IMAGES, LABELS, {}),
        (IMAGES[..., :1], LABELS, {}),
        (IMAGES[..., 0], LABELS, {}),
        (np.moveaxis(IMAGES, 3, 1), LABELS, {"axes": "CHW"}),
        (IMAGES, LABELS + 1, {"first_label": 1}),
        (np.moveaxis(IMAGES, 3, 1), LABELS + 1, {"axes": "CHW", "first_label": 1}),
    ],
)
def test_arrays_are_read_as_they_must_be_and_what_was_assumed_is_said(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, assumed: dict[str, Any]
) -> None:
    opened = open_source(write_npz(tmp_path, images, labels), set())
    assert {name: reading.value for name, reading in opened.assumed.items()} == assumed
    for name, reading in opened.assumed.items():
        assert getattr(opened.config, name) == reading.value
        assert "ingest." in reading.otherwise
        assert reading.why
    channels = images.shape[-1] if "axes" not in assumed and images.ndim == 4 else 3
    expected = IMAGES[..., :1] if images.ndim == 3 or channels == 1 else IMAGES
    np.testing.assert_array_equal(read_train(opened), expected)


def test_a_setting_of_the_user_stays(tmp_path: Path) -> None:
    config = write_npz(tmp_path, IMAGES, LABELS + 1)
    with pytest.raises(BadDataError, match="gaps"):
        open_source(config, {"first_label"})


def test_what_no_reading_explains_is_the_error_of_the_run(tmp_path: Path) -> None:
    for labels in (LABELS + 2, LABELS * 2, LABELS - 1):
        with pytest.raises(BadDataError, match="label"):
            open_source(write_npz(tmp_path, IMAGES, labels), set())


@pytest.mark.parametrize(("name", "transposed"), [("emnist-letters", True), ("femnist", False)])
def test_emnist_is_transposed_by_its_name_unless_the_user_says_otherwise(
    tmp_path: Path, name: str, transposed: bool
) -> None:
    both = IMAGES[..., 0], LABELS + 1
    for file in idx_files.write_idx(tmp_path / "plain", both, both).iterdir():
        file.rename(tmp_path / f"{name}-{file.name.replace('t10k', 'test')}")
    config = Config(source="idx", path=str(tmp_path))
    opened = open_source(config, set())
    assert set(opened.assumed) == {"first_label"} | ({"transpose"} if transposed else set())
    stored = IMAGES[..., :1]
    expected = stored.swapaxes(1, 2) if transposed else stored
    np.testing.assert_array_equal(read_train(opened), expected)
    assert "transpose" not in open_source(config, {"transpose"}).assumed


def test_pixels_of_colours_get_a_shape_and_an_order_that_are_assumed(tmp_path: Path) -> None:
    images = IMAGES[:, :4, :4]
    rows = [[label, *image.ravel()] for label, image in zip(LABELS, images, strict=True)]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    header = ",".join(["label", *(f"p{i}" for i in range(48))])
    (tmp_path / "a.csv").write_text(f"{header}\n{text}\n")
    config = Config(source="pixels_csv", path=str(tmp_path / "a.csv"))
    opened = open_source(config, set())
    assert {name: a.value for name, a in opened.assumed.items()} == {
        "shape": (4, 4, 3),
        "axes": "HWC",
    }
    assert opened.assumed["axes"].otherwise == "ingest.axes=CHW"
    source = opened.source
    assert isinstance(source, Source)
    read = np.concatenate([c.images for p in source.parts() for c in source.read(p)])
    np.testing.assert_array_equal(read, images)
