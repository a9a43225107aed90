from __future__ import annotations

import image_files as files
import mutated_images
import numpy as np
import photographs
import pytest
from photographs import make_spec
from PIL import Image

from data.base.content_hash import hash_image_shares
from data.images import plain_files
from data.images import read_files as module
from data.images.read_files import read_files

PURPOSES = ("test", "validation")


def test_outcomes_in_order_with_the_shares_of_the_decoded_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In batches of few files and few bytes, as in one."""
    spec = make_spec(20, 20, 3, fit="pad")
    draw = np.random.default_rng(2)
    arrays = [files.noise(*map(int, draw.integers(1, 50, 2)), 3, seed) for seed in range(40)]
    arrays[7] = files.noise(20, 20, 3)
    contents = [files.to_file(array, exif=files.exif(1)) for array in arrays]
    contents[3], contents[20] = contents[3][:60], b""
    contents[7] = files.to_file(arrays[7], exif=files.exif(3))
    once = list(read_files(contents, spec, PURPOSES))
    monkeypatch.setattr(module, "_BATCH_FILES", 7)
    monkeypatch.setattr(module, "_BATCH_BYTES", 9000)
    again = list(read_files(contents, spec, PURPOSES))
    for index, (one, other) in enumerate(zip(once, again, strict=True)):
        np.testing.assert_equal(one, other)
        if index in (3, 20):
            assert one.pixels is None
            assert one.problem in ("it is truncated: the last chunk is missing", "it is empty")
            continue
        array = arrays[index]
        assert one.problem is None
        assert one.pixels is not None
        assert one.pixels.shape == (20, 20, 3)
        assert (one.kind, one.height, one.width) == ("png", *array.shape[:2])
        wanted = {purpose: hash_image_shares(array[None], purpose)[0] for purpose in PURPOSES}
        assert one.shares == wanted
    turned = once[7].pixels
    np.testing.assert_array_equal(turned, arrays[7][::-1, ::-1])


def test_exact_gives_the_arrays_themselves() -> None:
    arrays = files.noise(30, 28, 28).reshape(30, 28, 28, 1)
    contents = [files.to_file(array) for array in arrays]
    contents.insert(4, files.to_file(files.noise(28, 27, 1)))
    outcomes = list(read_files(contents, make_spec(28, 28, 1), ("test",)))
    refused = outcomes.pop(4)
    assert refused.problem == "it is not 28 wide and 28 high, and fit is exact: 27 wide, 28 high"
    np.testing.assert_array_equal([outcome.pixels for outcome in outcomes], arrays)
    shares = [outcome.shares["test"] for outcome in outcomes]
    np.testing.assert_array_equal(shares, hash_image_shares(arrays, "test"))
    assert not list(read_files([], make_spec(28, 28, 1), ("test",)))


def test_the_same_shares_in_every_lossless_kind() -> None:
    image = Image.fromarray(files.noise(9, 8, 3))
    contents = [photographs.save(image, kind) for kind in ("PNG", "BMP")]
    contents.append(photographs.save(image, "WEBP", lossless=True))
    contents.append(photographs.save(image.convert("RGBA"), "PNG"))
    outcomes = list(read_files(contents, make_spec(20, 20, 3, fit="pad"), PURPOSES))
    assert [outcome.kind for outcome in outcomes] == ["png", "bmp", "webp", "png"]
    for outcome in outcomes:
        assert outcome.shares == outcomes[0].shares


def test_plain_files_beside_others_give_the_pixels_of_the_general_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a PNG is, and however damaged, both ways give the same outcome."""
    spec, draw = make_spec(13, 17, 3), np.random.default_rng(5)
    contents = [
        photographs._KINDS["png"](np.random.default_rng(seed), (13, 17))[0] for seed in range(60)
    ]
    contents += [files.to_file(files.noise(13, 17, 3, seed)) for seed in range(70)]
    contents += files.whole_files(files.noise(13, 17, 3))
    contents += [mutated_images.mutate(contents, draw) for _ in range(60)]
    contents += [file for seed in range(30) for file in contents[seed : seed + 90 : 30]]
    is_plain = plain_files.make_test(spec)
    assert 64 < sum(map(is_plain, contents)) < len(contents) - 64
    quick = list(read_files(contents, spec, PURPOSES))
    monkeypatch.setattr(plain_files, "make_test", lambda spec: lambda file: False)
    for one, other in zip(quick, read_files(contents, spec, PURPOSES), strict=True):
        np.testing.assert_equal(one, other)
    assert sum(image.pixels is None for image in quick) > 10
    assert sum(image.pixels is not None for image in quick) > 100
