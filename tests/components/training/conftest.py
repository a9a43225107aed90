"""The digits, made once, and a function that trains on them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
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


def _examples(folder: Path, **settings: Any) -> tuple[Examples, TransformGraph]:
    contexts = [Context(output_dir=folder / name) for name in ("ingest", "normalize")]
    for context in contexts:
        context.output_dir.mkdir()
    examples = ingest.run(ingest.Inputs(), ingest.Config(**settings), contexts[0]).examples
    inputs = normalize.Inputs(examples=examples)
    return examples, normalize.run(inputs, normalize.Config(), contexts[1]).transform_graph


@pytest.fixture(scope="session", autouse=True)
def own_code() -> Iterator[None]:
    """`own_models` and the like can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1]))
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> tuple[Examples, TransformGraph]:
    """The digits, a tenth of train as validation, and the default transform graph."""
    return _examples(tmp_path_factory.mktemp("made"), source="digits", validation_share=0.1)


@pytest.fixture(scope="session")
def colours(tmp_path_factory) -> tuple[Examples, TransformGraph]:
    """600 images of 9 × 6 in colour; the class is the one channel that is bright on one side."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("colours")
    for split, count in (("train", 600), ("test", 100)):
        labels = rng.integers(0, 6, count)
        images = rng.integers(0, 120, (count, 9, 6, 3), np.uint8)
        for image, label in zip(images, labels, strict=True):
            side = slice(0, 3) if label < 3 else slice(3, 6)
            image[:, side, label % 3] += 120
        np.save(folder / f"{split}_images.npy", images)
        np.save(folder / f"{split}_labels.npy", labels)
    return _examples(
        folder, source="own_sources:Files", path=str(folder), class_names=tuple("abcdef")
    )


@pytest.fixture(scope="session")
def fit(made, tmp_path_factory) -> Callable[..., Trained]:
    """A function that trains with the given settings: `fit(seed=0, epochs=2, …)`.

    `on` are other Examples and TransformGraph; what is named in `context` goes there, such as
    `work_dir`.
    """

    def run(
        *,
        on: tuple[Examples, TransformGraph] = made,
        context: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Trained:
        folder = tmp_path_factory.mktemp("fit")
        inputs = train.Inputs(examples=on[0], transform_graph=on[1])
        seed = settings.pop("seed", 0)
        config = train.Config(**{"epochs": 2, **settings})
        where = Context(output_dir=folder, seed=seed, **(context or {}))
        path = train.run(inputs, config, where).model.path
        history = json.loads((path / "history.json").read_text())
        return Trained(path, history, np.load(path / "parity.npz")["probabilities"])

    return run


@pytest.fixture
def without_validation(made) -> tuple[Examples, TransformGraph]:
    """The same examples, as if no validation split had been carved out."""
    counts = {split: count for split, count in made[0].counts.items() if split != "validation"}
    return dataclasses.replace(made[0], counts=counts), made[1]
