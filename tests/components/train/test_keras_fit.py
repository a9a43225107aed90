"""Our loop against Keras's own `fit`, on the same arrays, from the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.models import NAMES
from components.train import Config
from components.train.keras_fit import make_optimizer
from data.batches.sequential import read_batches
from data.errors import ConfigError, StepError
from serving_export.bundle.saved_model import load_bundle
from serving_export.bundle.transform_graph import TransformFn

BATCH = 48  # 1,265 images: the last batch has 17


def arrays(examples, split: str = "train"):
    images, labels = next(
        iter(read_batches(examples, split, batch_size=10_000).as_numpy_iterator())
    )
    return images.astype(np.float32) / np.float32(255), labels


def keras_s_own(
    made, build, options, *, optimizer, from_logits, epochs=2, weights=None, callbacks=()
):
    """History and predictions of Keras's `fit`; weights as our loop's, by the same seed."""
    images, labels = arrays(made[0])
    keras.utils.set_random_seed(0)
    model = build(made[0].spec, options)
    model(TransformFn(made[1].path)(tf.zeros([8, *made[0].spec.shape])))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=["accuracy"],
    )
    history = model.fit(
        images,
        labels,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        class_weight=weights,
        validation_data=arrays(made[0], "validation"),
        callbacks=list(callbacks),
        verbose=0,
    ).history
    output = model.predict(images[:1000], verbose=0)
    return history, np.asarray(keras.ops.softmax(output)) if from_logits else output


def own(name: str):
    from importlib import import_module

    if name in NAMES:
        return import_module(f"components.models.{name}").build_model
    return getattr(import_module("own_models"), name)


@pytest.mark.parametrize(
    ("model", "output", "options", "class_weights", "optimizer"),
    [
        ("dense", "logits", {}, {}, "adam"),
        ("dense", "probabilities", {"softmax": True}, {}, "adam"),
        pytest.param(
            *("dense", "probabilities", {"softmax": True}, {}, "rmsprop"), marks=pytest.mark.torture
        ),
        ("dense", "logits", {}, {"3": 4.0, "7": 0.0}, "adam"),
        ("own_models:regularized", "logits", {}, {}, "adam"),
        ("own_models:normalized", "logits", {}, {}, "adam"),
        ("conv", "logits", {"filters": [2, 3], "dropout": 0}, {}, "adamw"),
    ],
    ids=[
        "logits",
        "probabilities",
        "rmsprop",
        "class weights",
        "regularized",
        "batch norm",
        "convolutions",
    ],
)
def test_as_keras_s_own_fit(fit, made, model, output, options, class_weights, optimizer) -> None:
    trained = fit(
        model=model,
        model_output=output,
        model_options=options,
        class_weights=class_weights,
        optimizer=optimizer,
        batch_size=BATCH,
        shuffle=False,
    )
    history, probabilities = keras_s_own(
        made,
        own(model.rpartition(":")[2]),
        options,
        optimizer=optimizer,
        from_logits=output == "logits",
        weights={int(k): v for k, v in class_weights.items()}
        | {n: 1.0 for n in range(10) if str(n) not in class_weights}
        if class_weights
        else None,
    )
    np.testing.assert_allclose(trained.probabilities, probabilities, atol=2e-4)
    np.testing.assert_allclose(trained.history["accuracy"], history["accuracy"], atol=1e-3)
    if not class_weights and "regularized" not in model:  # whose loss Keras reports with them
        np.testing.assert_allclose(trained.history["loss"], history["loss"], rtol=1e-3)
    if "regularized" not in model:
        np.testing.assert_allclose(trained.history["val_loss"], history["val_loss"], rtol=2e-3)
    np.testing.assert_allclose(trained.history["val_accuracy"], history["val_accuracy"], atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("own_models:normalized", {}),
        ("dense", {"ema_overwrite_frequency": 20}),
        pytest.param("dense", {}, marks=pytest.mark.torture),
        pytest.param(
            "own_models:normalized", {"ema_overwrite_frequency": 20}, marks=pytest.mark.torture
        ),
    ],
)
def test_averages_are_keras_s_own_and_are_what_is_validated(fit, made, model, options) -> None:
    """Keras's `SwapEMAWeights` is the oracle of the validation, `fit` of the weights at the end."""
    options = {"use_ema": True, "ema_momentum": 0.9, **options}
    trained = fit(model=model, batch_size=BATCH, shuffle=False, optimizer_options=options)
    history, probabilities = keras_s_own(
        made,
        own(model.rpartition(":")[2]),
        {},
        optimizer=keras.optimizers.Adam(**options),
        from_logits=True,
        callbacks=[keras.callbacks.SwapEMAWeights()],
    )
    np.testing.assert_allclose(trained.probabilities, probabilities, atol=2e-4)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(trained.history[name], history[name], rtol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])  # whose optimizer is inside
