from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from components import ingest, normalize, train
from components.artifacts import Examples, TransformGraph
from components.context import Context
from data.errors import ConfigError, StepError


@pytest.fixture(scope="module")
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


@pytest.fixture
def fit(made, tmp_path):
    """A function that trains with the given settings; returns the model and its history."""
    runs = iter(range(100))

    def run(seed: int = 0, progress=None, **settings):
        folder = tmp_path / str(next(runs))
        folder.mkdir()
        inputs = train.Inputs(examples=made[0], transform_graph=made[1])
        more = {"progress": progress} if progress else {}
        context = Context(output_dir=folder, seed=seed, **more)
        model = train.run(inputs, train.Config(**{"epochs": 2, **settings}), context).model
        return model, json.loads((model.path / "history.json").read_text())

    return run


def probabilities(model) -> np.ndarray:
    return np.load(model.path / "parity.npz")["probabilities"]


def test_the_same_seed_gives_the_same_model_bit_for_bit(fit):
    options = {"dropout": 0.2}
    first, again, other = (fit(seed=s, model_options=options)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(probabilities(first), probabilities(again))
    assert not np.array_equal(probabilities(first), probabilities(other))


def test_training_learns_and_says_what_it_does(fit):
    seen: list[tuple] = []
    model, history = fit(epochs=5, progress=lambda *a: seen.append(a))
    assert history["accuracy"][-1] > 0.85 > history["accuracy"][0]
    assert len(history["loss"]) == len(history["val_loss"]) == 5
    assert not [name for name in history if "sound" in name]
    assert any("epoch 5/5" in detail for _, _, detail in seen)
    assert (model.bundle / "saved_model.pb").is_file()
    rows = probabilities(model)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_early_stopping_keeps_the_best_weights(fit):
    _, history = fit(epochs=100, early_stop_patience=1, learning_rate=0.05)
    assert len(history["loss"]) < 100


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"optimizer": "adm"}, ConfigError, "did you mean 'adam'"),
        ({"model_options": {"unts": 3}}, ConfigError, "did you mean 'units'"),
        ({"model_options": {"units": 0}}, ConfigError, "out of range"),
        ({"model": "own_models:narrow"}, ConfigError, r"shape \(batch, 10\)"),
        ({"model": "own_models:broken"}, ConfigError, "cannot be built"),
        ({"model": "own_models:missing"}, ConfigError, "no 'missing'"),
    ],
)
def test_what_cannot_be_trained_is_said_first(fit, monkeypatch, settings, error, words):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with pytest.raises(error, match=words):
        fit(**settings)


def test_a_loss_that_is_no_number_ends_the_step_and_says_where(fit, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with pytest.raises(StepError, match=r"nan at step 38 \(epoch 1\)"):
        fit(model="own_models:breaks_at_step_38")


def test_one_s_own_model_is_exported_and_served(fit, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    model, _ = fit(model="own_models:subclassed", model_output="probabilities")
    from serving_export.saved_model import load_bundle

    recorded = np.load(model.path / "parity.npz")
    answer = load_bundle(model.bundle, model.digest)("images", recorded["images"])
    np.testing.assert_array_equal(answer["probabilities"], recorded["probabilities"])


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batch_size": -1}, {"learning_rate": 0.0}])
def test_settings_out_of_range(settings):
    with pytest.raises(ConfigError, match="more than 0"):
        train.Config(**settings)


def test_early_stopping_without_a_validation_split(made, tmp_path):
    examples = Examples(
        path=made[0].path,
        spec=made[0].spec,
        counts={k: v for k, v in made[0].counts.items() if k != "validation"},
    )
    inputs = train.Inputs(examples=examples, transform_graph=made[1])
    with pytest.raises(ConfigError, match="needs a validation split"):
        train.run(inputs, train.Config(early_stop_patience=1), Context(output_dir=tmp_path))
