from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest

from components.artifacts import Model
from components.beam import run_pipeline
from components.context import Context
from components.evaluate import Config, Inputs, run
from components.gate.metrics import describe
from components.gate.rules import Threshold
from components.gate.tally import BASELINE, BEST, CANDIDATE, Tally, tally
from components.model_analysis import measure
from data.durable import read_json, write_json
from data.errors import BadDataError, ConfigError, PenstockError, StepError
from data.examples import Examples
from data.read_examples import read_images
from data.spec import ImageSpec
from serving_export.push import push

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEC = ImageSpec(height=8, width=8, channels=1, class_names=NAMES)


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
                    if label:  # the zeros lack it
                        source = b"even" if label % 2 == 0 else b"odd"
                        features["source"] = tf.train.Feature(
                            bytes_list=tf.train.BytesList(value=[source])
                        )
                    example = tf.train.Example(features=tf.train.Features(feature=features))
                    writer.write(example.SerializeToString())
        lengths = [str(len(labels[shard::2])) for shard in range(2)]
        described = {"splits": [{"name": "test", "shardLengths": lengths}]}
        write_json(path / "dataset_info.json", described)
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


def trained(
    write_model: Callable[[Any], Model], digits: tuple[np.ndarray, np.ndarray], epochs: int
) -> Model:
    import keras

    keras.utils.set_random_seed(epochs)
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    keras_model = keras.Sequential(layers)
    keras_model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    keras_model.fit(digits[0] / np.float32(255), digits[1], epochs=epochs, verbose=0)
    return write_model(keras_model)


@pytest.fixture(scope="module")
def model(write_model: Callable[[Any], Model], digits: tuple[np.ndarray, np.ndarray]) -> Model:
    """Trained a little, so that it is right about many digits but not all."""
    return trained(write_model, digits, epochs=4)


@pytest.fixture(scope="module")
def better(write_model: Callable[[Any], Model], digits: tuple[np.ndarray, np.ndarray]) -> Model:
    return trained(write_model, digits, epochs=12)


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


def answers(model: Model, images: np.ndarray) -> np.ndarray:
    from serving_export.saved_model import load_bundle

    return load_bundle(model.bundle)("images", images)["probabilities"]


def at_rest(values: np.ndarray) -> np.ndarray:
    """In the order of the two shards."""
    return np.concatenate([values[:360][0::2], values[:360][1::2]])


def second_row_is_dark(images: np.ndarray) -> list[str]:
    """A slice of one's own."""
    return ["dark" if image[1].mean() < 100 else "light" for image in images]


