from __future__ import annotations

import io
from pathlib import Path
from typing import Any, get_args

import image_files as files
import numpy as np
import photographs
import pytest
import tensorflow as tf
from photographs import make_spec
from PIL import Image, ImageOps

from data.geometry import Fit, Interpolation
from data.images.fit import fit, read_image, read_images
from data.images.reasons import explain_error
from data.spec import ImageSpec

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos3": Image.Resampling.LANCZOS,
}


def fit_array(pixels: np.ndarray, spec: ImageSpec, orientation: int = 1) -> np.ndarray:
    return fit(tf.constant(pixels), tf.constant(orientation), spec).numpy()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(orientation: int) -> None:
    pixels = files.noise(6, 5, 3)
    stored = Image.fromarray(pixels)
    stored.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(stored))
    spec = make_spec(*upright.shape)
    np.testing.assert_array_equal(fit_array(pixels, spec, orientation), upright)
    ignored = make_spec(*pixels.shape, orientation="ignore")
    np.testing.assert_array_equal(fit_array(pixels, ignored, orientation), pixels)


@pytest.mark.parametrize("how", get_args(Fit))
@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_pixels_of_the_right_size_stay(how: str, interpolation: str) -> None:
    pixels = files.noise(9, 7, 4)
    spec = make_spec(9, 7, 4, fit=how, interpolation=interpolation)
    np.testing.assert_array_equal(fit_array(pixels, spec), pixels)


def test_exact_refuses_another_size_after_the_turn() -> None:
    pixels = files.noise(6, 5, 3)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        fit_array(pixels, make_spec(6, 5, 3), 6)
    reason = "it is not 5 wide and 6 high, and fit is exact: 6 wide, 5 high"
    assert explain_error(caught.value) == reason


@pytest.mark.parametrize(
    ("size", "target", "interpolation"),
    [
        *(((40, 30), (10, 15), name) for name in get_args(Interpolation)),
        *(((12, 10), (31, 40), name) for name in ("bilinear", "bicubic", "lanczos3")),
    ],
)
def test_stretch_is_pillows_within_a_level(
    size: tuple[int, int], target: tuple[int, int], interpolation: str
) -> None:
    """With numbers of 32 bits, which Pillow rounds nowhere, the order of sums differs.

    Enlarged, area differs by definition, and nearest may choose the other of two neighbours.
    """
    pixels = photographs.draw_pixels(np.random.default_rng(1), size, 3)
    got = fit_array(pixels, make_spec(*target, 3, fit="stretch", interpolation=interpolation))
    for channel in range(3):
        plane = Image.fromarray(pixels[..., channel].astype(np.float32))
        wanted = np.asarray(plane.resize(target[::-1], PILLOW[interpolation])).clip(0, 255)
        assert np.abs(got[..., channel] - wanted).max() < 0.51


def draw_sizes(count: int) -> list[tuple[int, ...]]:
    draw = np.random.default_rng(0)
    return [tuple(map(int, draw.integers(1, 60, 4))) for _ in range(count)]


@pytest.mark.parametrize("sizes", [*draw_sizes(12), (1, 900, 9, 8), (900, 1, 8, 9), (1, 1, 7, 5)])
def test_pad_keeps_the_aspect_ratio_in_the_centre(sizes: tuple[int, int, int, int]) -> None:
    height, width, tall, wide = sizes
    white = np.full((height, width, 3), 255, np.uint8)
    got = fit_array(white, make_spec(tall, wide, 3, fit="pad"))
    inside = (got == 255).all(axis=-1)
    rows, columns = inside.any(axis=1), inside.any(axis=0)
    assert (inside == rows[:, None] & columns).all()
    assert (got[~inside] == photographs.BACKGROUND).all()
    assert rows.all() or columns.all()
    assert abs(rows.sum() - height * min(tall / height, wide / width)) <= 1
    assert abs(columns.sum() - width * min(tall / height, wide / width)) <= 1
    for sides in (rows, columns):
        (places,) = np.nonzero(sides)
        after = len(sides) - 1 - places[-1]
        assert after - places[0] in (0, 1)


