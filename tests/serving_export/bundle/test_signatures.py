"""The serving graph's decoder against Pillow's: the same pixels, or refused by both."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import image_files as files
import numpy as np
import peak_memory
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadDataError
from data.image_files import decode_file
from data.spec import ImageSpec

pytestmark = pytest.mark.slow


def in_graph(file: bytes, spec: ImageSpec) -> np.ndarray | None:
    """What the signature decodes a file to; None where it is an error."""
    import tensorflow as tf

    from serving_export.bundle.signatures import decode_image

    try:
        found: np.ndarray = decode_image(tf.constant(file), spec).numpy()
        return found
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError, ValueError):
        return None


def by_pillow(file: bytes, spec: ImageSpec) -> np.ndarray | None:
    try:
        return decode_file(file, spec)
    except BadDataError:
        return None


def assert_same_pixels(file: bytes, spec: ImageSpec) -> None:
    pillow = decode_file(file, spec)
    graph = in_graph(file, spec)
    assert graph is not None
    np.testing.assert_array_equal(graph, pillow)


def smooth(height: int, width: int, channels: int) -> np.ndarray:
    """Colours that run, as in photographs; noise has no neighbours to interpolate between."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 127 * np.sin(x / (3 + c) + y / (5 - c) + c) for c in range(channels)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_jpeg_of_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [(1, 1), (1, 9), (2, 7), (8, 8), (15, 17), (16, 16), (28, 28), (33, 40), (40, 39)]
    kinds = itertools.product((5, 30, 75, 95), (0, 1, 2), (False, True), (False, True))
    count = 0
    for (height, width), (quality, subsampling, progressive, optimize) in itertools.product(
        sizes, list(kinds)
    ):
        for channels, make in itertools.product((1, 3), (files.noise, smooth)):
            pixels = make(height, width, channels)
            options = {"quality": quality, "progressive": progressive, "optimize": optimize}
            if channels == 3:
                options["subsampling"] = subsampling
            file = files.to_file(pixels, "JPEG", **options)
            assert_same_pixels(file, files.spec_of(pixels))
            count += 1
    with capsys.disabled():
        print(f"\n{count} JPEG files, the same pixels in all")


@settings(max_examples=300)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 999),
    options=st.fixed_dictionaries(
        {
            "quality": st.integers(5, 95),
            "progressive": st.booleans(),
            "optimize": st.booleans(),
            "restart_marker_blocks": st.integers(0, 3),
        }
    ),
    subsampling=st.sampled_from([0, 1, 2]),
)
def test_any_jpeg(
    height: int, width: int, channels: int, seed: int, options: dict[str, Any], subsampling: int
) -> None:
    pixels = files.noise(height, width, channels, seed)
    if channels == 3:
        options["subsampling"] = subsampling
    assert_same_pixels(files.to_file(pixels, "JPEG", **options), files.spec_of(pixels))


CHUNKS = {
    "gamma": (b"gAMA", (30000).to_bytes(4, "big")),
    "standard RGB": (b"sRGB", b"\0"),
    "chromaticities": (b"cHRM", struct.pack(">8I", *(30000,) * 8)),
    "upright": (b"eXIf", files.exif(1)[6:]),
    "text": (b"tEXt", b"Software\0ours"),
    "physical size": (b"pHYs", struct.pack(">IIB", 2, 3, 1)),
}


@settings(max_examples=200)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3, 4]),
    interlaced=st.booleans(),
    chunk=st.sampled_from(sorted(CHUNKS)),
)
def test_any_png(height: int, width: int, channels: int, interlaced: bool, chunk: str) -> None:
    pixels = files.noise(height, width, channels)
    for file in (
        files.png(pixels, CHUNKS[chunk], interlaced=interlaced),
        files.to_file(smooth(height, width, channels), optimize=True),  # with filters
    ):
        assert_same_pixels(file, files.spec_of(pixels))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_changes_no_pixel(channels: int) -> None:
    pixels = files.noise(9, 7, channels)
    colour = struct.pack(f">{channels}H", *pixels[4, 4])
    assert_same_pixels(files.png(pixels, (b"tRNS", colour)), files.spec_of(pixels))


def test_what_one_refuses_the_other_does() -> None:
    pixels = files.noise(6, 5, 3)
    for what, (make, _) in files.BAD.items():
        spec = files.spec_of(pixels)
        assert by_pillow(make(pixels), spec) is None, what
        assert in_graph(make(pixels), spec) is None, what
    rgba = ImageSpec(height=6, width=5, channels=4, class_names=("a", "b"))
    assert by_pillow(files.BAD["cmyk"][0](pixels), rgba) is None
    assert in_graph(files.BAD["cmyk"][0](pixels), rgba) is None


