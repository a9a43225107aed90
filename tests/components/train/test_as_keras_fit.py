"""A table of set-ups: each trained by our loop and by Keras's `fit`, and resumed, or refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import keras_setups
import numpy as np
import pytest
import tensorflow as tf

from components.artifacts import Examples
from components.context import Context
from components.train import Config, devices
from components.train.keras_fit import make_optimizer, train_fn
from components.train.training import Training
from data.batches.sequential import read_batches
from data.code.import_path import load_object
from data.errors import ConfigError
from data.examples.artifact import shard_name
from data.examples.tf_example import encode
from serving_export.bundle.transform_graph import TransformFn

SIZES = {"train": 100, "validation": 40}  # steps of 16: the last has 4 images
EMA = {"use_ema": True, "ema_momentum": 0.9}
COSINE = {
    "learning_rate_schedule": "CosineDecay",
    "schedule_options": {"initial_learning_rate": 0.01, "decay_steps": 15},
}


class SetUp(NamedTuple):
    settings: dict[str, Any]
    fit: Mapping[str, Any] = MappingProxyType({})  # what says the same to Keras's `fit`
    often: bool = False  # tried in each run of the tests, not in long campaigns alone


def model(name: str, **options: Any) -> dict[str, Any]:
    return {"model": f"keras_setups:{name}", "model_options": options}


def optimizer(name: str, **options: Any) -> SetUp:
    return SetUp({"optimizer": name, "optimizer_options": options})


def callbacks(*names: str, often: bool = False, **settings: Any) -> SetUp:
    return SetUp({"callbacks": tuple(f"keras_setups:{n}" for n in names), **settings}, often=often)


SET_UPS = {
    **{
        name: optimizer(name)
        for name in ("adagrad", "adadelta", "adamax", "nadam", "ftrl", "lion", "lamb", "adafactor")
    },
    "sgd": optimizer("sgd", momentum=0.9, nesterov=True),
    "rmsprop": optimizer("rmsprop", centered=True),
    "adamw": optimizer("adamw", weight_decay=0.01),
    "muon": optimizer("muon"),
    "clipped": optimizer("adam", clipnorm=0.5),
    "clipped together": optimizer("adam", global_clipnorm=0.5),
    "accumulated": optimizer("adam", gradient_accumulation_steps=3),
    "averages": SetUp({"optimizer_options": EMA}, {"callbacks": ["SwapEMAWeights"]}),
    "averages, overwritten": SetUp(
        {"optimizer_options": {**EMA, "ema_overwrite_frequency": 5}},
        {"callbacks": ["SwapEMAWeights"]},
    ),
    "schedule": SetUp(COSINE),
    "vector add_loss": SetUp(model("linear", add=["vector"])),
    "scalar add_loss": SetUp(model("linear", add=["scalar"])),
    "activity": SetUp(model("linear", add=["activity"])),
    "regularizer": SetUp(model("linear", dense={"kernel_regularizer": "l2"})),
    "norm and dropout": SetUp(model("linear", add=["norm", "dropout"])),
    "compute_loss": SetUp(model("own_loss")),
    # By descent: Adam divides what is near 0 by what is near 0, and rounding shows.
    "compiled loss": SetUp({"optimizer": "sgd", **model("compiled", add=["vector"])}, often=True),
    "compiled with a weight": SetUp(
        {"optimizer": "sgd", **model("compiled", compile={"loss_weights": 0.5})}
    ),
    "class weights": SetUp(
        {"class_weights": {"3": 4.0, "7": 0.0}},
        {"class_weight": {n: {3: 4.0, 7: 0.0}.get(n, 1.0) for n in range(10)}},
    ),
    "sample weights": SetUp(
        {"sample_weight_fn": "keras_setups:sample_weights", **model("linear", add=["vector"])},
        {"sample_weight": keras_setups.sample_weights},
    ),
    "weights of a compiled loss": SetUp(
        {"sample_weight_fn": "keras_setups:sample_weights", **model("compiled")},
        {"sample_weight": keras_setups.sample_weights},
    ),
    "early stopping": callbacks("early_stopping", epochs=12),
    "plateau": callbacks("reduce_on_plateau", often=True, epochs=4),
    "plateau of a regularized loss": callbacks(
        "reduce_on_plateau", epochs=8, **model("linear", add=["vector"])
    ),
    "rate of the epoch": callbacks("rate_of_epoch"),
    "rate of the batch": callbacks("WarmsUp"),
    "stops within": callbacks("StopsWithin"),
    "validates": callbacks("Validates"),
    "all at once": callbacks(
        "WarmsUp", "early_stopping", "Validates", often=True, epochs=4, **model("own_loss")
    ),
}


@pytest.fixture(scope="module")
def few(made, tmp_path_factory) -> Examples:
    """The first digits alone."""
    folder = tmp_path_factory.mktemp("few")
    counts = {}
    for split, size in SIZES.items():
        images, labels = next(
            iter(read_batches(made[0], split, batch_size=size).as_numpy_iterator())
        )
        (folder / shard_name(split, 0, 1)).write_bytes(encode(images, labels))
        counts[split] = tuple(np.bincount(labels, minlength=10).tolist())
    return Examples(path=folder, spec=made[0].spec, counts=counts)


def settings_of(set_up: SetUp) -> Config:
    settings = {**model("linear"), "epochs": 3, "learning_rate": 0.01, **set_up.settings}
    if "learning_rate_schedule" in settings:
        del settings["learning_rate"]
    return Config(batch_size=16, shuffle=False, checkpoint_seconds=0, **settings)


@pytest.fixture
def ours(few, made, tmp_path):
    """A function that trains by our loop, interrupted at a given step; gives the weights."""

    def train(config: Config, *interrupts: int, **about: Any) -> list[np.ndarray]:
        work = tmp_path / f"work {len(interrupts)}"
        work.mkdir()
        left = list(interrupts)

        def progress(done: float, *_: Any) -> None:
            if left and done >= left[0]:
                left.pop(0)
                raise KeyboardInterrupt

        while True:
            keras.utils.set_random_seed(0)
            context = Context(output_dir=tmp_path, work_dir=work, progress=progress, **about)
            transform = TransformFn(made[1].path)
            training = Training(few, transform, config, context, devices.choose_hardware(config))
            try:
                return [np.array(weight) for weight in train_fn(training).weights]
            except KeyboardInterrupt:
                continue

    return train


def keras_s(few: Examples, config: Config, fit: Mapping[str, Any]) -> list[np.ndarray]:
    """The weights that Keras's `fit` ends with."""
    data = {}
    for split, size in SIZES.items():
        images, labels = next(iter(read_batches(few, split, batch_size=size).as_numpy_iterator()))
        data[split] = images.astype(np.float32) / np.float32(255), labels
        if split == "train" and "sample_weight" in fit:
            weights = np.asarray(fit["sample_weight"](tf.constant(images), tf.constant(labels)))
            fit = {**fit, "sample_weight": weights}
    keras.utils.set_random_seed(0)
    network = load_object(config.model_path)(few.spec, config.model_options)
    given = network._compile_config.config if network.compiled else {}
    network.compile(
        optimizer=make_optimizer(config, config.epochs * -(-SIZES["train"] // config.batch_size)),
        loss=given.get("loss") or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        loss_weights=given.get("loss_weights"),
        metrics=["accuracy"],
    )
    fit = dict(fit)
    more = fit.pop("callbacks", [])
    network.fit(
        *data["train"],
        batch_size=config.batch_size,
        epochs=config.epochs,
        shuffle=False,
        validation_data=data["validation"],
        validation_batch_size=512,
        callbacks=[load_object(path)() for path in config.callbacks]
        + [getattr(keras.callbacks, name)() for name in more],
        verbose=0,
        **fit,
    )
    return [np.array(weight) for weight in network.weights]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if set_up.often else [pytest.mark.torture])
        for name, set_up in SET_UPS.items()
    ],
)
def test_trains_as_fit_does_and_goes_on_as_if_nothing_had_been(few, ours, name) -> None:
    config = settings_of(SET_UPS[name])
    straight = ours(config)
    for weight, wanted in zip(straight, keras_s(few, config, SET_UPS[name].fit), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=0, atol=1e-6)
    steps = config.epochs * 7
    for weight, resumed in zip(straight, ours(config, steps * 3 // 4), strict=True):
        np.testing.assert_array_equal(weight, resumed)


def compiled_with(**about: Any) -> dict[str, Any]:
    return model("compiled", compile=about)


REFUSED = {
    "metrics": (compiled_with(metrics=["accuracy"]), "compiled with metrics"),
    "eager": (compiled_with(run_eagerly=True), "compiled with run_eagerly"),
    "another optimizer": (compiled_with(optimizer="rmsprop"), "another optimizer"),
    "another output": (
        compiled_with(loss="sparse_categorical_crossentropy"),
        "from_logits=False, and train.model_output says logits",
    ),
    "another shape": (compiled_with(loss="mse"), "loss of the model .* cannot be computed"),
    "no reduction": (
        compiled_with(
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
        ),
        "not a scalar",
    ),
    "Python": (model("linear", add=["python"]), "calls Python and cannot be exported"),
    "backup": ({"callbacks": ("keras_setups:backup",)}, "saves checkpoints .* Train does so, too"),
    "blind": ({"callbacks": ("keras_setups:blind",)}, "'val_auc', which is not measured"),
    "schedule free": (
        {"optimizer": "ScheduleFreeAdamW"},
        "different weights when Keras compiles it",
    ),
    "fixed rate": (
        {"callbacks": ("keras_setups:reduce_on_plateau",), **COSINE},
        "and train.learning_rate_schedule both set the learning rate",
    ),
    "half a state": ({"callbacks": ("keras_setups:OnlyGives",)}, "get_state and no set_state"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_another_training_is_refused_before_the_first_step(ours, name) -> None:
    settings, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words):
        ours(settings_of(SetUp(settings)), 0)


def test_what_is_worth_a_look_is_said_once(ours) -> None:
    heard: list[str] = []
    names = ("Forgets", "WarmsUp", "early_stopping")
    set_up = callbacks(*names, epochs=1, **model("linear", add=["rescaling"]))
    ours(settings_of(set_up), warn=heard.append)
    assert len(heard) == 2
    assert "the images are scaled twice" in heard[0]
    assert "Forgets has no get_state() and set_state(state)" in heard[1]


def test_a_stream_of_labels_in_runs_is_warned_of(few, made, tmp_path, monkeypatch) -> None:
    images, labels = next(iter(read_batches(few, "train", batch_size=100).as_numpy_iterator()))
    order = np.argsort(labels, kind="stable")
    path = tmp_path / shard_name("train", 0, 1)
    path.write_bytes(encode(images[order], labels[order]))
    in_runs = dataclasses.replace(few, path=tmp_path, counts={"train": few.counts["train"]})
    monkeypatch.setattr("data.batches.training.BUFFER_BYTES", 640)
    for images_at_once, examples, warned in ((10, in_runs, 1), (100, in_runs, 0), (10, few, 0)):
        monkeypatch.setattr("data.batches.training.BUFFER_IMAGES", images_at_once)
        heard: list[str] = []
        context = Context(output_dir=tmp_path, warn=heard.append)
        config = Config(cache="stream")
        training = Training(examples, lambda x: x, config, context, devices.choose_hardware(config))
        training._plan_feed({})
        assert len(heard) == warned
        assert all("images are sorted by label" in words for words in heard)
