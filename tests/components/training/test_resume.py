"""An interrupted training goes on, and ends as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

TIMES = ("seconds",)
SETTINGS = {
    "plain": {},
    "dropout and schedule": {
        "model_options": {"dropout": 0.3},
        "learning_rate_schedule": "CosineDecay",
        "schedule_options": {"initial_learning_rate": 0.01, "decay_steps": 120},
    },
    "augmentation": {"augmentation": {"flip": "horizontal", "shift": 0.1, "rotation": 10}},
    "own augmentation": {"augmentation_fn": "own_models:noise"},
    "best weights": {"best_weights": True, "optimizer": "rmsprop", "learning_rate": 0.03},
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
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_ends_bit_for_bit_as_without_interrupts(fit, work: Path, settings: dict) -> None:
    settings = {"epochs": 4, "checkpoint_seconds": 0, **settings}
    (work / "straight").mkdir()
    straight = fit(**settings, context={"work_dir": work / "straight"})
    interrupts = Interrupts(1, 17, 40, 41, 85, 130, 158)
    for _ in range(20):
        try:
            resumed = fit(**settings, context={"work_dir": work, "progress": interrupts})
            break
        except KeyboardInterrupt:
            continue
    assert not interrupts.left
    np.testing.assert_array_equal(resumed.probabilities, straight.probabilities)
    assert without_times(resumed.history) == without_times(straight.history)