@pytest.mark.parametrize("what", files.DAMAGED)
def test_what_is_damaged_is_refused_by_both(what: str) -> None:
    pixels = files.noise(6, 5, 3)
    file, spec = files.DAMAGED[what](pixels), files.spec_of(pixels)
    with pytest.raises(
        BadDataError, match=r"these\.png does not have the format that this model expects"
    ):
        decode_file(file, spec, "these.png")
    if what != "png: too many chunks":  # for which TensorFlow takes long without a graph
        assert in_graph(file, spec) is None


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 255, 4096, 4097, 70_000])
def test_the_checksum_of_a_chunk_of_any_size(size: int) -> None:
    """The CRC-32 of zlib is the oracle of the one in TensorFlow's operations."""
    pixels = files.noise(6, 5, 3)
    content = np.random.default_rng(size).bytes(size)
    file = files.png(pixels, (b"teXt", content))
    assert_same_pixels(file, files.spec_of(pixels))
    at = file.index(b"teXt")
    for place in {at, at + 4 + size // 2, at + 4 + size, at + 7 + size}:
        damaged = bytearray(file)
        damaged[place] ^= 0x10
        assert in_graph(bytes(damaged), files.spec_of(pixels)) is None


def disagreements(count: int, seed: int) -> list[str]:
    """Mutants that one decoder takes and the other refuses, or that give other pixels."""
    import tensorflow as tf

    from serving_export.bundle.signatures import decode_image

    rng, found = np.random.default_rng(seed), []
    for channels in (1, 3, 4):
        pixels = smooth(17, 19, channels)
        spec, whole = files.spec_of(pixels), files.whole_files(pixels)
        graph = tf.function(lambda file, spec=spec: decode_image(file, spec), autograph=False)
        for _ in range(count // 3):
            file = files.mutant(whole, rng)
            pillow = by_pillow(file, spec)
            try:
                theirs = graph(tf.constant(file)).numpy()
            except (tf.errors.InvalidArgumentError, tf.errors.DataLossError, ValueError):
                theirs = None
            if (pillow is None) != (theirs is None):
                found.append(f"{'graph' if pillow is None else 'Pillow'} takes {file.hex()}")
            elif pillow is not None and not np.array_equal(pillow, theirs):
                found.append(f"other pixels of {file.hex()}")
    return found


def test_no_damage_of_a_png_divides_the_decoders() -> None:
    assert disagreements(600, seed=1) == []


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(2, 12))
def test_no_damage_of_a_png_divides_the_decoders_at_length(seed: int) -> None:
    assert disagreements(6000, seed) == []


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(("endian", "kind"), [("<", 3), ("<", 4), (">", 3), (">", 4)])
def test_orientations(endian: str, kind: int, orientation: int) -> None:
    pixels = files.noise(6, 5, 3)
    for form in ("PNG", "JPEG"):
        file = files.to_file(pixels, form, exif=files.exif(orientation, endian, kind))
        pillow, graph = (read(file, files.spec_of(pixels)) for read in (by_pillow, in_graph))
        assert (pillow is None) == (graph is None) == (2 <= orientation <= 8)
        if pillow is not None:
            np.testing.assert_array_equal(graph, pillow)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_file_cut_anywhere_gives_no_pixels(
    form: str, options: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = files.noise(9, 7, 3)
    file = files.to_file(pixels, form, **options)
    for length in range(len(file)):
        assert in_graph(file[:length], files.spec_of(pixels)) is None


@settings(max_examples=400)
@given(
    form=st.sampled_from(["PNG", "JPEG"]),
    channels=st.sampled_from([1, 3]),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=3),
)
def test_what_pillow_takes_of_damaged_files_the_graph_reads_alike_or_refuses(
    form: str, channels: int, flips: list[tuple[int, int]]
) -> None:
    pixels = files.noise(9, 7, channels)
    file = bytearray(files.to_file(pixels, form))
    for place, flip in flips:
        file[place % len(file)] ^= flip
    pillow, graph = (read(bytes(file), files.spec_of(pixels)) for read in (by_pillow, in_graph))
    if pillow is not None and graph is not None:
        np.testing.assert_array_equal(graph, pillow)
    if form == "PNG" and graph is not None:
        np.testing.assert_array_equal(graph, pixels)


@pytest.mark.parametrize("what", files.VAST)
def test_no_decoder_is_asked_before_the_header_passed(what: str, bundle: Any) -> None:
    """In the signature, a graph, where an assertion alone holds up nobody."""
    import tensorflow as tf

    from serving_export.bundle.saved_model import load_bundle

    ask = load_bundle(bundle.path)
    small, large = files.vast("PNG", 8), files.VAST[what]()
    ask("serving_default", [small])

    def refused() -> None:
        with pytest.raises(tf.errors.InvalidArgumentError):
            ask("serving_default", [small, large])

    assert peak_memory.growth(refused) < files.REFUSAL_BYTES
