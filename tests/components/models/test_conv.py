from __future__ import annotations

import keras
import numpy as np
import pytest

from components.artifacts import ExpectedExamples
from components.models.conv import build_model
from components.models.options import check_conv_options
from components.train import Config
from components.train.checks import settings
from data.errors import ConfigError
from data.spec import ImageSpec

TINY = {"filters": [2, 3], "dropout": 0.5}


def make_spec(height: int, width: int, channels: int = 3, classes: int = 3) -> ImageSpec:
    names = tuple(f"class {n}" for n in range(classes))
    return ImageSpec(height=height, width=width, channels=channels, class_names=names)


def list_kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("size", "classes"),
    [((8, 8, 1), 2), ((9, 40, 4), 100), ((1, 1, 3), 2), ((64, 64, 3), 10), ((512, 300, 3), 3)],
)
def test_images_of_any_size_give_logits(size: tuple[int, int, int], classes: int) -> None:
    model = build_model(make_spec(*size, classes), {})
    assert model.input_shape == (None, *size)
    assert model.output_shape == (None, classes)
    logits = model(np.ones((2, *size), np.float32))
    assert np.isfinite(logits).all()
    assert model.count_params() < 300_000


def test_blocks_are_what_the_options_say() -> None:
    convolution = ["Conv2D", "BatchNormalization", "ReLU"]
    block = ["MaxPooling2D", *convolution]
    head = ["GlobalAveragePooling2D", "Dropout", "Dense"]
    model = build_model(make_spec(8, 8), {"filters": [5, 7, 2], "dropout": 0.25, "momentum": 0.5})
    assert list_kinds(model) == [*convolution, *block, *block, *head]
    widths = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert widths == [5, 7, 2]
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {0.5}
    assert model.layers[-2].rate == 0.25
    assert "Dropout" not in list_kinds(build_model(make_spec(8, 8), {"dropout": 0}))


def test_moving_statistics_follow_the_batches_within_an_epoch_of_fifty_steps() -> None:
    (momentum,) = {
        layer.momentum
        for layer in build_model(make_spec(8, 8), {}).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momentum**50 < 0.01


def test_an_answer_depends_on_its_image_alone() -> None:
    """In inference; BatchNorm and Dropout look at the batch in training alone."""
    model = build_model(make_spec(8, 8), TINY)
    images = np.random.default_rng(0).uniform(0, 1, (20, 8, 8, 3)).astype(np.float32)
    for _ in range(5):
        model(images, training=True)
    together = np.asarray(model(images))
    alone = np.concatenate([model(image[None]) for image in images])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert np.abs(np.asarray(model(images, training=True)) - together).max() > 0.01


def test_logits_are_float32_under_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(make_spec(8, 8), TINY)
        logits = model(np.ones((2, 8, 8, 3), np.float32))
    finally:
        keras.config.set_dtype_policy("float32")
    assert logits.dtype == "float32"
    assert model.layers[0].compute_dtype == "float16"
    assert {weight.dtype for weight in model.weights} == {"float32"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filter": [3]}, "did you mean 'filters'"),
        ({"filters": []}, "filters a list of numbers >= 1"),
        ({"filters": 24}, "got:      filters=24"),
        ({"filters": [24, 0]}, "out of range"),
        ({"filters": [24, 4.5]}, "out of range"),
        ({"dropout": 1}, "0 <= dropout < 1"),
        ({"momentum": 1.0}, "0 <= momentum < 1"),
        ({"momentum": True}, "out of range"),
        ({"filters": [2] * 5}, "more blocks than images of 8 x 9 have room for.*at most 4 blocks"),
    ],
)
def test_options_that_cannot_be(options, words) -> None:
    spec = make_spec(8, 9)
    with pytest.raises(ConfigError, match=rf"(?s){words}"):
        build_model(spec, options)
    config = Config(model="conv", model_options=options)
    with pytest.raises(ConfigError, match=rf"(?s){words}"):  # also before anything runs
        settings.check(config, ExpectedExamples(spec=spec))


def test_the_depth_is_chosen_when_the_size_is_known() -> None:
    assert check_conv_options({}, None)["filters"] is None
    assert check_conv_options({"filters": [2] * 9}, None)["filters"] == [2] * 9
    assert check_conv_options({"filters": (2, 3)}, make_spec(2, 2))["filters"] == (2, 3)
    settings.check(Config(model="conv"), ExpectedExamples())
