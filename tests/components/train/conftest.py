"""The digits, made once, and a function that trains on them."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from components import ingest, normalize, train
from components.artifacts import Examples, TransformGraph
from components.context import Context


class Trained:
    """A Model whose bundle is written when `path` is asked for: most tests look at the rest."""

    def __init__(self, folder: Path, write: Callable[[], str]) -> None:
        self._folder, self._write = folder, write
        self.history: dict[str, Any] = json.loads((folder / "history.json").read_text())
        # for the first train images
        self.probabilities: np.ndarray = np.load(folder / "parity.npz")["probabilities"]

    @property
    def path(self) -> Path:
        """The folder of the Model."""
        if not (self._folder / "bundle").exists():
            self._write()
        return self._folder


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
    from components.train import candidate

    write, later = candidate.write, []

    def postpone(*about: Any) -> str:
        later.append(functools.partial(write, *about))
        return "not written yet"

    with mock.patch.object(candidate, "write", postpone):
        made_in = Context(output_dir=folder, seed=seed, **(context or {}))
        path = train.run(inputs, config, made_in).model.path
    return Trained(path, later[0])


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