@pytest.mark.parametrize("sizes", [*draw_sizes(12), (1, 900, 9, 8), (900, 1, 8, 9), (1, 1, 7, 5)])
def test_crop_stretches_the_largest_part_of_the_centre(sizes: tuple[int, int, int, int]) -> None:
    height, width, tall, wide = sizes
    pixels = files.noise(height, width, 3)
    scale = min(height / tall, width / wide)
    h, w = (
        max(1, min(int(side * scale + 0.5), most)) for side, most in ((tall, height), (wide, width))
    )
    part = pixels[(height - h) // 2 :, (width - w) // 2 :][:h, :w]
    np.testing.assert_array_equal(
        fit_array(pixels, make_spec(tall, wide, 3, fit="crop")),
        fit_array(part, make_spec(tall, wide, 3, fit="stretch")),
    )


def make_files() -> list[bytes]:
    draw = np.random.default_rng(5)
    drawn = [photographs.draw_file(draw, 90) for _ in range(16)]
    turned = files.to_file(files.noise(40, 20, 3), "JPEG", exif=files.exif(6))
    return [turned, *(one.content for one in drawn if one.whole)]


@pytest.mark.parametrize(
    ("channels", "geometry"),
    [
        (3, {"fit": "pad"}),
        pytest.param(
            1,
            {"fit": "crop", "interpolation": "bicubic", "antialias": False},
            marks=pytest.mark.torture,
        ),
    ],
)
def test_the_same_pixels_wherever_they_are_computed(
    tmp_path: Path, channels: int, geometry: dict[str, Any]
) -> None:
    """Eagerly, in a function, in tf.data, in a batch, and in a saved signature: bit for bit."""
    spec, contents = make_spec(24, 31, channels, **geometry), make_files()
    one = tf.function(
        lambda file: read_image(file, spec),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )
    wanted = np.stack([one(tf.constant(content)) for content in contents])

    eager = [read_image(tf.constant(content), spec) for content in contents[:2]]
    np.testing.assert_array_equal(np.stack(eager), wanted[:2])

    dataset = tf.data.Dataset.from_tensor_slices(contents)
    mapped = dataset.map(lambda file: read_image(file, spec), num_parallel_calls=2)
    np.testing.assert_array_equal(np.stack(list(mapped.as_numpy_iterator())), wanted)

    module = tf.Module()
    module.read = tf.function(
        lambda files: read_images(files, spec),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"read": module.read})
    signature = tf.saved_model.load(str(tmp_path)).signatures["read"]
    (read,) = signature(tf.constant(contents)).values()
    np.testing.assert_array_equal(read, wanted)
    (none,) = signature(tf.constant([], tf.string)).values()
    assert none.shape == (0, 24, 31, channels)


def test_an_error_of_a_saved_signature_or_of_tf_data_is_explained_too() -> None:
    spec = make_spec(6, 5, 3)
    dataset = tf.data.Dataset.from_tensors(b"text").map(lambda file: read_image(file, spec))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        next(iter(dataset))
    assert explain_error(caught.value) == "it is no JPEG, PNG, GIF, WebP or BMP"


def test_a_turned_photograph_is_the_upright_one() -> None:
    upright = files.noise(30, 20, 3)
    stored = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=files.exif(6))
    spec = make_spec(11, 16, 3, fit="crop")
    turned = read_image(tf.constant(buffer.getvalue()), spec)
    np.testing.assert_array_equal(turned, read_image(tf.constant(files.to_file(upright)), spec))


def test_refused_orientation() -> None:
    spec = make_spec(5, 6, 3, orientation="refuse")
    file = files.to_file(files.noise(5, 6, 3), exif=files.exif(3))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read_image(tf.constant(file), spec)
    assert explain_error(caught.value) == "it has an EXIF orientation other than 1"
