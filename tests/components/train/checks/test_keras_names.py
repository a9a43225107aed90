"""The tables by which a config is checked without Keras are Keras's own."""

from __future__ import annotations

import inspect

import keras
import pytest

from components.train.checks.keras_names import COMMON, OPTIMIZERS, SCHEDULES

WRAPPERS = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}  # each is given another optimizer


def parameters(kind: type) -> dict[str, bool]:
    """Name → whether it must be given."""
    return {
        name: parameter.default is inspect.Parameter.empty
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def classes(module: object, base: type) -> dict[str, type]:
    return {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, base)
    }


def test_the_optimizers() -> None:
    known = classes(keras.optimizers, keras.Optimizer)
    assert {*OPTIMIZERS} == {*known} - WRAPPERS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_takes(name: str) -> None:
    found = parameters(getattr(keras.optimizers, name))
    assert {*COMMON, *OPTIMIZERS[name].split()} == {*found}
    assert not any(found.values())


def test_the_schedules() -> None:
    base = keras.optimizers.schedules.LearningRateSchedule
    assert {*SCHEDULES} == {*classes(keras.optimizers.schedules, base)} - {base.__name__}


@pytest.mark.parametrize("name", SCHEDULES)
def test_what_a_schedule_needs_and_takes(name: str) -> None:
    needed, more = (names.split() for names in SCHEDULES[name])
    found = parameters(getattr(keras.optimizers.schedules, name))
    assert {*needed} == {name for name, must in found.items() if must}
    assert {*needed, *more} == {*found}