@pytest.mark.slow
def test_one_pass_over_three_models_is_numpys_count_of_each_models_own_answers(
    examples: Examples,
    model: Model,
    better: Model,
    context: Context,
    digits: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    images, labels = (at_rest(values) for values in digits)
    bundles = {CANDIDATE: model.bundle, BASELINE: better.bundle, BEST: model.bundle}
    own = "test_evaluate:second_row_is_dark"
    whole, slices = measure(
        examples, "test", bundles, context, slices=("source", "brightness", own)
    )
    said = {name: answers({BASELINE: better}.get(name, model), images) for name in bundles}
    places = np.arange(len(labels))

    def same(found: Tally, chosen: np.ndarray) -> None:
        wanted = tally(labels[chosen], places[chosen], {n: a[chosen] for n, a in said.items()})
        for name, counts in wanted.models.items():
            for key, value in vars(counts).items():
                seen = getattr(found.models[name], key)
                np.testing.assert_allclose(
                    seen, value, rtol=1e-4, atol=1e-6, err_msg=f"{name}.{key}"
                )
        for name, right in wanted.right.items():
            assert np.array_equal(found.right[name], right)
        assert np.array_equal(found.worst.images, wanted.worst.images)
        assert np.array_equal(found.lost.images, wanted.lost.images)

    same(whole, np.ones(360, bool))
    sources = np.where(labels == 0, "missing", np.where(labels % 2 == 0, "even", "odd"))
    bands = np.array(["0-63", "64-127", "128-191", "192-255"])[
        (images.reshape(360, -1).mean(axis=1) // 64).astype(int)
    ]
    derived = {
        "source": sources,
        "brightness": bands,
        "second_row_is_dark": np.array(second_row_is_dark(images)),
    }
    expected = {f"{name}={value}" for name, values in derived.items() for value in set(values)}
    assert set(slices) == expected
    for name, found in slices.items():
        feature, _, value = name.partition("=")
        same(found, derived[feature] == value)
    shown, _ = read_images(examples, "test", whole.worst.images[:, 0].tolist())
    assert np.array_equal(shown, images[whole.worst.images[:, 0]])


@pytest.mark.slow
def test_our_metrics_are_those_of_tensorflow_model_analysis(
    examples: Examples, model: Model, context: Context
) -> None:
    import tensorflow_model_analysis as tfma
    from google.protobuf import text_format
    from tensorflow_model_analysis.proto import config_pb2

    from components import model_analysis

    described = describe(
        measure(examples, "test", {CANDIDATE: model.bundle}, context)[0].models[CANDIDATE],
        NAMES,
        0.95,
    )
    metrics = "".join(
        f"metrics {{ class_name: '{name}' config: '{options}' }}"
        for name, options in (
            ("SparseCategoricalAccuracy", ""),
            ("SparseCategoricalCrossentropy", ""),
            ("SparseTopKCategoricalAccuracy", '"k": 3'),
        )
    )
    config = text_format.Parse(
        f"""
        model_specs {{
          model_type: "tf_generic" signature_name: "examples"
          label_key: "label" prediction_key: "probabilities"
        }}
        metrics_specs {{ {metrics} }}
        metrics_specs {{
          binarize {{ class_ids {{ values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }} }}
          metrics {{ class_name: "AUC" }}
          metrics {{ class_name: "Precision" config: '"top_k": 1' }}
        }}
        slicing_specs {{}}
        slicing_specs {{ feature_keys: "label" }}
        """,
        config_pb2.EvalConfig(),
    )
    output = context.output_dir / "theirs"

    def build(pipeline: beam.Pipeline) -> None:
        shared = tfma.default_eval_shared_model(
            eval_saved_model_path=str(model.bundle), eval_config=config
        )
        _ = (
            pipeline
            | beam.Create(model_analysis._shards(examples, "test"))
            | beam.ParDo(model_analysis.ReadBatches(SPEC, ())).with_output_types(pa.RecordBatch)
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=shared, eval_config=config, output_path=str(output)
            )
        )

    run_pipeline(build, context)
    found = tfma.load_eval_result(str(output)).slicing_metrics
    overall = next(values[""] for key, values in found if not key)
    of_all = {name: value["doubleValue"] for name, value in overall[""].items() if value}
    assert of_all["sparse_categorical_accuracy"] == pytest.approx(
        described["overall"]["accuracy"], rel=1e-6
    )
    assert of_all["sparse_categorical_crossentropy"] == pytest.approx(
        described["overall"]["loss"], rel=1e-5
    )
    top_3 = next(v for n, v in of_all.items() if "top_k" in n)
    assert top_3 == pytest.approx(described["overall"]["top_k"]["3"], rel=1e-6)
    for label, name in enumerate(NAMES):
        theirs = {n: v["doubleValue"] for n, v in overall[f"classId:{label}"].items() if v}
        ours = described["classes"][name]
        # Keras's interpolates between 200 thresholds; ours is held against scikit-learn's too.
        assert theirs["auc"] == pytest.approx(ours["auc"], abs=0.01)
        of_label = next(v[""][""] for key, v in found if key == (("label", label),))
        recall = of_label["sparse_categorical_accuracy"]["doubleValue"]
        assert recall == pytest.approx(ours["recall"], rel=1e-6)


@pytest.mark.slow
def test_the_verdict_of_a_run(
    examples: Examples, model: Model, context: Context, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = (at_rest(values) for values in digits)
    right = answers(model, images).argmax(axis=1) == labels
    thresholds = (
        Threshold(metric="accuracy", at_least=right.mean()),
        Threshold(metric="accuracy", at_least=0.999, on="each class"),
    )
    inputs = Inputs(examples=examples, model=model)
    outputs = run(inputs, Config(thresholds=thresholds), context)
    assert (outputs.verdict.status, outputs.verdict.model_digest) == ("failed", model.digest)
    got = read_json(outputs.verdict.path / "verdict.json")
    assert (got["model"]["digest"], got["baseline"]) == (model.digest, None)
    assert [rule["status"] for rule in got["rules"][:2]] == ["passed", "failed"]
    assert got["metrics"]["candidate"]["overall"]["accuracy"] == right.mean()
    shares = {name: right[labels == label].mean() for label, name in enumerate(NAMES)}
    assert got["weakest_class"]["accuracy"] == min(shares.values())
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
    got = read_json(outputs.verdict.path / "verdict.json")
    words = " ".join(got["reasons"])
    assert "loss is no number" in words
    assert "0 images, of 20 needed" in words
    assert "no NaN" in words
    assert got["metrics"]["candidate"]["overall"]["loss"] is None


def served(model: Model, context: Context, **record: Any) -> Context:
    """The same context, with the model served in it as "m"."""
    context = dataclasses.replace(
        context, serving_dir=context.output_dir.parent / "serving", model_name="m"
    )
    assert context.serving_dir
    push(model.bundle, context.serving_dir, "m", digest=model.digest, record=record)
    return context


@pytest.mark.slow
def test_what_serves_is_the_baseline(
    examples: Examples, model: Model, better: Model, context: Context
) -> None:
    context = served(better, context)
    outputs = run(Inputs(examples=examples, model=model), Config(), context)
    got = read_json(outputs.verdict.path / "verdict.json")
    assert outputs.verdict.baseline_digest == got["baseline"]["digest"] == better.digest
    (rule,) = [r for r in got["rules"] if r["name"] == "not worse than baseline overall"]
    assert rule["status"] == "failed"
    before, now = (got["metrics"][n]["overall"]["accuracy"] for n in ("baseline", "candidate"))
    assert rule["seen"] == pytest.approx(before - now)


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["flipped bit", "no manifest", "other classes", "other size"])
def test_a_baseline_that_cannot_be_compared_with_fails_one_rule_and_says_why(
    examples: Examples, model: Model, better: Model, context: Context, harm: str
) -> None:
    context = served(better, context)
    assert context.serving_dir
    version = context.serving_dir / "m" / "1"
    manifest = read_json(version / "penstock.json")
    if harm == "flipped bit":
        content = bytearray((version / "saved_model.pb").read_bytes())
        content[9] ^= 1
        (version / "saved_model.pb").write_bytes(content)
    elif harm == "no manifest":
        (version / "penstock.json").unlink()
    elif harm == "other classes":
        manifest["spec"]["class_names"] = list("abcdefghij")
        write_json(version / "penstock.json", manifest)
    else:
        manifest["spec"]["height"] = 28
        write_json(version / "penstock.json", manifest)
    outputs = run(Inputs(examples=examples, model=model), Config(), context)
    got = read_json(outputs.verdict.path / "verdict.json")
    assert [r["name"] for r in got["rules"] if r["status"] == "failed"] == ["baseline comparable"]
    words = {
        "flipped bit": "saved_model.pb",
        "no manifest": "no manifest of ours",
        "other classes": "other classes: a, b",
        "other size": "(28, 8, 1)",
    }
    assert words[harm] in got["baseline"]["why"]
    assert got["metrics"]["baseline"] is None
    assert got["metrics"]["candidate"]["overall"]["examples"] == 360


@pytest.mark.slow
def test_examples_that_are_not_all_seen_give_no_verdict(
    examples: Examples, model: Model, context: Context
) -> None:
    first, second, *others = examples.counts["test"]
    claimed = dataclasses.replace(examples, counts={"test": (first + 1, second - 1, *others)})
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
    with pytest.raises(
        (BadDataError, StepError), match=r"cannot be read|has other shards"
    ) as caught:
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
