"""What does not fit is said before a step is taken."""

from __future__ import annotations

import numpy as np
import pytest

from components.train.checks.model import check_output
from data.errors import ConfigError
from data.spec import ImageSpec

SPEC = ImageSpec(height=8, width=8, channels=1, class_names=tuple("0123456789"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model_options": {"unts": 3}}, "did you mean 'units'"),
        ({"model_options": {"units": 0}}, "out of range"),
        ({"model_options": {"softmax": "yes"}}, "out of range"),
        ({"model": "own_models:narrow"}, r"shape \(batch, 10\)"),
        ({"model": "own_models:broken"}, "cannot be built"),
        ({"model": "own_models:missing"}, "no 'missing'"),
        ({"model": "own_models:own_train_step"}, "its own train_step"),
        ({"model_options": {"softmax": True}}, "gives probabilities.*would be applied twice"),
        ({"model_output": "probabilities"}, "gives logits.*no softmax would be applied"),
        ({"model": "own_models:subclassed"}, "would be applied twice"),
        ({"train_fn": "own_models:probabilities_said_logits"}, "would be applied twice"),
    ],
)
def test_what_cannot_be_trained_is_said_first(fit, settings, words) -> None:
    steps: list[float] = []
    progress = {"progress": lambda done, *_: steps.append(done)}
    with pytest.raises(ConfigError, match=words):
        fit(context=progress, **settings)
    assert not steps


def softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("scale", [1e-6, 0.1, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_logits_and_probabilities_are_told_apart(scale: float, dtype: type) -> None:
    logits = np.random.default_rng(0).normal(size=(8, 10)) * scale
    for output, kind in ((logits, "logits"), (softmax(logits), "probabilities")):
        output = output.astype(dtype)
        check_output(output, SPEC, "m", kind)
        other = "probabilities" if kind == "logits" else "logits"
        with pytest.raises(ConfigError, match=f"gives {kind}, and train.model_output says {other}"):
            check_output(output, SPEC, "m", other)


def test_nan_is_the_loss_s_to_tell() -> None:
    check_output(np.full((8, 10), np.nan), SPEC, "m", "probabilities")
