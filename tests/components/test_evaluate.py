from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.artifacts import Model
from components.context import Context
from components.evaluate import Config, Inputs, Threshold, run
from components.gate import Measured, Metrics, interval, judge
from data.durable import read_json
from data.errors import BadDataError, ConfigError, PenstockError, StepError
from data.examples import Examples
from data.spec import ImageSpec

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEC = ImageSpec(height=8, width=8, channels=1, class_names=NAMES)


# ---------------------------------------------------------------- the gate's logic, on made numbers


def measured(*classes: Metrics) -> Measured:
    seen = [m for m in classes if m.examples]
    count = sum(m.examples for m in seen)
    loss = sum((m.loss or 0) * m.examples for m in seen) / count
    overall = Metrics(count, sum(m.correct for m in seen), loss)
    return Measured("test", overall, dict(zip(NAMES, classes, strict=False)))


def verdict(found: Measured, *thresholds: Threshold, confidence: float = 0.95) -> dict[str, Any]:
    return judge(found, Config(thresholds=thresholds, confidence=confidence), "d1")


def wilson(correct: int, examples: int, z: float) -> tuple[float, float]:
    """The formula as Wilson (1927) wrote it."""
    share = correct / examples
    middle = share + z * z / (2 * examples)
    half = z * math.sqrt(share * (1 - share) / examples + z * z / (4 * examples**2))
    return tuple((middle + sign * half) / (1 + z * z / examples) for sign in (-1, 1))


@pytest.mark.parametrize(("correct", "examples"), [(36, 36), (0, 36), (1, 2), (9800, 10000)])
def test_intervals_are_wilsons_and_never_of_width_0(correct: int, examples: int) -> None:
    low, high = interval(Metrics(examples, correct, 0.0), 0.95) or (0, 0)
    assert (low, high) == pytest.approx(wilson(correct, examples, 1.959963984540054), abs=1e-12)
    assert high - low > 0
    wide = interval(Metrics(examples, correct, 0.0), 0.99) or (0, 0)
    assert wide[0] <= low
    assert high <= wide[1]


def test_no_threshold_is_not_configured() -> None:
    assert verdict(measured(Metrics(10, 10, 0.0)))["status"] == "not configured"


@pytest.mark.parametrize(
    ("threshold", "passed"),
    [
        (Threshold(metric="accuracy", at_least=0.95), True),  # inclusive: 95 of 100
        (Threshold(metric="accuracy", at_least=0.9500001), False),
        (Threshold(metric="accuracy", at_most=0.95), True),
        (Threshold(metric="loss", at_most=0.2), True),
        (Threshold(metric="loss", at_most=0.1), False),
        (Threshold(metric="loss", at_least=0.3), False),
        (Threshold(metric="accuracy", at_least=0.9, on="each class"), True),
        (Threshold(metric="accuracy", at_least=0.91, on="each class"), False),
        (Threshold(metric="loss", at_most=0.25, on="each class"), False),
        (Threshold(metric="accuracy", at_least=1, on="zero"), True),
        (Threshold(metric="accuracy", at_least=1, on="one"), False),
    ],
)
def test_a_rule_passes_where_its_bound_holds(threshold: Threshold, passed: bool) -> None:
    found = measured(Metrics(50, 50, 0.1), Metrics(50, 45, 0.3))
    got = verdict(found, threshold)
    (rule,) = got["rules"]
    assert rule["passed"] is passed
    assert got["status"] == ("passed" if passed else "failed")
    assert ("passed" if passed else "failed") in rule["words"]
    assert f"{threshold.needed}" in rule["words"]


def test_on_each_class_the_worst_is_seen_and_all_that_fail_are_named() -> None:
    found = measured(Metrics(50, 50, 0.1), Metrics(50, 40, 0.3), Metrics(50, 45, 0.2))
    rules = verdict(
        found,
        Threshold(metric="accuracy", at_least=0.95, on="each class"),
        Threshold(metric="loss", at_most=1, on="each class"),
    )["rules"]
    assert (rules[0]["at"], rules[0]["seen"]) == ("one", 0.8)
    assert rules[0]["interval"] == interval(Metrics(50, 40, 0.3), 0.95)
    assert "failed, one: 0.8; two: 0.9" in rules[0]["words"]
    assert "zero" not in rules[0]["words"]
    assert (rules[1]["at"], rules[1]["seen"], rules[1]["interval"]) == ("one", 0.3, None)


