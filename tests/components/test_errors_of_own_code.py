"""A user's own code and settings that cannot be used: the error names them and what to write."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from components import export, ingest
from components.train.checks.model import build_configured_model
from components.train.config import Config
from components.train.keras_model.callback_state import read_state
from components.train.keras_model.compiled import compile_model
from data.errors import ConfigError
from data.spec import ImageSpec
from serving_export.bundle.signatures import make_probabilities_function

SPEC = ImageSpec(height=2, width=2, channels=1, class_names=("no", "yes"))


class NeedsTwo:
    """A source whose class takes two arguments."""

    def __init__(self, config: object, more: object) -> None: ...


def no_model(spec: ImageSpec, options: object) -> object:
    return lambda images: images


class UnwritableState(keras.callbacks.Callback):
    def get_state(self) -> object:
        return {"mean": np.float32(1)}


class OwnLoss(keras.Model):
    def compute_loss(self, *arguments: object, **named: object) -> object:
        return 0.0


@pytest.fixture(autouse=True)
def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import paths lead to this file by the name `own_things`."""
    monkeypatch.setitem(sys.modules, "own_things", sys.modules[__name__])


def test_fewer_than_two_versions_cannot_be_kept():
    with pytest.raises(ConfigError) as caught:
        export.Config(model_name="m", keep_versions=1)
    assert "export.keep_versions" in caught.value.what
    assert "2 or more" in caught.value.expected


def test_a_source_of_another_form_is_told_what_it_is_called_with():
    config = ingest.Config(source=f"{__name__}:NeedsTwo")
    with pytest.raises(ConfigError) as caught:
        ingest.check_expected(config, {}, thorough=True)
    assert "SourceConfig" in caught.value.expected


def test_what_is_no_keras_model_is_named_with_what_is_expected():
    with pytest.raises(ConfigError) as caught:
        build_configured_model(Config(model="own_things:no_model"), SPEC)
    assert "own_things:no_model" in caught.value.what
    assert "build_model(spec, options)" in caught.value.expected
    assert "train.model" in caught.value.remedy


def test_a_state_that_json_cannot_hold_is_told_with_the_callback_s_name():
    with pytest.raises(ConfigError) as caught:
        read_state(UnwritableState())
    assert "UnwritableState" in caught.value.what
    assert "float(value)" in caught.value.remedy


def test_a_loss_that_cannot_be_shared_out_is_refused_on_two_devices():
    training = SimpleNamespace(config=Config(), hardware=SimpleNamespace(replicas=2))
    with pytest.raises(ConfigError) as caught:
        compile_model(OwnLoss(), keras.optimizers.SGD(), training)
    assert "2 devices" in caught.value.what
    assert "train.device=cpu" in caught.value.remedy


def test_an_output_of_another_number_of_classes_is_not_exported():
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
    with pytest.raises(ConfigError) as caught:
        make_probabilities_function(model, lambda images: images, SPEC, "probabilities")
    assert "(batch, 2)" in caught.value.expected
    assert "4" in caught.value.got
