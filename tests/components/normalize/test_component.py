from __future__ import annotations

from pathlib import Path

import across_the_batch
import numpy as np
import pytest

from components import ingest, normalize
from components.context import Context
from data.batches.sequential import read_batches
from data.errors import ConfigError


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    context = Context(output_dir=tmp_path_factory.mktemp("ingest"))
    return ingest.run(ingest.Inputs(), ingest.Config(source="digits"), context).examples


def transformed(examples, fn: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Raw train images and the same through the transform graph."""
    from serving_export.bundle.transform_graph import TransformFn

    config = normalize.Config(preprocessing_fn=fn)
    out = normalize.run(normalize.Inputs(examples=examples), config, Context(output_dir=folder))
    raw, _ = next(iter(read_batches(examples, "train", batch_size=5000).as_numpy_iterator()))
    graph = TransformFn(out.transform_graph.path)
    return raw, graph(raw.astype(np.float32)).numpy()


def test_the_default_divides_by_255(examples, tmp_path):
    raw, seen = transformed(examples, "divide_by_255", tmp_path)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, raw.astype(np.float32) / np.float32(255), rtol=1e-6)
    assert 0 <= seen.min() < seen.max() <= 1


def test_a_full_pass_over_train_is_numpy_s(examples, tmp_path):
    """Oracle: standardizing by tensorflow-transform's mean and variance equals NumPy's."""
    raw, seen = transformed(examples, "own_preprocessing:standardize", tmp_path)
    pixels = raw.astype(np.float64)
    expected = (pixels - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4)


def test_the_features_have_the_stated_types(examples, tmp_path):
    raw, seen = transformed(examples, "own_preprocessing:checks_types", tmp_path)
    np.testing.assert_array_equal(seen, raw)


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        ("own_preprocessing:fails", "fails on its features"),
        ("own_preprocessing:no_image", "returns no image of float32"),
        (
            "own_preprocessing:in_float64",
            "no image of float32(.|\n)*got: +float64 .*own_preprocessing.py:[0-9]+",
        ),
        (
            "own_preprocessing:in_uint8",
            "no image of float32(.|\n)*got: +uint8 .*own_preprocessing.py:[0-9]+",
        ),
        ("own_preprocessing:bare", "returns no dict"),
        ("own_preprocessing:missing", "no 'missing'"),
        ("no_such_module:fn", "cannot import"),
    ],
)
def test_a_preprocessing_fn_that_does_not_work(examples, tmp_path, fn, words):
    with pytest.raises(ConfigError, match=words):
        transformed(examples, fn, tmp_path)


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        ("label_counted_from_1", "changes the labels"),
        ("label_one_hot", "changes the labels"),
        ("drops_a_class", "drops images"),
        ("tells_the_label", "another 'image' for another label"),
        ("renamed_label", "another 'label_xf' for another label"),
    ],
)
def test_what_would_be_done_to_the_label_is_refused(examples, tmp_path, fn, words):
    with pytest.raises(ConfigError, match=words):
        transformed(examples, f"own_preprocessing:{fn}", tmp_path)


@pytest.mark.parametrize("fn", ["image_alone", "divided"])
def test_a_label_may_be_left_out_or_passed_on(examples, tmp_path, fn):
    raw, seen = transformed(examples, f"own_preprocessing:{fn}", tmp_path)
    np.testing.assert_allclose(seen, raw.astype(np.float32) / np.float32(255), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("way", across_the_batch.WAYS, ids=lambda way: way.__name__)
def test_arithmetic_across_the_batch_is_refused(examples, tmp_path, way):
    with pytest.raises(ConfigError, match="other values for an image beside other images"):
        transformed(examples, f"across_the_batch:{way.__name__}_fn", tmp_path)


def test_an_unknown_name():
    with pytest.raises(ConfigError, match="did you mean 'divide_by_255'"):
        normalize.Config(preprocessing_fn="divide_by_256")
