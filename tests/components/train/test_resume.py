"""An interrupted training goes on, and ends as if nothing had been."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from components.train.loop.checkpoints import Checkpoints

TIMES = ("seconds",)
# Everything that a checkpoint has to hold, in three trainings.
TOGETHER = {
    "averages": {"optimizer_options": {"use_ema": True, "ema_momentum": 0.9}},
    "best averages, own callback, own augmentation, streamed": {
        "best_weights": True,
        "optimizer_options": {"use_ema": True, "ema_overwrite_frequency": 30},
        "callbacks": ("own_models:HalvesTheRate",),
        "augmentation_fn": "own_models:noise",
        "cache": "stream",
    },
    "dropout, schedule, augmentation, from disk": {
        "model_options": {"dropout": 0.3},
        "learning_rate_schedule": "CosineDecay",
        "schedule_options": {"initial_learning_rate": 0.01, "decay_steps": 120},
        "augmentation": {"flip": "horizontal", "shift": 0.1, "rotation": 10},
        "cache": "disk",
    },
}
# The same one by one, which tells the cause where one of the above fails.
ONE_BY_ONE = {
    "plain": {},
    "convolutions and schedule": {
        "model": "conv",  # with moving statistics and dropout
        "model_options": {"filters": [2, 3], "dropout": 0.3},
        "optimizer": "adamw",
        "learning_rate_schedule": "CosineDecay",
        "schedule_options": {"initial_learning_rate": 0.01},
    },
    "augmentation": {
        "augmentation": {"flip": "horizontal", "shift": 0.1, "rotation": 10, "contrast": 0.2}
    },
    "own augmentation": {"augmentation_fn": "own_models:noise"},
    "best weights": {"best_weights": True, "optimizer": "rmsprop", "learning_rate": 0.03},
    "best averages": {
        "best_weights": True,
        "optimizer_options": {"use_ema": True, "ema_overwrite_frequency": 30},
        "callbacks": ("own_models:HalvesTheRate",),
    },
    "streamed": {"cache": "stream"},
    "from disk": {"cache": "disk"},
    "own callback": {"callbacks": ("own_models:HalvesTheRate",)},
}


class Interrupts:
    """A progress that presses Ctrl-C once so many steps are taken, each number once."""

    def __init__(self, *steps: int) -> None:
        self.left = list(steps)

    def __call__(self, done: float, total: float | None = None, detail: str = "") -> None:
        if self.left and done >= self.left[0]:
            self.left.pop(0)
            raise KeyboardInterrupt


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def without_times(history: dict) -> dict:
    return {name: values for name, values in history.items() if name not in TIMES}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        *(pytest.param(settings, id=name) for name, settings in TOGETHER.items()),
        *(
            pytest.param(settings, id=name, marks=pytest.mark.torture)
            for name, settings in ONE_BY_ONE.items()
        ),
    ],
)
def test_ends_bit_for_bit_as_without_interrupts(fit, work: Path, settings: dict) -> None:
    settings = {"epochs": 3, "checkpoint_seconds": 0, **settings}
    (work / "straight").mkdir()
    straight = fit(**settings, context={"work_dir": work / "straight"})
    interrupts = Interrupts(1, 85)
    for _ in range(20):
        try:
            resumed = fit(**settings, context={"work_dir": work, "progress": interrupts})
            break
        except KeyboardInterrupt:
            continue
    assert not interrupts.left
    np.testing.assert_array_equal(resumed.probabilities, straight.probabilities)
    assert without_times(resumed.history) == without_times(straight.history)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"use_ema": True}], ids=["as trained", "averages"])
def test_an_interrupt_while_validating_costs_no_step(
    fit, work: Path, monkeypatch, options: dict
) -> None:
    from components.train.training import Training

    settings = {"epochs": 3, "best_weights": True, "optimizer_options": options}
    straight = fit(**settings)
    validation, calls = Training._make_validation, []

    def interrupted(self, *about):
        means = validation(self, *about)

        def measure():
            calls.append(None)
            if len(calls) == 2:  # at the end of the second epoch
                raise KeyboardInterrupt
            return means()

        return measure

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_make_validation", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(**settings, context={"work_dir": work})
    (left,) = (work / "checkpoints").iterdir()
    assert int(left.name.split("-")[1]) == 2 * straight.history["steps_per_epoch"]
    resumed = fit(**settings, context={"work_dir": work})
    np.testing.assert_array_equal(resumed.probabilities, straight.probabilities)
    assert without_times(resumed.history) == without_times(straight.history)


@pytest.mark.slow
def test_a_checkpoint_of_another_precision_is_left_alone(fit, fit_once, work: Path, caplog) -> None:
    context = {"work_dir": work, "progress": Interrupts(50)}
    with pytest.raises(KeyboardInterrupt):
        fit(precision="mixed_float16", context=context)
    trained = fit(context=context)
    assert "training starts again" in caplog.text
    np.testing.assert_array_equal(trained.probabilities, fit_once(epochs=2).probabilities)


@pytest.mark.slow
def test_a_checkpoint_with_a_sum_too_many_is_left_alone(fit, fit_once, work: Path, caplog) -> None:
    context = {"work_dir": work, "progress": Interrupts(50)}
    with pytest.raises(KeyboardInterrupt):
        fit(context=context)
    checkpoints = Checkpoints(work / "checkpoints", 0, logging.getLogger())
    found = checkpoints.load()
    assert found
    found.arrays["sums"] = np.append(found.arrays["sums"], 1.0)
    checkpoints.save(10**6, found)  # the newest
    trained = fit(context=context)
    assert "training starts again" in caplog.text
    np.testing.assert_array_equal(trained.probabilities, fit_once(epochs=2).probabilities)