@pytest.mark.parametrize("on", ["each class", "two"])
def test_a_class_without_examples_fails_and_says_so(on: str) -> None:
    found = measured(Metrics(50, 50, 0.1), Metrics(50, 50, 0.1), Metrics(0, 0, None))
    for bounds in ({"at_least": 0.0}, {"at_most": 1.0}):
        got = verdict(found, Threshold(metric="accuracy", on=on, **bounds))
        assert got["status"] == "failed"
        assert "two: no examples" in got["rules"][0]["words"]
        assert (got["rules"][0]["at"], got["rules"][0]["seen"]) == ("two", None)
    assert got["classes"]["two"] == {
        "examples": 0,
        "accuracy": None,
        "accuracy_interval": None,
        "loss": None,
    }
    assert got["weakest_class"]["name"] == "zero"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_metric_that_is_no_number_fails_and_says_so(bad: float) -> None:
    found = measured(Metrics(50, 50, 0.1), Metrics(50, 50, bad))
    for on in ("overall", "each class", "one"):
        for bounds in ({"at_least": 0.0}, {"at_most": 9.0}):
            got = verdict(found, Threshold(metric="loss", on=on, **bounds))
            assert got["status"] == "failed"
            assert f"loss is {bad}" in got["rules"][0]["words"]
            assert got["rules"][0]["seen"] is None
    assert verdict(found, Threshold(metric="loss", at_most=9, on="zero"))["status"] == "passed"


@given(
    corrects=st.lists(st.integers(0, 20), min_size=2, max_size=10),
    floors=st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_all_rules_together_are_each_alone(corrects: list[int], floors: list[float]) -> None:
    found = measured(*(Metrics(20, correct, 1.0) for correct in corrects))
    rules = [Threshold(metric="accuracy", at_least=f, on="each class") for f in floors]
    alone = [verdict(found, rule)["status"] == "passed" for rule in rules]
    assert alone == [all(correct / 20 >= floor for correct in corrects) for floor in floors]
    assert (verdict(found, *rules)["status"] == "passed") == all(alone)


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"at_least": 0.5, "at_most": 0.6},
        {"at_least": 1.01},
        {"at_least": -0.1},
        {"at_most": math.nan},
        {"at_least": 95},
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="a threshold on accuracy"):
        Threshold(metric="accuracy", **bounds)


@pytest.mark.parametrize("bound", [-1.0, math.inf, math.nan])
def test_a_loss_is_a_number_from_0(bound: float) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        Threshold(metric="loss", at_most=bound)


def test_an_unknown_metric_gets_the_close_match() -> None:
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        Threshold(metric="acuracy", at_least=0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ConfigError, match="confidence"):
        Config(confidence=confidence)


# ------------------------------------------------------------------- the whole, on real digits


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * 255 / 16).astype(np.uint8)[..., np.newaxis]
    return images, bunch.target.astype(np.int64)


@pytest.fixture(scope="module")
def write_examples(digits: tuple[np.ndarray, np.ndarray]) -> Callable[..., Examples]:
    """A function that writes the chosen digits as the test split, in two shards."""

    def write(path: Path, chosen: np.ndarray) -> Examples:
        import tensorflow as tf

        path.mkdir(parents=True)
        images, labels = digits[0][chosen], digits[1][chosen]
        for shard in range(2):
            name = f"examples-test.tfrecord-{shard:05d}-of-00002"
            with tf.io.TFRecordWriter(str(path / name)) as writer:
                for image, label in zip(images[shard::2], labels[shard::2], strict=True):
                    features = {
                        "image": tf.train.Feature(
                            bytes_list=tf.train.BytesList(value=[image.tobytes()])
                        ),
                        "label": tf.train.Feature(
                            int64_list=tf.train.Int64List(value=[int(label)])
                        ),
                    }
                    example = tf.train.Example(features=tf.train.Features(feature=features))
                    writer.write(example.SerializeToString())
        counts = tuple(np.bincount(labels, minlength=10).tolist())
        return Examples(path=path, spec=SPEC, counts={"test": counts, "train": (0,) * 10})

    return write


