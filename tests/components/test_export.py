from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from components.artifacts import Model, Push, Verdict
from components.context import Context
from components.export import Config, Inputs, Outputs, is_current, locate, run
from data.errors import BadDataError, ConfigError, PushRightLost, StepError
from data.files.documents import write_document
from data.files.durable_files import read_json
from data.spec import ImageSpec
from serving_export.bundle.manifest import verify_bundle
from serving_export.model_store.layout import version_numbers

# What a push reads of a verdict.
VERDICT = {
    "status": "passed",
    "baseline": None,
    "best": None,
    "replaced": None,
    "rules": [],
    "metrics": {
        "candidate": {
            "overall": {"accuracy": 0.9, "accuracy_interval": [0.8, 0.95], "examples": 50}
        }
    },
}
SPEC = ImageSpec(height=8, width=8, channels=1, class_names=("a", "b", "c"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A whole candidate around an untrained model: bundle and parity recording."""
    import apache_beam as beam
    import keras
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from serving_export.bundle.saved_model import write_bundle
    from serving_export.parity.check import record_parity

    path = tmp_path_factory.mktemp("candidate")
    raw = {"image": tf.io.FixedLenFeature((8, 8, 1), tf.float32)}
    with beam.Pipeline("FnApiRunner") as pipeline, tft_beam.Context(str(path / "temporary")):
        data = (pipeline | beam.Create([]), DatasetMetadata.from_feature_spec(raw))
        analyzed = data | tft_beam.AnalyzeDataset(lambda f: {"image": f["image"] / 255.0})
        _ = analyzed | tft_beam.WriteTransformFn(str(path / "graph"))
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    keras_model = keras.Sequential(layers)
    common = {
        "model": keras_model,
        "transform_path": path / "graph",
        "spec": SPEC,
        "model_output": "logits",
    }
    digest = write_bundle(path / "bundle", metadata={}, **common)
    images = np.random.default_rng(0).integers(0, 256, (120, 8, 8, 1), dtype=np.uint8)
    record_parity(path / "parity.npz", images=images, **common)
    return Model(path=path, spec=SPEC, digest=digest)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "out").mkdir()
    return Context(
        output_dir=tmp_path / "out", serving_dir=tmp_path / "serving", clock=lambda: 12.5
    )


def inputs(model: Model, status: str = "passed") -> Inputs:
    write_document(model.path / "verdict.json", VERDICT)
    verdict = Verdict(path=model.path, status=status, model_digest=model.digest)  # type: ignore[arg-type]
    return Inputs(model=model, verdict=verdict)


@pytest.mark.slow
def test_a_passed_model_is_pushed_with_its_very_bytes(model: Model, context: Context) -> None:
    assert context.serving_dir
    outputs = run(inputs(model), Config(model_name="digits"), context)
    served = context.serving_dir / "digits" / "1"
    assert outputs.push == Push(path=context.output_dir, pushed=True, version=1, served_path=served)
    assert verify_bundle(served, model.digest) == model.digest
    record = read_json(context.output_dir / "push.json")
    assert (record["pushed"], record["version"], record["reason"]) == (True, 1, "")
    assert (record["model_name"], record["digest"]) == ("digits", model.digest)
    assert record["time"] == 12.5
    assert record["parity"]["bit_for_bit"] is True
    assert record["parity"]["images"] == 120

    assert is_current(outputs, context)
    shutil.copytree(served, served.with_name("2"))
    assert is_current(outputs, context)
    elsewhere = dataclasses.replace(context, serving_dir=context.output_dir / "other")
    assert not is_current(outputs, elsewhere)
    assert locate(outputs, context) == outputs
    assert locate(outputs, elsewhere).push.served_path == elsewhere.serving_dir / "digits" / "1"
    assert not is_current(outputs, dataclasses.replace(context, serving_dir=None))
    (served / "penstock.json").write_text("{}")
    assert not is_current(outputs, context)
    shutil.rmtree(served)
    assert not is_current(outputs, context)


@pytest.mark.slow
@pytest.mark.parametrize("status", ["failed", "not configured"])
def test_only_a_passed_verdict_pushes(model: Model, context: Context, status: str) -> None:
    assert context.serving_dir
    outputs = run(inputs(model, status), Config(model_name="digits"), context)
    assert (outputs.push.pushed, outputs.push.version) == (False, None)
    assert status in outputs.push.reason
    assert not context.serving_dir.exists()
    assert read_json(context.output_dir / "push.json")["reason"] == outputs.push.reason
    assert is_current(outputs, context)
    assert locate(outputs, context) == outputs


class Fence:
    """A run's right to push, which somebody takes away."""

    def __init__(self) -> None:
        self.taken = False

    def check(self) -> None:
        raise AssertionError("it is the orchestrator who looks before a step")

    @contextlib.contextmanager
    def held(self, served: Path, digest: str) -> Iterator[None]:
        if self.taken:
            raise PushRightLost("the run is not to go on")
        yield
        assert verify_bundle(served, digest) == digest


@pytest.mark.slow
def test_a_run_that_is_cancelled_between_verdict_and_rename_pushes_nothing(
    model: Model, context: Context
) -> None:
    assert context.serving_dir
    fence = Fence()

    def cancel(done: float, total: float | None = None, detail: str = "") -> None:
        fence.taken = detail == "pushing digits"

    watched = dataclasses.replace(context, push_right=fence, progress=cancel)
    with pytest.raises(PushRightLost):
        run(inputs(model), Config(model_name="digits"), watched)
    assert version_numbers(context.serving_dir / "digits") == []
    assert list(context.output_dir.iterdir()) == []
    granted = dataclasses.replace(context, push_right=Fence())
    assert run(inputs(model), Config(model_name="digits"), granted).push.version == 1


@pytest.mark.slow
def test_a_parity_difference_stops_the_push(model: Model, context: Context, tmp_path: Path) -> None:
    assert context.serving_dir
    other = dataclasses.replace(model, path=tmp_path / "model")
    shutil.copytree(model.bundle, other.bundle)
    recorded = dict(np.load(model.path / "parity.npz"))
    recorded["probabilities"] += np.float32(1e-3)
    np.savez(other.path / "parity.npz", **recorded)
    with pytest.raises(StepError, match="differ from those of the trained model"):
        run(inputs(other), Config(model_name="digits"), context)
    assert not context.serving_dir.exists()
    assert list(context.output_dir.iterdir()) == []


def test_a_flipped_bit_stops_the_push(model: Model, context: Context, tmp_path: Path) -> None:
    assert context.serving_dir
    other = dataclasses.replace(model, path=tmp_path / "model")
    shutil.copytree(model.path, other.path)
    weights = other.bundle / "variables" / "variables.data-00000-of-00001"
    content = bytearray(weights.read_bytes())
    content[50] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BadDataError, match=weights.name):
        run(inputs(other), Config(model_name="digits"), context)
    assert not context.serving_dir.exists()


def test_a_verdict_about_another_model_is_refused(context: Context, tmp_path: Path) -> None:
    assert context.serving_dir
    model = Model(path=tmp_path, spec=SPEC, digest="d1")
    verdict = Verdict(path=tmp_path, status="passed", model_digest="d2")
    with pytest.raises(StepError, match="another model"):
        run(Inputs(model=model, verdict=verdict), Config(model_name="digits"), context)
    assert not context.serving_dir.exists()


def test_no_serving_directory_is_said_before_anything_runs(tmp_path: Path) -> None:
    model = Model(path=tmp_path, spec=SPEC, digest="d1")
    with pytest.raises(ConfigError, match="no serving directory"):
        run(inputs(model), Config(model_name="digits"), Context(output_dir=tmp_path))


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="invalid model name"):
        Config(model_name=name)


@pytest.mark.parametrize("tolerance", [-1e-9, 1.0, float("nan")])
def test_a_tolerance_is_a_small_number(tolerance: float) -> None:
    with pytest.raises(ConfigError, match="parity_tolerance"):
        Config(model_name="m", parity_tolerance=tolerance)


def test_what_was_not_to_be_pushed_stays_current(tmp_path: Path) -> None:
    outputs = Outputs(push=Push(path=tmp_path, pushed=False, reason="the verdict is: failed"))
    assert is_current(outputs, Context(output_dir=tmp_path))
    assert version_numbers(tmp_path) == []
