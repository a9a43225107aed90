from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from components.context import Context
from components.models.conv import build_model
from components.train import Config, pin
from components.train.warm_start import load_weights
from data.errors import BadDataError, ConfigError
from data.files.durable_files import sha256_file
from serving_export.bundle.manifest import MANIFEST
from serving_export.bundle.transform_graph import TransformFn


@pytest.fixture
def trained(fit_once):
    return fit_once(epochs=5)


def test_it_begins_where_the_other_ended(fit, trained) -> None:
    warm = fit(epochs=1, learning_rate=1e-9, warm_start=str(trained.path / "bundle"))
    np.testing.assert_allclose(warm.probabilities, trained.probabilities, atol=1e-5)
    assert warm.history["loss"][0] == pytest.approx(trained.history["loss"][-1], rel=0.2)


def test_a_model_s_folder_gives_its_highest_version(fit, fit_once, trained, tmp_path: Path) -> None:
    for version, source in (("2", fit_once(epochs=1)), ("10", trained)):
        shutil.copytree(source.path / "bundle", tmp_path / "served" / version)
    warm = fit(epochs=1, learning_rate=1e-9, warm_start=str(tmp_path / "served"))
    np.testing.assert_allclose(warm.probabilities, trained.probabilities, atol=1e-5)


def test_moving_statistics_are_taken_over_too(fit_once, made, tmp_path: Path) -> None:
    options = {"filters": [2, 3]}
    first = fit_once(model="conv", model_options=options, epochs=1)
    model = build_model(made[0].spec, options)
    load_weights(model.weights, made[0].spec, first.path / "bundle")
    images = np.load(first.path / "parity.npz")["images"]
    logits = model(TransformFn(made[1].path)(images.astype(np.float32)))
    np.testing.assert_allclose(keras.ops.softmax(logits), first.probabilities, atol=1e-5)


def test_a_network_from_scratch_can_go_on_too(fit) -> None:
    scratch = {
        "train_fn": "components.train.from_scratch_fit:train_fn",
        "model_output": "probabilities",
        "learning_rate": 0.05,
    }
    first = fit(epochs=3, **scratch)
    settings = {**scratch, "learning_rate": 1e-9, "warm_start": str(first.path / "bundle")}
    warm = fit(epochs=1, **settings)
    np.testing.assert_allclose(warm.probabilities, first.probabilities, atol=1e-5)


def test_shapes_that_do_not_fit_are_named(fit, trained) -> None:
    with pytest.raises(ConfigError, match="do not fit") as caught:
        fit(model_options={"units": 64}, warm_start=str(trained.path / "bundle"))
    assert "kernel (64, 64)" in caught.value.expected
    assert "kernel (64, 128)" in caught.value.got


def test_other_classes_are_refused(fit, made, trained) -> None:
    spec = dataclasses.replace(made[0].spec, class_names=tuple("abcdefghij"))
    other = dataclasses.replace(made[0], spec=spec)
    with pytest.raises(ConfigError, match="was trained on other classes"):
        fit(on=other, warm_start=str(trained.path / "bundle"))


def test_nothing_is_loaded_that_the_manifest_does_not_vouch_for(fit, trained, tmp_path) -> None:
    bundle = shutil.copytree(trained.path / "bundle", tmp_path / "bundle")
    weights = bundle / "variables" / "variables.data-00000-of-00001"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadDataError, match="does not match the manifest of its model"):
        fit(warm_start=str(bundle))


def test_where_there_is_no_model(fit, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="not a model that Penstock wrote"):
        fit(warm_start=str(tmp_path))


def test_a_training_that_takes_no_warm_start_says_so(fit, trained) -> None:
    with pytest.raises(ConfigError, match="did not use the weights"):
        fit(train_fn="own_models:silent_loop", warm_start=str(trained.path / "bundle"))


def test_the_model_is_pinned_by_its_digest_and_no_other_is_loaded(
    fit, fit_once, trained, tmp_path: Path
) -> None:
    """Between the plan and the training somebody may exchange the folder, its manifest too."""
    asked = []
    context = Context(output_dir=tmp_path, vouch=lambda *what: asked.append(what))
    folder = shutil.copytree(trained.path / "bundle", tmp_path / "bundle")
    pinned = pin(Config(warm_start=str(folder)), None, context)
    digest = sha256_file(trained.path / "bundle" / MANIFEST)
    assert pinned.warm_start_digest == digest
    assert asked == [(folder, digest)]
    assert pin(pinned, None, context) == pinned
    assert pin(Config(), None, context) == Config()

    settings = {"warm_start": str(folder), "warm_start_digest": digest, "epochs": 1}
    fit(**settings)
    shutil.rmtree(folder)
    shutil.copytree(fit_once(epochs=1).path / "bundle", folder)
    with pytest.raises(BadDataError, match="is not the expected model"):
        fit(**settings)


def test_a_model_that_nobody_vouches_for_is_refused_when_the_step_is_planned(
    trained, tmp_path: Path
) -> None:
    def vouch(folder: Path, digest: str) -> None:
        raise BadDataError("nobody vouches for it")

    context = Context(output_dir=tmp_path, vouch=vouch)
    with pytest.raises(BadDataError, match="nobody vouches"):
        pin(Config(warm_start=str(trained.path / "bundle")), None, context)
    with pytest.raises(BadDataError, match="not a model that Penstock wrote"):
        pin(Config(warm_start=str(tmp_path)), None, context)
