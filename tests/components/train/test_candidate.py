"""Models of every kind come out as bundles that answer as they were trained."""

from __future__ import annotations

import json

import numpy as np
import pytest

from components import train
from components.evaluate.rules import Allowed
from data.errors import ConfigError
from serving_export.bundle.saved_model import load_bundle

MODELS = {
    "sequential": {},
    "subclassed, batch norm, dropout": {
        "model": "own_models:subclassed",
        "model_output": "probabilities",
    },
    "functional, convolutions": {"model": "own_models:convolutional"},
    "conv": {"model": "conv", "model_options": {"filters": [2, 3]}, "epochs": 1},
    "from scratch": {
        "train_fn": "components.train.from_scratch_fit:train_fn",
        "model_output": "probabilities",
    },
    "your own loop": {"train_fn": "own_models:own_loop"},
    "untrained, nothing recorded": {"train_fn": "own_models:silent_loop"},
}
PARITY = Allowed().parity  # what the gate allows


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_the_bundle_answers_as_the_trained_model(fit_once, settings) -> None:
    trained = fit_once(**settings)
    recorded = np.load(trained.path / "parity.npz")
    answer = load_bundle(trained.path / "bundle")("images", recorded["images"])
    # not bit for bit: without oneDNN a graph rounds in another way than Keras' own call
    np.testing.assert_allclose(answer["probabilities"], recorded["probabilities"], atol=PARITY)
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_a_loop_of_one_s_own_learns_and_its_record_is_kept(fit) -> None:
    trained = fit(train_fn="own_models:own_loop", epochs=4)
    losses = trained.history["loss"]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 2
    about = json.loads((trained.path / "bundle" / "penstock.json").read_text())["metadata"]
    assert about["epochs"] == 4
    assert about["model"] == "own_models:own_loop"


def test_training_learns_and_says_what_it_did(fit_once) -> None:
    history = fit_once(epochs=5).history
    assert history["accuracy"][-1] > 0.85 > history["accuracy"][0]
    assert len(history["loss"]) == len(history["val_loss"]) == 5
    assert history["steps_per_epoch"] == 40
    assert history["seconds"] > 0


def test_the_from_scratch_training_is_the_tutorial_s(fit, made) -> None:
    """Against its loop written out: batches in the order at rest, the last one smaller."""
    import tensorflow as tf
    from gradient_step import gradient_step

    from components.models.from_scratch import build
    from data.batches.sequential import read_batches

    trained = fit(
        train_fn="components.train.from_scratch_fit:train_fn",
        model_output="probabilities",
        model_options={"units": 32},
        learning_rate=0.05,
        batch_size=128,
        shuffle=False,
        epochs=3,
    )
    model = build(made[0].spec, {"units": 32}, seed=0)
    images, labels = next(iter(read_batches(made[0], "train", batch_size=5000)))
    images = tf.cast(images, tf.float32) / 255.0
    for _ in range(3):
        for start in range(0, len(labels), 128):
            here = slice(start, start + 128)
            gradient_step(model, images[here], labels[here], 0.05)
    want = model(images[:1000]).numpy()
    np.testing.assert_allclose(trained.probabilities, want, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 0}, {"batch_size": -1}, {"learning_rate": 0.0}, {"early_stop_patience": 0}],
)
def test_settings_out_of_range(settings) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        train.Config(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"checkpoint_seconds": -1.0}, "0 seconds or more"),
        ({"learning_rate": 0.1, "learning_rate_schedule": "CosineDecay"}, "cannot both be set"),
        ({"train_fn": "mine"}, "unknown train_fn 'mine'"),
        ({"callbacks": ("mine",)}, "unknown callback 'mine'"),
    ],
)
def test_settings_that_make_no_sense(settings, words) -> None:
    with pytest.raises(ConfigError, match=words):
        train.Config(**settings)
