from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.base.content_hash import hash_image_shares, hash_images

IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(0, 8), st.just(3), st.just(2), st.just(1)))


@settings(derandomize=True)
@given(images=IMAGES, data=st.data())
def test_an_image_keeps_its_number_in_any_order_and_company(images, data) -> None:
    order = data.draw(st.lists(st.integers(0, max(len(images) - 1, 0)), max_size=len(images)))
    shares = hash_image_shares(images, "test")
    np.testing.assert_array_equal(hash_image_shares(images[order], "test"), shares[order])
    assert shares.shape == (len(images),)


def test_the_number_is_the_pixels_blake2b() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(1, 3, 2, 1)
    digest = hashlib.blake2b(bytes(range(6)), digest_size=8, person=b"test").digest()
    assert hash_image_shares(image, "test")[0] == int.from_bytes(digest, "big") / 2**64
    assert hash_image_shares(image[:, ::-1], "test") != hash_image_shares(image, "test")


def test_numbers_are_even_and_purposes_independent() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20_000, 4, 4, 1), dtype=np.uint8)
    test, validation = (hash_image_shares(images, p) for p in ("test", "validation"))
    assert test.min() >= 0
    assert test.max() <= 1
    histogram = np.histogram(test, 10, (0, 1))[0]
    np.testing.assert_allclose(histogram, 2000, atol=5 * np.sqrt(2000))
    # a share of what a first split left over is still that share
    assert abs((validation[test >= 0.2] < 0.1).mean() - 0.1) < 0.01


def test_a_hash_tells_images_apart() -> None:
    images = np.random.default_rng(1).integers(0, 256, (5000, 4, 4, 1), dtype=np.uint8)
    images = np.concatenate([images, images[:10]])
    hashes = hash_images(images)
    assert hashes.dtype == np.uint64
    assert len(np.unique(hashes)) == 5000
    assert np.array_equal(hashes[5000:], hashes[:10])
    assert np.array_equal(hashes / 2.0**64, hash_image_shares(images, ""))
