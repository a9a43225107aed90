from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.errors import BadDataError
from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.layout import find_bundle_folder
from serving_export.model_store.push import push
from serving_export.predict import predict_files, predict_images, read_checked_bytes, read_pixels

SPEC = ImageSpec(height=8, width=8, channels=1, class_names=("a", "b"))


@pytest.mark.slow
def test_a_pushed_model_answers_as_its_images_signature(
    bundle: Any, digits: Any, spec: ImageSpec, tmp_path: Path
) -> None:
    from serving_export.bundle.saved_model import load_bundle

    _, version = push(bundle.path, tmp_path / "serving", "digits", record={})
    paths = [tmp_path / f"{i}.png" for i in range(70)]  # more than one batch
    for path, image in zip(paths, digits.images, strict=False):
        Image.fromarray(image[..., 0]).save(path)
    wanted = load_bundle(bundle.path)("images", digits.images[:70])
    for folder in (version.parent, version):
        found = predict_files(folder, paths)
        assert [p.class_name.encode() for p in found] == wanted["class_name"].tolist()
        rows = np.array([list(p.probabilities.values()) for p in found])
        np.testing.assert_allclose(rows, wanted["probabilities"], atol=1e-6)
        assert [p.probability for p in found] == rows.max(axis=1).tolist()
        assert tuple(found[0].probabilities) == spec.class_names
    assert predict_files(version, []) == []
    for path, by_file, by_pixels in zip(
        paths, found, predict_images(version, digits.images[:70]), strict=True
    ):
        np.testing.assert_array_equal(read_pixels(path, spec), digits.images[paths.index(path)])
        assert by_pixels.class_name == by_file.class_name
        assert by_pixels.probabilities == pytest.approx(by_file.probabilities, abs=1e-6)


@pytest.mark.slow
def test_a_flipped_bit_is_not_loaded(bundle: Any, tmp_path: Path) -> None:
    shutil.copytree(bundle.path, tmp_path / "1")
    weights = tmp_path / "1" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(weights.read_bytes())
    content[100] ^= 4
    weights.write_bytes(content)
    with pytest.raises(BadDataError, match=weights.name):
        predict_files(tmp_path, [])


def test_pixels_of_another_shape_are_told_before_the_model_is_loaded(tmp_path: Path) -> None:
    write_manifest(tmp_path, SPEC, {})
    with pytest.raises(BadDataError, match="do not have the shape that the model expects"):
        predict_images(tmp_path, np.zeros((2, 8, 9, 1), np.uint8))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_pixels_of_a_file(tmp_path: Path, mode: str, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, channels), dtype=np.uint8)
    Image.fromarray(pixels.squeeze()).save(tmp_path / "a.png")
    spec = ImageSpec(height=5, width=3, channels=channels, class_names=("a", "b"))
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png", spec), pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == mode


def test_the_highest_version_answers(tmp_path: Path) -> None:
    for version in ("2", "10", "9"):
        (tmp_path / version).mkdir()
        write_manifest(tmp_path / version, SPEC, {})
    assert find_bundle_folder(tmp_path) == tmp_path / "10"
    assert find_bundle_folder(tmp_path / "9") == tmp_path / "9"


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_no_model_there(tmp_path: Path, where: str) -> None:
    with pytest.raises(BadDataError, match="not a model"):
        predict_files(tmp_path / where, [])


@pytest.mark.parametrize(("kind", "name"), [("PNG", "i.png"), ("JPEG", "i.jpg"), ("PNG", "i.dat")])
def test_good_files_pass_whatever_their_name(tmp_path: Path, kind: str, name: str) -> None:
    Image.new("L", (8, 8)).save(tmp_path / name, kind)
    assert read_checked_bytes(tmp_path / name, SPEC) == (tmp_path / name).read_bytes()


def cut(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(noise).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:-40])


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another size": (lambda p: Image.new("L", (9, 8)).save(p, "PNG"), "9 wide, 8 high"),
    "turned": (lambda p: Image.new("L", (4, 16)).save(p, "JPEG"), "JPEG, 4 wide"),
    "colours": (lambda p: Image.new("RGB", (8, 8)).save(p, "PNG"), "mode RGB"),
    "a palette": (lambda p: Image.new("P", (8, 8)).save(p, "PNG"), "mode P"),
    "with alpha": (lambda p: Image.new("LA", (8, 8)).save(p, "PNG"), "mode LA"),
    "16 bits": (lambda p: Image.new("I;16", (8, 8)).save(p, "PNG"), "mode I;16"),
    "1 bit": (lambda p: Image.new("1", (8, 8)).save(p, "PNG"), "mode 1"),
    "a gif": (lambda p: Image.new("L", (8, 8)).save(p, "GIF"), "neither PNG nor JPEG"),
    "no image": (lambda p: p.write_bytes(b"hello"), "neither PNG nor JPEG"),
    "empty": (lambda p: p.write_bytes(b""), "neither PNG nor JPEG"),
    "cut short": (cut, "truncated"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_named_with_what_was_expected(tmp_path: Path, what: str) -> None:
    make, got = BAD[what]
    make(tmp_path / "image.png")
    with pytest.raises(BadDataError) as caught:
        read_checked_bytes(tmp_path / "image.png", SPEC)
    text = str(caught.value)
    assert str(tmp_path / "image.png") in text
    assert "8 wide, 8 high, 8-bit L" in text
    assert got in text


@pytest.mark.parametrize(("make", "got"), [(None, "does not exist"), (Path.mkdir, "directory")])
def test_no_file_there(tmp_path: Path, make: Callable[[Path], None] | None, got: str) -> None:
    if make:
        make(tmp_path / "image.png")
    with pytest.raises(BadDataError) as caught:
        read_checked_bytes(tmp_path / "image.png", SPEC)
    assert str(tmp_path / "image.png") in str(caught.value)
    assert got in str(caught.value)
