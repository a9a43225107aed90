from __future__ import annotations

import io

import image_files as files
import numpy as np
import peak_memory
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.errors import BadDataError
from data.image_files import decode_file, has_orientation, png_head

noise, to_file, spec_of = files.noise, files.to_file, files.spec_of


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 99),
    level=st.integers(0, 9),
)
def test_a_png_gives_the_pixels_that_it_was_made_of(
    height: int, width: int, channels: int, seed: int, level: int
) -> None:
    pixels = noise(height, width, channels, seed)
    file = to_file(pixels, compress_level=level)
    assert file.startswith(png_head(spec_of(pixels)))
    np.testing.assert_array_equal(decode_file(file, spec_of(pixels)), pixels)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(("endian", "kind"), [("<", 3), ("<", 4), (">", 3), (">", 4)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_only_an_upright_image_passes(form: str, endian: str, kind: int, orientation: int) -> None:
    """Pillow's own reading of the tag is the oracle; values beyond 8 mean nothing."""
    pixels = noise(6, 5, 3)
    file = to_file(pixels, form, exif=files.exif(orientation, endian, kind))
    with Image.open(io.BytesIO(file)) as image:
        assert image.getexif()[0x0112] == orientation
    assert has_orientation(file) == (2 <= orientation <= 8)
    if has_orientation(file):
        with pytest.raises(BadDataError, match="does not have the format") as caught:
            decode_file(file, spec_of(pixels))
        assert "with an EXIF orientation other than 1" in str(caught.value)
    else:
        assert decode_file(file, spec_of(pixels)).shape == pixels.shape


@given(height=st.integers(1, 20), width=st.integers(1, 20), channels=st.sampled_from([1, 3, 4]))
def test_interlaced_and_with_other_chunks(height: int, width: int, channels: int) -> None:
    pixels = noise(height, width, channels)
    file = files.png(pixels, (b"gAMA", (30000).to_bytes(4, "big")), interlaced=True)
    np.testing.assert_array_equal(decode_file(file, spec_of(pixels)), pixels)


def test_other_exif_passes() -> None:
    tags = Image.Exif()
    tags[0x010E], tags[0x0110] = "a description", "a camera"
    pixels = noise(6, 5, 3)
    assert not has_orientation(to_file(pixels, "JPEG", exif=tags))
    np.testing.assert_array_equal(
        decode_file(to_file(pixels, exif=tags), spec_of(pixels)),
        pixels,
    )


@pytest.mark.parametrize("what", files.BAD)
def test_what_the_serving_graph_would_read_differently_is_refused(what: str) -> None:
    make, got = files.BAD[what]
    pixels = noise(6, 5, 3)
    with pytest.raises(
        BadDataError, match=r"these\.png does not have the format that this model expects"
    ) as caught:
        decode_file(make(pixels), spec_of(pixels), "these.png")
    assert got in str(caught.value)
    assert "5 wide, 6 high, 8-bit RGB" in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_file_cut_anywhere_is_refused(form: str, options: dict[str, bool]) -> None:
    pixels = noise(9, 7, 3)
    file = to_file(pixels, form, **options)
    for length in range(len(file)):
        with pytest.raises(BadDataError):
            decode_file(file[:length], spec_of(pixels))


@settings(max_examples=300)
@given(
    form=st.sampled_from(["PNG", "JPEG"]),
    channels=st.sampled_from([1, 3]),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_a_damaged_file_is_refused_or_has_the_shape(
    form: str, channels: int, flips: list[tuple[int, int]]
) -> None:
    """No other exception; a PNG, which has checksums, gives its own pixels or none."""
    pixels = noise(9, 7, channels)
    file = bytearray(to_file(pixels, form))
    for place, flip in flips:
        file[place % len(file)] ^= flip
    try:
        found = decode_file(bytes(file), spec_of(pixels))
    except BadDataError:
        return
    assert (found.shape, found.dtype) == (pixels.shape, np.uint8)
    if form == "PNG":
        np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("what", files.VAST)
def test_a_vast_image_is_refused_by_its_header(what: str) -> None:
    file, spec = files.VAST[what](), spec_of(noise(6, 5, 1))

    def refused() -> None:
        with pytest.raises(BadDataError):
            decode_file(file, spec)

    assert peak_memory.growth(refused) < files.REFUSAL_BYTES
