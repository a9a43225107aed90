"""The digits, made once, and a function that trains on them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from components import ingest, normalize, train
from components.artifacts import Examples, TransformGraph
from components.context import Context


class Trained(NamedTuple):
    path: Path  # of the Model
    history: dict[str, Any]
    probabilities: np.ndarray  # for the first train images


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> tuple[Examples, TransformGraph]:
    """The digits, a tenth of train as validation, and the default transform graph."""
    folder = tmp_path_factory.mktemp("made")
    contexts = [Context(output_dir=folder / name) for name in ("ingest", "normalize")]
    for context in contexts:
        context.output_dir.mkdir()
    config = ingest.Config(source="digits", validation_share=0.1)
    examples = ingest.run(ingest.Inputs(), config, contexts[0]).examples
    inputs = normalize.Inputs(examples=examples)
    return examples, normalize.run(inputs, normalize.Config(), contexts[1]).transform_graph


def _train(
    made: tuple[Examples, TransformGraph],
    folder: Path,
    *,
    on: Examples | None = None,
    context: dict[str, Any] | None = None,
    **settings: Any,
) -> Trained:
    inputs = train.Inputs(examples=on or made[0], transform_graph=made[1])
    seed = settings.pop("seed", 0)
    config = train.Config(**{"epochs": 2, **settings})
    path = train.run(
        inputs, config, Context(output_dir=folder, seed=seed, **(context or {}))
    ).model.path
    history = json.loads((path / "history.json").read_text())
    return Trained(path, history, np.load(path / "parity.npz")["probabilities"])


@pytest.fixture
def fit(made, tmp_path) -> Callable[..., Trained]:
    """A function that trains with the given settings: `fit(seed=0, epochs=2, …)`.

    `on` are other Examples; what is named in `context` goes there, such as `work_dir`.
    """
    runs = iter(range(1000))

    def run(**settings: Any) -> Trained:
        folder = tmp_path / f"fit-{next(runs)}"
        folder.mkdir()
        return _train(made, folder, **settings)

    return run


@pytest.fixture(scope="session")
def fit_once(made, tmp_path_factory) -> Callable[..., Trained]:
    """`fit` for settings that several tests look at: each is trained once; do not change it."""
    trained: dict[str, Trained] = {}

    def run(**settings: Any) -> Trained:
        key = repr(sorted(settings.items()))
        if key not in trained:
            trained[key] = _train(made, tmp_path_factory.mktemp("fit-once"), **settings)
        return trained[key]

    return run


@pytest.fixture
def without_validation(made) -> Examples:
    """The same examples, as if no validation split had been carved out."""
    counts = {split: count for split, count in made[0].counts.items() if split != "validation"}
    return dataclasses.replace(made[0], counts=counts)
