from __future__ import annotations

import numpy as np
import pytest

from data.errors import ConfigError

AVERAGES = {"use_ema": True, "ema_momentum": 0.9}


@pytest.mark.parametrize("options", [{}, AVERAGES], ids=["as trained", "averages"])
def test_early_stopping_ends_and_keeps_the_best_weights(fit, options) -> None:
    # so that it stops, anywhere
    settings = {"callbacks": ("own_models:spoils_the_end",), "optimizer_options": options}
    trained = fit(epochs=60, early_stop_patience=2, **settings)
    losses = trained.history["val_loss"]
    assert len(losses) < 60
    assert len(losses) == int(np.argmin(losses)) + 3
    straight = fit(epochs=int(np.argmin(losses)) + 1, **settings)
    np.testing.assert_array_equal(trained.probabilities, straight.probabilities)


@pytest.mark.parametrize("options", [{}, AVERAGES], ids=["as trained", "averages"])
def test_the_best_weights_without_a_stop(fit, options) -> None:
    settings = {"optimizer": "rmsprop", "callbacks": ("own_models:spoils_the_end",)}
    settings["optimizer_options"] = options
    trained = fit(epochs=5, best_weights=True, **settings)
    best = int(np.argmin(trained.history["val_loss"]))
    assert len(trained.history["loss"]) == 5
    assert best < 3  # the last weights are not the best, on any processor
    straight = fit(epochs=best + 1, **settings)
    np.testing.assert_array_equal(trained.probabilities, straight.probabilities)


@pytest.mark.parametrize("settings", [{"early_stop_patience": 1}, {"best_weights": True}])
def test_both_need_a_validation_split(fit, without_validation, settings) -> None:
    with pytest.raises(ConfigError, match="needs a validation split"):
        fit(on=without_validation, **settings)


def test_callbacks_of_one_s_own_are_called_in_keras_s_order(fit) -> None:
    import own_models

    fit(callbacks=("own_models:Records",), epochs=2)
    calls = own_models.Records.calls
    assert calls[:2] == ["train begin", "epoch 0 begin"]
    assert calls[-2:] == ["epoch 1 end", "train end"]
    middle = calls.index("epoch 0 end")
    assert calls[middle + 1] == "epoch 1 begin"
    assert set(calls[2:middle]) == {"steps"}


def test_a_callback_may_change_the_learning_rate(fit) -> None:
    trained = fit(callbacks=("own_models:plateau",), epochs=4, learning_rate=0.01)
    np.testing.assert_allclose(
        trained.history["learning_rate"], [1e-2, 1e-2, 1e-3, 1e-4], rtol=1e-5
    )


def test_the_learning_rate_of_a_schedule_is_recorded(fit) -> None:
    options = {"initial_learning_rate": 0.02, "decay_steps": 40, "decay_rate": 0.5}
    settings = {"learning_rate_schedule": "ExponentialDecay", "schedule_options": options}
    trained = fit(epochs=3, batch_size=32, **settings)
    steps = trained.history["steps_per_epoch"] * np.arange(1, 4)
    np.testing.assert_allclose(
        trained.history["learning_rate"], 0.02 * 0.5 ** (steps / 40), rtol=1e-4
    )


def test_what_is_no_callback(fit) -> None:
    with pytest.raises(ConfigError, match="returns no Keras callback"):
        fit(callbacks=("own_models:no_callback",))


def test_at_an_epoch_s_end_a_callback_sees_what_is_exported(fit, made) -> None:
    """Also when the training ends; in between, the weights as trained."""
    import own_models

    from serving_export.bundle.manifest import WEIGHTS
    from serving_export.bundle.saved_model import load_bundle

    trained = fit(callbacks=("own_models:KeepsWeights",), optimizer_options=AVERAGES)
    seen = own_models.KeepsWeights.seen
    exported = [w.numpy() for w in getattr(load_bundle(trained.path / "bundle").saved, WEIGHTS)]
    for when in ("epoch 1 end", "train end"):
        for weight, theirs in zip(seen[when], exported, strict=True):
            np.testing.assert_array_equal(weight, theirs)
    for weight, before, average in zip(
        seen["epoch 1 begin"], seen["steps"], seen["epoch 0 end"], strict=True
    ):
        np.testing.assert_array_equal(weight, before)
        assert not np.array_equal(weight, average)


def test_what_a_callback_writes_into_averages_would_be_lost_and_is_refused(fit) -> None:
    settings = {"callbacks": ("own_models:WritesWeights",), "epochs": 1}
    fit(**settings)
    with pytest.raises(ConfigError, match="changed the weights at the end of epoch 1"):
        fit(**settings, optimizer_options=AVERAGES)


def test_keras_s_own_exchange_of_averages_is_refused(fit) -> None:
    with pytest.raises(ConfigError, match="remove it from"):
        fit(callbacks=("keras.callbacks:SwapEMAWeights",), optimizer_options=AVERAGES)
