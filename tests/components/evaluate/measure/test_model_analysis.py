from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoded_examples import encode_file
from image_files import noise, to_file

from components.artifacts import Model
from components.context import Context
from components.evaluate.measure.cells import fill_table
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE, KEPT, Tally, tally_batch
from components.evaluate.measure.metrics import describe
from data.errors import BadDataError, ConfigError, StepError
from data.examples.artifact import Examples, shard_lengths
from data.examples.read_images import read_images

IMAGES = 400  # of the test split, in three shards
BAND = "own_slices:ink"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def features() -> list[dict[str, bytes | int | float]]:
    """What examples hold beside image and label: each third lacks the source."""
    return [
        {"span": place % 4, **({"source": b"web" if place % 2 else b"cam"} if place % 3 else {})}
        for place in range(IMAGES)
    ]


@pytest.fixture(scope="module")
def examples(
    tmp_path_factory: pytest.TempPathFactory,
    write_examples: Callable[..., Examples],
    features: list[dict[str, bytes | int | float]],
) -> Examples:
    """Digits in a folder whose name a file pattern would misread."""
    folder = tmp_path_factory.mktemp("data") / "a [b]*"
    return write_examples(folder, np.arange(IMAGES), shards=3, features=features)


@pytest.fixture(scope="module")
def bundles(train_model: Callable[..., Model]) -> dict[str, Path]:
    models = {CANDIDATE: (3, 2), BASELINE: (5, 4), BEST: (7, 3)}
    return {name: train_model(*how).bundle for name, how in models.items()}