@pytest.fixture(scope="module")
def write_model(
    tmp_path_factory: pytest.TempPathFactory, digits: tuple[np.ndarray, np.ndarray]
) -> Callable[[Any], Model]:
    """A function that writes a bundle around a Keras model of images / 255."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from serving_export.saved_model import write_bundle

    transform = tmp_path_factory.mktemp("transform")
    raw = {
        "image": tf.io.FixedLenFeature((8, 8, 1), tf.float32),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    with beam.Pipeline("FnApiRunner") as pipeline, tft_beam.Context(str(transform / "temporary")):
        data = (pipeline | beam.Create([]), DatasetMetadata.from_feature_spec(raw))
        analyzed = data | tft_beam.AnalyzeDataset(lambda f: {"image": f["image"] / 255.0})
        _ = analyzed | tft_beam.WriteTransformFn(str(transform / "graph"))

    def write(keras_model: Any) -> Model:
        path = tmp_path_factory.mktemp("model")
        digest = write_bundle(
            path / "bundle",
            model=keras_model,
            transform_path=transform / "graph",
            spec=SPEC,
            model_output="logits",
            about={},
        )
        return Model(path=path, spec=SPEC, digest=digest)

    return write


@pytest.fixture(scope="module")
def model(write_model: Callable[[Any], Model], digits: tuple[np.ndarray, np.ndarray]) -> Model:
    """Trained a little, so that it is right about many digits but not all."""
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    keras_model = keras.Sequential(layers)
    keras_model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    keras_model.fit(digits[0] / np.float32(255), digits[1], epochs=4, verbose=0)
    return write_model(keras_model)


@pytest.fixture(scope="module")
def examples(
    tmp_path_factory: pytest.TempPathFactory, write_examples: Callable[..., Examples]
) -> Examples:
    """360 digits, in a folder whose name a file pattern would misread."""
    return write_examples(tmp_path_factory.mktemp("data") / "a [b]*", np.arange(360))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "out").mkdir()
    return Context(output_dir=tmp_path / "out")


def oracle(
    model: Model, images: np.ndarray, labels: np.ndarray
) -> tuple[int, float, np.ndarray, np.ndarray]:
    """NumPy's (right answers, mean loss), and the same for each image."""
    from serving_export.saved_model import load_bundle

    probabilities = load_bundle(model.bundle)("images", images)["probabilities"]
    right = probabilities.argmax(axis=1) == labels
    loss = -np.log(probabilities[np.arange(len(labels)), labels].astype(np.float64))
    return int(right.sum()), float(loss.mean()), right, loss