def test_the_last_validation_is_of_the_very_model_that_is_exported(fit, made, precision) -> None:
    trained = fit(optimizer_options={"use_ema": True}, batch_size=BATCH, precision=precision)
    images, labels = next(
        iter(read_batches(made[0], "validation", batch_size=10_000).as_numpy_iterator())
    )
    answer = load_bundle(trained.path / "bundle")("images", images)["probabilities"]
    losses = -np.log(answer[np.arange(len(labels)), labels])
    np.testing.assert_allclose(trained.history["val_loss"][-1], losses.mean(), rtol=1e-4)
    accuracy = (answer.argmax(axis=1) == labels).mean()
    np.testing.assert_allclose(trained.history["val_accuracy"][-1], accuracy, rtol=1e-6)


COMMON = ["adam", "sgd", "adamw"]  # the others are tried in the long campaigns
OPTIMIZERS = {
    "adam": {},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"centered": True},
    "adamw": {"weight_decay": 0.01},
    "adagrad": {},
    "adadelta": {},
    "adamax": {},
    "nadam": {},
    "ftrl": {},
    "lion": {},
    "lamb": {},
    "adafactor": {},
    "muon": {},
}


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        pytest.param(*item, marks=[] if item[0] in COMMON else [pytest.mark.torture])
        for item in OPTIMIZERS.items()
    ],
)
def test_every_optimizer_s_update_is_the_same_compiled(fit, optimizer, options) -> None:
    more = {"clipnorm": 0.5} if optimizer == "adam" else {}
    settings = {"optimizer": optimizer, "optimizer_options": {**options, **more}, "epochs": 1}
    compiled, plain = fit(**settings), fit(**settings, xla="never")
    assert "XLA for the optimizer" in compiled.history["hardware"]
    assert "no XLA" in plain.history["hardware"]
    np.testing.assert_allclose(compiled.probabilities, plain.probabilities, atol=1e-3)


@pytest.mark.parametrize(
    "options", [{"use_ema": True, "ema_momentum": 0.9}, {"gradient_accumulation_steps": 3}]
)
def test_what_an_optimizer_keeps_beside_works_compiled(fit, fit_once, options) -> None:
    settings = {"optimizer_options": options, "epochs": 2}
    compiled, plain = fit(**settings), fit(**settings, xla="never")
    np.testing.assert_allclose(compiled.probabilities, plain.probabilities, atol=1e-3)
    assert not np.allclose(compiled.probabilities, fit_once(epochs=2).probabilities, atol=1e-3)


def test_a_schedule_is_keras_s(fit) -> None:
    settings = {"initial_learning_rate": 0.01, "decay_steps": 40}
    config = Config(learning_rate_schedule="cosinedecay", schedule_options=settings)
    made = make_optimizer(config, 1000)
    schedule = keras.optimizers.schedules.CosineDecay(**settings)
    for step in (0, 10, 39, 100):
        made.iterations.assign(step)
        np.testing.assert_allclose(made.learning_rate, schedule(step), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "rate_after"),
    [
        ("CosineDecay", {"initial_learning_rate": 0.01}, {0: 0.01, 50: 0.005, 100: 0}),
        (
            "cosinedecay",
            {"initial_learning_rate": 0, "warmup_target": 0.01, "warmup_steps": 20},
            {10: 0.005, 20: 0.01, 60: 0.005, 100: 0},
        ),
        ("PolynomialDecay", {"initial_learning_rate": 1, "end_learning_rate": 0}, {0: 1, 75: 0.25}),
        ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 10}, {5: 0.005, 10: 0}),
    ],
)
def test_a_schedule_without_decay_steps_decays_until_the_last_step(
    name, options, rate_after
) -> None:
    config = Config(learning_rate_schedule=name, schedule_options=options)
    optimizer = make_optimizer(config, 100)
    for step, rate in rate_after.items():
        optimizer.iterations.assign(step)
        np.testing.assert_allclose(optimizer.learning_rate, rate, atol=1e-7)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"optimizer_options": {"beta": 0.9}}, "Adam does not take"),
        ({"learning_rate_schedule": "CosinDecay"}, "did you mean 'cosinedecay'"),
        ({"learning_rate_schedule": "CosineDecay"}, "CosineDecay does not take"),
    ],
)
def test_an_optimizer_that_cannot_be_made(settings, words) -> None:
    with pytest.raises(ConfigError, match=words):
        make_optimizer(Config(**settings), 1000)


def test_the_same_seed_gives_the_same_model_bit_for_bit(fit) -> None:
    first, again, other = (fit(seed=s, model_options={"dropout": 0.2}) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    assert not np.array_equal(first.probabilities, other.probabilities)


@pytest.mark.parametrize("calls", [1, 38, 60])
def test_a_loss_that_is_no_number_names_the_very_step(fit, calls: int) -> None:
    settings = {"model": "own_models:breaks", "model_options": {"at": calls}}
    epoch = 1 if calls <= 40 else 2
    with pytest.raises(StepError, match=rf"NaN or infinite at step {calls} \(epoch {epoch}\)") as e:
        fit(**settings)
    assert ("no finite loss before it" if calls == 1 else f"at step {calls - 1}") in str(e.value)
    for cause in ("learning_rate", "division by zero", "model_output"):
        assert cause in str(e.value)