@pytest.fixture(scope="module")
def own_slices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module of somebody's own with a function that makes slices."""
    folder = tmp_path_factory.mktemp("own")
    code = (
        "def ink(images):\n    return [int(image.sum()) // 2000 for image in images]\n"
        "def one_for_all(images):\n    return ['all']\n"
    )
    (folder / "own_slices.py").write_text(code, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


def measured(
    examples: Examples, bundles: dict[str, Path], folder: Path, slices: tuple[str, ...] = ()
) -> tuple[Tally, dict[str, Tally]]:
    from components.evaluate.measure.model_analysis import measure

    folder.mkdir(parents=True, exist_ok=True)
    return measure(examples, "test", bundles, Context(output_dir=folder), slices=slices)


@pytest.fixture(scope="module")
def found(
    examples: Examples,
    bundles: dict[str, Path],
    own_slices: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tally, dict[str, Tally]]:
    """One pass over all three models, with every kind of slice."""
    slices = ("source", "span", "brightness", BAND)
    return measured(examples, bundles, tmp_path_factory.mktemp("pass"), slices)


@pytest.fixture(scope="module")
def answers(
    bundles: dict[str, Path], digit_arrays: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """What each bundle says by another signature: probabilities (n, 10)."""
    from serving_export.bundle.saved_model import load_bundle

    images = digit_arrays[0][:IMAGES]
    return {n: load_bundle(b)("images", images)["probabilities"] for n, b in bundles.items()}


def by_numpy(chosen: np.ndarray, labels: np.ndarray, answers: dict[str, np.ndarray]) -> Tally:
    return tally_batch(labels[chosen], chosen, {name: a[chosen] for name, a in answers.items()})


def same(seen: Tally, wanted: Tally) -> None:
    """Counts exactly; sums and probabilities as far as batches of another size allow."""
    assert seen.models.keys() == wanted.models.keys()
    assert seen.right.keys() == wanted.right.keys()
    for name, model in wanted.models.items():
        mine = seen.models[name]
        for key in ("confusion", "ranks"):
            np.testing.assert_array_equal(getattr(mine, key), getattr(model, key))
        np.testing.assert_array_equal(mine.odds.sum(axis=1), model.odds.sum(axis=1))
        np.testing.assert_array_equal(mine.calibration[..., ::2], model.calibration[..., ::2])
        np.testing.assert_allclose(mine.calibration[..., 1], model.calibration[..., 1], rtol=1e-5)
        np.testing.assert_allclose(mine.losses, model.losses, rtol=1e-5)
        np.testing.assert_allclose(mine.lowest, model.lowest, rtol=1e-4)
        np.testing.assert_allclose(mine.highest, model.highest, rtol=1e-4)
        assert mine.off_one == pytest.approx(model.off_one, abs=1e-6)
    for name, right in wanted.right.items():
        np.testing.assert_array_equal(seen.right[name], right)
    for key in ("worst", "lost"):
        mine, theirs = getattr(seen, key), getattr(wanted, key)
        np.testing.assert_array_equal(mine.images, theirs.images)
        np.testing.assert_allclose(mine.answers, theirs.answers, rtol=1e-4, atol=1e-7)


def test_three_models_in_one_pass_equal_numpy_on_their_own_answers(
    found: tuple[Tally, dict[str, Tally]],
    answers: dict[str, np.ndarray],
    digit_arrays: tuple[np.ndarray, np.ndarray],
) -> None:
    labels = digit_arrays[1][:IMAGES]
    same(found[0], by_numpy(np.arange(IMAGES), labels, answers))


def test_slices_are_the_images_with_that_value(
    found: tuple[Tally, dict[str, Tally]],
    features: list[dict[str, bytes | int | float]],
    answers: dict[str, np.ndarray],
    digit_arrays: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = (array[:IMAGES] for array in digit_arrays)
    bands = {0: "0-63", 1: "64-127", 2: "128-191", 3: "192-255"}
    names = [
        (
            f"source={one.get('source', b'missing').decode()}",
            f"span={one['span']}",
            f"brightness={bands[int(image.mean() // 64)]}",
            f"ink={int(image.sum()) // 2000}",
        )
        for one, image in zip(features, images, strict=True)
    ]
    assert found[1].keys() == {name for of_image in names for name in of_image}
    assert {"source=missing", "source=web", "span=3", "brightness=64-127"} <= found[1].keys()
    for name, seen in found[1].items():
        chosen = np.flatnonzero([name in of_image for of_image in names])
        same(seen, by_numpy(chosen, labels, answers))


def test_the_images_named_are_those_that_were_answered_so(
    found: tuple[Tally, dict[str, Tally]], examples: Examples, bundles: dict[str, Path]
) -> None:
    from serving_export.bundle.saved_model import load_bundle

    worst, lost = found[0].worst, found[0].lost
    assert len(worst.images) == KEPT
    assert 0 < len(lost.images) <= KEPT
    for mistakes, models in ((worst, (CANDIDATE,)), (lost, (CANDIDATE, BASELINE))):
        places, wanted, said = mistakes.images.T
        images, labels = read_images(examples, "test", places.tolist())
        np.testing.assert_array_equal(labels, wanted)
        for column, model in enumerate(models):
            answer = load_bundle(bundles[model])("images", images)
            np.testing.assert_allclose(
                mistakes.answers[:, column], answer["probabilities"], rtol=1e-4, atol=1e-7
            )
            right = answer["class_index"] == labels
            assert not right.any() if model == CANDIDATE else right.all()
            if model == CANDIDATE:
                np.testing.assert_array_equal(answer["class_index"], said)


def test_a_model_alone_gives_the_same_counts(
    found: tuple[Tally, dict[str, Tally]],
    examples: Examples,
    bundles: dict[str, Path],
    tmp_path: Path,
) -> None:
    whole, slices = measured(examples, {CANDIDATE: bundles[CANDIDATE]}, tmp_path)
    three = found[0]
    alone = Tally({CANDIDATE: three.models[CANDIDATE]}, {}, three.worst, whole.lost)
    same(whole, alone)
    assert not slices
    # Without a baseline there is none to have an image right.
    assert not len(whole.lost.images)


# ------------------------------------------------------------------- held against the analysis' own


def of_the_analysis(examples: Examples, bundle: Path, folder: Path) -> dict[str, Any]:
    """Metrics that TensorFlow Model Analysis has itself: (name, class or None) → value."""
    import apache_beam as beam
    import tensorflow_model_analysis as tfma
    from google.protobuf import text_format
    from tensorflow_model_analysis.proto import config_pb2
    from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

    plain = folder / "plain"  # its reader takes patterns
    shutil.copytree(examples.path, plain)
    own = ("Accuracy", "Crossentropy", "TopKCategoricalAccuracy")
    names = [f"SparseCategorical{n}" if n[0] != "T" else f"Sparse{n}" for n in own]
    metrics = [f'metrics {{ class_name: "{n}" }}' for n in names[:2]]
    metrics.append(f'metrics {{ class_name: "{names[2]}" config: "{{\\"k\\": 3}}" }}')
    metrics.append('metrics { class_name: "MultiClassConfusionMatrixPlot" }')
    classes = " ".join(f"values: {label}" for label in range(10))
    config = text_format.Parse(
        f"""
        model_specs {{ model_type: "tf_generic" signature_name: "examples" label_key: "label"
                       prediction_key: "probabilities" }}
        metrics_specs {{ {" ".join(metrics)} }}
        metrics_specs {{
          metrics {{ class_name: "AUC" config: "{{\\"num_thresholds\\": 20000}}" }}
          binarize {{ class_ids {{ {classes} }} }}
        }}
        slicing_specs {{}}
        """,
        config_pb2.EvalConfig(),
    )
    model = tfma.default_eval_shared_model(eval_saved_model_path=str(bundle), eval_config=config)
    source = TFExampleRecord(
        file_pattern=str(plain / "*.tfrecord-*"), raw_record_column_name=tfma.ARROW_INPUT_COLUMN
    )
    with beam.Pipeline("FnApiRunner") as pipeline:
        _ = (
            pipeline
            | source.BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=model, eval_config=config, output_path=str(folder / "own")
            )
        )
    found: dict[str, Any] = {}
    for record in tfma.load_metrics(str(folder / "own")):
        for metric in record.metric_keys_and_values:
            of_class = metric.key.sub_key.class_id.value if metric.key.HasField("sub_key") else None
            found[f"{metric.key.name} {of_class}"] = metric.value.double_value.value
    (plots,) = tfma.load_plots(str(folder / "own"))
    (plot,) = plots.plot_keys_and_values
    matrices = plot.value.multi_class_confusion_matrix_at_thresholds.matrices
    found["matrix"] = next(m for m in matrices if m.threshold <= 0.0)
    return found


def test_the_analysis_own_metrics_are_the_oracle(
    found: tuple[Tally, dict[str, Tally]],
    examples: Examples,
    bundles: dict[str, Path],
    tmp_path: Path,
) -> None:
    theirs = of_the_analysis(examples, bundles[CANDIDATE], tmp_path)
    ours = found[0].models[CANDIDATE]
    metrics = describe(ours, examples.spec.class_names, 0.95)
    overall = metrics["overall"]

    assert overall["accuracy"] == pytest.approx(theirs["sparse_categorical_accuracy None"])
    loss = theirs["sparse_categorical_crossentropy None"]
    assert overall["loss"] == pytest.approx(loss, rel=1e-4)
    top_3 = theirs["sparse_top_k_categorical_accuracy None"]
    assert overall["top_k"]["3"] == pytest.approx(top_3)
    matrix = np.zeros((10, 10), np.int64)
    for entry in theirs["matrix"].entries:
        matrix[entry.actual_class_id, entry.predicted_class_id] = round(entry.num_weighted_examples)
    np.testing.assert_array_equal(fill_table(ours.confusion, 10, 10), matrix)
    for label, name in enumerate(examples.spec.class_names):
        auc = metrics["classes"][name]["auc"]
        # Scores are counted in bins, and those of a model that is hardly trained lie close.
        assert auc == pytest.approx(theirs[f"auc {label}"], abs=5e-3)


@pytest.fixture(scope="module")
def encoded(
    tmp_path_factory: pytest.TempPathFactory,
    write_examples: Callable[..., Examples],
    features: list[dict[str, bytes | int | float]],
    digit_arrays: tuple[np.ndarray, np.ndarray],
) -> Examples:
    """The same images as PNG files."""
    files = [
        {**more, "image": to_file(image), "format": b"png"}
        for more, image in zip(features, digit_arrays[0], strict=False)
    ]
    folder = tmp_path_factory.mktemp("data") / "encoded"
    raw = write_examples(folder, np.arange(IMAGES), shards=3, features=files)
    return dataclasses.replace(raw, store="encoded")


def test_encoded_examples_give_the_same_counts_and_slices(
    encoded: Examples,
    bundles: dict[str, Path],
    found: tuple[Tally, dict[str, Tally]],
    answers: dict[str, np.ndarray],
    digit_arrays: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    only = {CANDIDATE: bundles[CANDIDATE]}
    whole, slices = measured(encoded, only, tmp_path, ("source", "brightness"))
    candidate = {CANDIDATE: answers[CANDIDATE]}
    same(whole, by_numpy(np.arange(IMAGES), digit_arrays[1][:IMAGES], candidate))
    wanted = {n: t for n, t in found[1].items() if n.startswith(("source=", "brightness="))}
    assert slices.keys() == wanted.keys()
    for name, tally in slices.items():
        np.testing.assert_array_equal(
            tally.models[CANDIDATE].confusion, wanted[name].models[CANDIDATE].confusion
        )


# ------------------------------------------------------------------------ what cannot be counted


@pytest.mark.parametrize("harm", ["cut", "flipped"])
def test_a_corrupt_shard_is_bad_data_and_named(
    examples: Examples, bundles: dict[str, Path], tmp_path: Path, harm: str
) -> None:
    shutil.copytree(examples.path, tmp_path / "examples")
    harmed = dataclasses.replace(examples, path=tmp_path / "examples")
    shard = harmed.shards("test")[1]
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content[:1050] if harm == "cut" else content)
    with pytest.raises(BadDataError, match="cannot be read") as caught:
        measured(harmed, {CANDIDATE: bundles[CANDIDATE]}, tmp_path / "out")
    assert shard.name in str(caught.value)


def test_a_file_that_cannot_be_decoded_is_bad_data(
    encoded: Examples, bundles: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(encoded.path, tmp_path / "examples")
    harmed = dataclasses.replace(encoded, path=tmp_path / "examples")
    shard = harmed.shards("test")[1]
    number = shard_lengths(harmed, "test")[1]
    shard.write_bytes(encode_file(to_file(noise(8, 8, 1))[:70], 1) * number)
    with pytest.raises(BadDataError, match="cannot be read") as caught:
        measured(harmed, {CANDIDATE: bundles[CANDIDATE]}, tmp_path / "out")
    assert str(harmed.path) in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("name", "words"),
    [("own_slices:inc", "has no 'inc'"), ("own_slices:one_for_all", "a value for each image")],
)
def test_a_slice_of_ones_own_that_does_not_fit_is_told(
    examples: Examples,
    bundles: dict[str, Path],
    own_slices: None,
    tmp_path: Path,
    name: str,
    words: str,
) -> None:
    with pytest.raises(ConfigError, match=words):
        measured(examples, {CANDIDATE: bundles[CANDIDATE]}, tmp_path, (name,))


@pytest.mark.parametrize("where", ["by the worker", "at the end"])
def test_a_slice_of_too_many_values_is_told(
    examples: Examples,
    bundles: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    monkeypatch.setattr("components.evaluate.measure.slices.MOST_VALUES", 3)
    if where == "at the end":  # as when no worker sees more than three of the values
        monkeypatch.setattr(
            "components.evaluate.measure.read_batches.check_number_of_values", lambda *_: None
        )
    with pytest.raises(ConfigError, match="span has too many values") as caught:
        measured(examples, {CANDIDATE: bundles[CANDIDATE]}, tmp_path, ("source", "span"))
    assert "4 values or more: '0', '1', '2' …" in str(caught.value)


def test_other_counts_than_the_split_holds_are_told(
    examples: Examples, bundles: dict[str, Path], tmp_path: Path
) -> None:
    one, two, *rest = examples.counts["test"]
    moved = dataclasses.replace(examples, counts={"test": (one + 1, two - 1, *rest)})
    with pytest.raises(StepError, match="did not count every example"):
        measured(moved, {CANDIDATE: bundles[CANDIDATE]}, tmp_path)


def test_a_shard_that_is_gone_is_told_before_anything_is_asked(
    examples: Examples, tmp_path: Path
) -> None:
    shutil.copytree(examples.path, tmp_path / "examples")
    fewer = dataclasses.replace(examples, path=tmp_path / "examples")
    fewer.shards("test")[2].unlink()
    with pytest.raises(BadDataError, match="do not match its dataset_info"):
        measured(fewer, {CANDIDATE: tmp_path / "no model"}, tmp_path / "out")
    described = json.loads((fewer.path / "dataset_info.json").read_text())
    described["splits"][0]["name"] = "train"
    (fewer.path / "dataset_info.json").write_text(json.dumps(described))
    with pytest.raises(BadDataError, match="does not describe"):
        measured(fewer, {CANDIDATE: tmp_path / "no model"}, tmp_path / "out")