@pytest.mark.slow
def test_the_analysis_equals_numpy(
    examples: Examples, model: Model, context: Context, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = digits[0][:360], digits[1][:360]
    correct, loss, right, losses = oracle(model, images, labels)
    thresholds = (
        Threshold(metric="accuracy", at_least=correct / 360),
        Threshold(metric="accuracy", at_least=0.999, on="each class"),
    )
    outputs = run(Inputs(examples=examples, model=model), Config(thresholds=thresholds), context)
    assert (outputs.verdict.status, outputs.verdict.model_digest) == ("failed", model.digest)
    got = read_json(outputs.verdict.path / "verdict.json")
    assert (got["status"], got["model_digest"], got["baseline"]) == ("failed", model.digest, None)
    assert [rule["passed"] for rule in got["rules"]] == [True, False]
    assert got["overall"]["examples"] == 360
    assert got["overall"]["accuracy"] == correct / 360
    assert got["overall"]["loss"] == pytest.approx(loss, rel=1e-5)
    for label, name in enumerate(NAMES):
        of_class = labels == label
        seen = got["classes"][name]
        assert seen["examples"] == of_class.sum()
        assert seen["accuracy"] == right[of_class].mean()
        assert seen["loss"] == pytest.approx(losses[of_class].mean(), rel=1e-5)
    shares = {name: right[labels == label].mean() for label, name in enumerate(NAMES)}
    assert got["weakest_class"]["accuracy"] == min(shares.values())
    assert shares[got["weakest_class"]["name"]] == min(shares.values())
    assert got["data"]["split"] == "test"
    assert tuple(got["data"]["per_class"].values()) == examples.counts["test"]


@pytest.mark.slow
def test_nan_and_a_missing_class_fail_with_their_reasons(
    write_examples: Callable[..., Examples],
    write_model: Callable[[Any], Model],
    context: Context,
    digits: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    import keras

    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    broken = keras.Sequential(layers)
    broken.layers[-1].bias.assign([math.nan] * 10)
    no_nines = write_examples(tmp_path / "examples", np.flatnonzero(digits[1][:200] != 9))
    thresholds = (
        Threshold(metric="loss", at_most=100.0),
        Threshold(metric="accuracy", at_least=0.0, on="nine"),
    )
    inputs = Inputs(examples=no_nines, model=write_model(broken))
    outputs = run(inputs, Config(thresholds=thresholds), context)
    assert outputs.verdict.status == "failed"
    got = read_json(outputs.verdict.path / "verdict.json")
    assert "loss is nan" in got["rules"][0]["words"]
    assert "nine: no examples" in got["rules"][1]["words"]
    assert got["overall"]["loss"] is None


@pytest.mark.slow
def test_examples_that_are_not_all_seen_give_no_verdict(
    examples: Examples, model: Model, context: Context
) -> None:
    more = tuple(
        count + (name == "two") for count, name in zip(examples.counts["test"], NAMES, strict=True)
    )
    claimed = dataclasses.replace(examples, counts={"test": more})
    with pytest.raises(StepError, match="did not see the examples"):
        run(Inputs(examples=claimed, model=model), Config(), context)
    assert not (context.output_dir / "verdict.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "flipped", "removed"])
def test_a_corrupt_shard_is_bad_data_and_named(
    examples: Examples, model: Model, context: Context, tmp_path: Path, harm: str
) -> None:
    shutil.copytree(examples.path, tmp_path / "examples")
    harmed = dataclasses.replace(examples, path=tmp_path / "examples")
    shard = harmed.shards("test")[1]
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content[:1000] if harm == "cut" else content)
    if harm == "removed":
        shard.unlink()
    with pytest.raises((BadDataError, StepError), match=r"cannot be read|did not see") as caught:
        run(Inputs(examples=harmed, model=model), Config(), context)
    assert harm == "removed" or shard.name in str(caught.value)


@pytest.mark.slow
def test_a_bundle_that_changed_is_not_judged(
    examples: Examples, model: Model, context: Context, tmp_path: Path
) -> None:
    shutil.copytree(model.path, tmp_path / "model")
    changed = dataclasses.replace(model, path=tmp_path / "model")
    with (changed.bundle / "saved_model.pb").open("ab") as file:
        file.write(b"\0")
    other = dataclasses.replace(model, digest="0" * 64)
    for wrong in (changed, other):
        with pytest.raises(BadDataError):
            run(Inputs(examples=examples, model=wrong), Config(), context)


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (Config(split="tset"), ConfigError, "did you mean 'test'"),
        (Config(split="train"), BadDataError, "is empty"),
        (
            Config(thresholds=(Threshold(metric="loss", at_most=1, on="thre"),)),
            ConfigError,
            "did you mean 'three'",
        ),
    ],
)
def test_what_cannot_be_judged_is_said_before_the_analysis(
    config: Config, error: type[PenstockError], words: str, context: Context, tmp_path: Path
) -> None:
    examples = Examples(path=tmp_path, spec=SPEC, counts={"test": (1,) * 10, "train": (0,) * 10})
    model = Model(path=tmp_path, spec=SPEC, digest="d1")
    with pytest.raises(error, match=words):
        run(Inputs(examples=examples, model=model), config, context)


def test_other_classes_than_the_models_are_refused(context: Context, tmp_path: Path) -> None:
    examples = Examples(path=tmp_path, spec=SPEC, counts={"test": (1,) * 10})
    others = dataclasses.replace(SPEC, class_names=NAMES[::-1])
    model = Model(path=tmp_path, spec=others, digest="d1")
    with pytest.raises(BadDataError, match="other images"):
        run(Inputs(examples=examples, model=model), Config(), context)
