from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components import ingest
from components.artifacts import Model, Verdict
from components.context import Context
from components.evaluate import (
    VERDICT,
    Config,
    Inputs,
    Outputs,
    check_expected,
    check_inputs,
    depends,
    is_current,
    pin,
    run,
)
from components.evaluate.rules import Allowed, Paired, Threshold
from data.errors import BadDataError, ConfigError, PenstockError, StepError
from data.examples.artifact import Examples
from data.files.documents import write_document
from data.files.durable_files import read_json, sha256_file
from data.spec import ImageSpec
from serving_export.bundle.manifest import MANIFEST, write_manifest
from serving_export.model_store.baseline import ReferenceModels
from serving_export.model_store.best import NONE
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback

pytestmark = pytest.mark.usefixtures("few_images_alone")
IMAGES = 360
LOW = (Threshold(metric="accuracy", at_least=0.2),)
MODEL_NAME = "digits"


@pytest.fixture(scope="module")
def examples(
    tmp_path_factory: pytest.TempPathFactory, write_examples: Callable[..., Examples]
) -> Examples:
    return write_examples(tmp_path_factory.mktemp("data") / "a [b]*", np.arange(IMAGES))


@pytest.fixture(scope="module")
def good(train_model: Callable[..., Model]) -> Model:
    return train_model(3, 30)


@pytest.fixture(scope="module")
def other(train_model: Callable[..., Model]) -> Model:
    """As good as `good`, within the margins."""
    return train_model(4, 30)


@pytest.fixture(scope="module")
def worse(train_model: Callable[..., Model]) -> Model:
    return train_model(3, 5)


@pytest.fixture
def judge(tmp_path: Path, examples: Examples) -> Callable[..., dict[str, Any]]:
    """A function that runs Evaluate and gives `verdict.json`."""

    def judged(
        model: Model, serving: Path | None = None, of: Examples = examples, **config: Any
    ) -> dict[str, Any]:
        output = tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}"
        output.mkdir()
        name = MODEL_NAME if serving else None
        context = Context(output_dir=output, serving_dir=serving, model_name=name)
        config = {"thresholds": LOW, **config}
        outputs = run(Inputs(examples=of, model=model), Config(**config), context)
        found: dict[str, Any] = read_json(outputs.verdict.path / VERDICT)
        _same_told(outputs, found)
        return found

    return judged


def _same_told(outputs: Outputs, found: dict[str, Any]) -> None:
    assert outputs.verdict.status == found["status"]
    assert outputs.verdict.model_digest == found["model"]["digest"]
    baseline = found["baseline"]
    assert (baseline or {}).get("digest", NONE) == (outputs.verdict.baseline_digest or NONE)


def rule(verdict: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in verdict["rules"] if one["name"] == name)
    return found


def broken(verdict: dict[str, Any]) -> set[str]:
    bad = ("failed", "not enough data")
    return {one["name"] for one in verdict["rules"] if one["status"] in bad}


def pushed(serving: Path, model: Model, **record: Any) -> Path:
    """The version's folder."""
    return push(model.bundle, serving, MODEL_NAME, digest=model.digest, record=record)[1]


# ---------------------------------------------------------------------------- a candidate alone


@pytest.mark.slow
def test_the_numbers_are_numpys(
    judge: Callable[..., dict[str, Any]],
    good: Model,
    digit_arrays: tuple[np.ndarray, np.ndarray],
    examples: Examples,
) -> None:
    from serving_export.bundle.saved_model import load_bundle

    images, labels = (array[:IMAGES] for array in digit_arrays)
    probabilities = load_bundle(good.bundle)("images", images)["probabilities"]
    right = probabilities.argmax(axis=1) == labels
    losses = -np.log(probabilities[np.arange(IMAGES), labels].astype(np.float64))
    thresholds = (
        Threshold(metric="accuracy", at_least=right.mean()),
        Threshold(metric="accuracy", at_least=0.999, on="each class"),
    )
    got = judge(good, thresholds=thresholds)
    assert (got["status"], got["baseline"], got["best"]) == ("failed", None, None)
    assert [one["status"] for one in got["rules"][:2]] == ["passed", "failed"]
    overall, classes = (got["metrics"]["candidate"][key] for key in ("overall", "classes"))
    assert (overall["examples"], overall["accuracy"]) == (IMAGES, right.mean())
    assert overall["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    shares = {}
    for label, name in enumerate(examples.spec.class_names):
        of_class = labels == label
        shares[name] = right[of_class].mean()
        assert classes[name]["examples"] == of_class.sum() == got["data"]["per_class"][name]
        assert classes[name]["recall"] == shares[name]
        assert classes[name]["loss"] == pytest.approx(losses[of_class].mean(), rel=1e-5)
    weakest = got["weakest_class"]
    assert weakest["accuracy"] == min(shares.values()) == shares[weakest["name"]]
    assert (got["data"]["split"], got["data"]["examples"]) == ("test", IMAGES)
    assert len(got["data"]["digest"]) == 64
    assert {"penstock", "tensorflow", "tensorflow-model-analysis"} <= got["code"].keys()


@pytest.mark.slow
def test_without_rules_that_apply_the_gate_is_not_configured(
    judge: Callable[..., dict[str, Any]], good: Model
) -> None:
    got = judge(good, thresholds=())
    assert (got["status"], got["reasons"]) == ("not configured", [])
    assert rule(got, "not worse than baseline overall")["status"] == "not applicable"


@pytest.mark.slow
def test_sanity_rules_know_the_training(judge: Callable[..., dict[str, Any]], good: Model) -> None:
    got = judge(good)
    assert (got["status"], got["data"]["trained_on"]) == ("passed", 0)
    for name in (
        "parity",
        "no image trained on",
        "probabilities sum to 1",
        "every class predicted",
    ):
        assert rule(got, name)["status"] == "passed"


@pytest.mark.slow
def test_images_trained_on_are_counted(
    judge: Callable[..., dict[str, Any]],
    write_model: Callable[..., Model],
    dense_layer: Callable[[int, int], Any],
    digit_arrays: tuple[np.ndarray, np.ndarray],
) -> None:
    import keras

    keras.utils.set_random_seed(8)
    known = digit_arrays[0][IMAGES - 7 : IMAGES + 100]
    model = write_model(dense_layer(8, 10), trained_on=known)
    got = judge(model, thresholds=(), allowed=Allowed(unpredicted_classes=10))
    assert got["data"]["trained_on"] == 7
    assert broken(got) == {"no image trained on"}
    reason = rule(got, "no image trained on")["reason"]
    assert reason.endswith("trained on 7 of 360, for example test[353, 354, 355, 356, 357]")
    allowed = Allowed(unpredicted_classes=10, trained_on_share=7 / 360)
    assert not broken(judge(model, thresholds=(), allowed=allowed))


def test_images_to_ask_about_come_from_all_over_the_split(
    examples: Examples, digit_arrays: tuple[np.ndarray, np.ndarray]
) -> None:
    from serving_export.parity import batch_independence

    number, sample_images = batch_independence.NUMBER, batch_independence.sample_images
    places = np.linspace(0, IMAGES - 1, number).astype(int)
    for seen, known in zip(sample_images(examples, "test"), digit_arrays, strict=True):
        np.testing.assert_array_equal(seen, known[places])


@pytest.mark.slow
def test_a_model_that_looks_across_the_batch_is_blocked(
    judge: Callable[..., dict[str, Any]], write_model: Callable[..., Model], examples: Examples
) -> None:
    import across_the_batch
    import keras

    from serving_export.bundle.saved_model import load_bundle
    from serving_export.parity.batch_independence import find_bundle_difference, sample_images

    asked = sample_images(examples, "test")
    for way in across_the_batch.WAYS:
        keras.utils.set_random_seed(3)
        across = across_the_batch.Across(way)
        network = [keras.layers.Flatten(), keras.layers.Dense(10, kernel_initializer="normal")]
        model = write_model(keras.Sequential([keras.Input((8, 8, 1)), across, *network]))
        seen = find_bundle_difference(load_bundle(model.bundle), *asked)
        assert not seen.value <= 10 * Allowed().alone, way.__name__
        if way is across_the_batch.z_score:
            got = judge(model, thresholds=(), allowed=Allowed(unpredicted_classes=10))
            assert "same answers alone" in broken(got)
            assert "the largest difference is" in rule(got, "same answers alone")["reason"]


@pytest.mark.slow
def test_nan_and_a_missing_class_fail_with_their_reasons(
    write_examples: Callable[..., Examples],
    write_model: Callable[..., Model],
    dense_layer: Callable[[int, int], Any],
    judge: Callable[..., dict[str, Any]],
    digit_arrays: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    network = dense_layer(8, 10)
    network.layers[-1].bias.assign([math.nan] * 10)
    no_nines = write_examples(tmp_path / "examples", np.flatnonzero(digit_arrays[1][:200] != 9))
    thresholds = (
        Threshold(metric="loss", at_most=100.0),
        Threshold(metric="accuracy", at_least=0.01, on="nine"),
    )
    got = judge(write_model(network), of=no_nines, thresholds=thresholds)
    assert [one["status"] for one in got["rules"][:2]] == ["failed", "not enough data"]
    assert "loss is NaN or undefined" in got["rules"][0]["reason"]
    assert "0 images" in got["rules"][1]["reason"]
    assert {"no NaN", "not constant", "every class predicted", "parity"} <= broken(got)
    assert got["metrics"]["candidate"]["overall"]["loss"] is None
    assert got["metrics"]["candidate"]["classes"]["nine"]["accuracy"] is None


@pytest.mark.slow
def test_slices_have_numbers_and_rules(
    judge: Callable[..., dict[str, Any]],
    write_examples: Callable[..., Examples],
    good: Model,
    tmp_path: Path,
) -> None:
    features = [{"span": place // 300} for place in range(IMAGES)]
    of = write_examples(tmp_path / "examples", np.arange(IMAGES), features=features)
    thresholds = (
        Threshold(metric="accuracy", at_least=0.2, on="each span"),
        Threshold(metric="accuracy", at_least=1.0, on="span=0"),
        Threshold(metric="accuracy", at_least=0.01, on="span=7"),
    )
    got = judge(good, of=of, thresholds=thresholds, slices=("span",), min_examples=60)
    assert [one["status"] for one in got["rules"][:3]] == ["passed", "failed", "not enough data"]
    slices = got["metrics"]["candidate"]["slices"]
    assert {name: one["examples"] for name, one in slices.items()} == {"span=0": 300, "span=1": 60}


def test_a_slice_that_no_example_has_is_refused_before_anything_is_trained(
    write_examples: Callable[..., Examples], tmp_path: Path
) -> None:
    features = [{"span": 1} if place == 7 else {} for place in range(10)]
    of = write_examples(tmp_path / "examples", np.arange(10), features=features)
    made = {"examples": of}
    check_inputs(Config(slices=("span", "brightness")), made)  # one example has it
    floor = Threshold(metric="accuracy", at_least=0.5, on="each brigthness")
    with pytest.raises(ConfigError, match="did you mean 'brightness'"):
        check_inputs(Config(slices=("brigthness",), thresholds=(floor,)), made)


def test_a_column_that_ingest_does_not_name_is_refused_before_anything_is_ingested() -> None:
    table = ingest.Config(source="table", path="labels.csv", test_share=0.2, features=("camera",))
    expected = ingest.expect_outputs(table, {}, thorough=False)
    check_expected(Config(slices=("camera", "format", "brightness")), expected, thorough=False)
    with pytest.raises(ConfigError, match="'kamera', a feature that no example has") as caught:
        check_expected(Config(slices=("kamera",)), expected, thorough=False)
    assert "did you mean 'camera'" in caught.value.remedy
    assert "ingest.features" in caught.value.remedy


# --------------------------------------------------------------------- against models that serve


@pytest.mark.slow
def test_what_serves_is_the_baseline(
    judge: Callable[..., dict[str, Any]], good: Model, other: Model, worse: Model, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    pushed(serving, other)
    got = judge(good, serving)
    assert (got["status"], got["best"]) == ("passed", got["baseline"])
    wanted = {"digest": other.digest, "version": 1, "comparable": True, "whole": True, "why": ""}
    assert got["baseline"] == wanted
    table = got["paired"]["baseline"]["overall"]
    assert sum(table.values()) == IMAGES
    right = {
        name: got["metrics"][name]["overall"]["accuracy"] for name in ("candidate", "baseline")
    }
    both = table["both_right"]
    assert right["candidate"] == (both + table["only_candidate"]) / IMAGES
    assert right["baseline"] == (both + table["only_reference"]) / IMAGES
    assert len(got["lost"]) == min(24, table["only_reference"])

    got = judge(worse, serving)
    assert got["status"] == "failed"
    assert "not worse than baseline overall" in broken(got)
    assert rule(got, "accuracy overall")["status"] == "passed"
    assert f"of {IMAGES} images" in rule(got, "not worse than baseline overall")["reason"]


@pytest.mark.slow
def test_a_baseline_below_its_floor_makes_the_data_suspect(
    judge: Callable[..., dict[str, Any]], good: Model, worse: Model, tmp_path: Path
) -> None:
    folder = pushed(tmp_path / "serving", worse)
    met = {"name": "accuracy overall", "needed": "at least 0.85", "status": "passed"}
    write_document(folder / "verdict.json", {"rules": [met]})
    floor = (Threshold(metric="accuracy", at_least=0.85),)
    got = judge(good, tmp_path / "serving", thresholds=floor)
    assert got["status"] == "passed"
    assert "accuracy overall" in got["suspect_the_data"]


@pytest.mark.slow
def test_a_baseline_that_cannot_be_asked_fails_in_words_and_the_rest_is_judged(
    judge: Callable[..., dict[str, Any]],
    write_model: Callable[..., Model],
    dense_layer: Callable[[int, int], Any],
    good: Model,
    other: Model,
    examples: Examples,
    tmp_path: Path,
) -> None:
    spec = examples.spec
    damaged, unmanaged, gone = (tmp_path / name for name in ("damaged", "unmanaged", "gone"))
    with next(pushed(damaged, other).glob("variables/*.data*")).open("ab") as file:
        file.write(b"\0")
    (pushed(unmanaged, other) / MANIFEST).unlink()
    pushed(gone, good)
    renamed = dataclasses.replace(spec, class_names=spec.class_names[::-1])
    larger = ImageSpec(height=9, width=9, channels=1, class_names=spec.class_names)
    cases = {damaged: "does not match", unmanaged: "no Penstock manifest", gone: "is missing"}
    for changed, words in ((renamed, "other classes"), (larger, "shape (9, 9, 1)")):
        serving = tmp_path / words.replace(" ", "_")
        pushed(serving, write_model(dense_layer(changed.height, 10), changed))
        cases[serving] = words
    for serving, words in cases.items():
        against = (
            {"against": ReferenceModels(baseline="0" * 64, best="0" * 64)}
            if serving == gone
            else {}
        )
        best = "is missing" if serving == unmanaged else words  # a best is known by its manifest
        got = judge(good, serving, **against)
        lost = {"baseline comparable", "not worse than best overall"}  # it was the best too
        assert (got["status"], broken(got)) == ("failed", lost)
        assert words in rule(got, "baseline comparable")["reason"]
        assert (got["baseline"]["comparable"], got["metrics"]["baseline"]) == (False, None)
        assert words in got["baseline"]["why"]
        assert rule(got, "not worse than baseline overall")["status"] == "not applicable"
        assert rule(got, "accuracy overall")["status"] == "passed"
        assert best in rule(got, "not worse than best overall")["reason"]
        assert len(got["reasons"]) == 2


@pytest.mark.slow
def test_a_candidate_that_serves_is_held_against_what_it_was_then(
    judge: Callable[..., dict[str, Any]], good: Model, other: Model, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    pushed(serving, other, accuracy=0.9)
    first = judge(good, serving)
    judged = {name: first[name]["digest"] for name in ("baseline", "best")}
    pushed(serving, good, accuracy=0.9, **judged)
    assert judge(good, serving) == first

    replaced = judge(other, serving)
    assert broken(replaced) == {"not replaced"}
    assert "was version 1, which version 2 replaced" in rule(replaced, "not replaced")["reason"]


@pytest.mark.slow
def test_small_drops_do_not_add_up_past_the_best_version_ever_pushed(
    judge: Callable[..., dict[str, Any]], good: Model, other: Model, worse: Model, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    again = Paired(margin=0.0, against="best")
    # One rule alone, where the best serves: it was not applicable, so that one push went past it.
    pushed(serving, other, accuracy=0.95, examples=IMAGES)
    got = judge(worse, serving, paired=(again,))
    assert broken(got) == {again.name}
    assert got["best"]["digest"] == got["baseline"]["digest"] == other.digest
    assert got["metrics"]["best"] == got["metrics"]["baseline"]

    for _ in range(6):  # it was of the last five
        pushed(serving, worse, accuracy=0.5, examples=IMAGES)
        pushed(serving, good, accuracy=0.5, examples=IMAGES)
    pushed(serving, worse, accuracy=0.5, examples=IMAGES)
    # The same weights in a model of another kind, as far as the manifest says.
    copy = tmp_path / "copy"
    shutil.copytree(worse.path, copy)
    described = read_json(copy / "bundle" / MANIFEST)
    described["model_digest"] = "0" * 64
    (copy / "bundle" / MANIFEST).write_text(json.dumps(described), encoding="utf-8")
    twin = Model(path=copy, spec=worse.spec, digest=sha256_file(copy / "bundle" / MANIFEST))
    got = judge(twin, serving, paired=(Paired(margin=0.0), again))
    assert broken(got) == {again.name}
    assert got["best"] == {
        "digest": other.digest,
        "version": 1,
        "comparable": True,
        "whole": True,
        "why": "",
    }
    assert rule(got, "not worse than baseline overall")["status"] == "passed"
    assert got["metrics"]["best"]["overall"]["accuracy"] > 0.85


@pytest.mark.slow
def test_what_a_rollback_took_out_of_service_is_not_the_best(
    judge: Callable[..., dict[str, Any]], good: Model, other: Model, worse: Model, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    pushed(serving, worse, accuracy=0.5, examples=IMAGES)
    pushed(serving, good, accuracy=0.95, examples=IMAGES)
    rollback(serving, MODEL_NAME, by="ann", reason="worse on sevens")
    got = judge(other, serving)
    assert (got["baseline"]["digest"], got["baseline"]["version"]) == (worse.digest, 3)
    assert (got["best"], got["status"]) == (got["baseline"], "passed")


@pytest.mark.slow
def test_no_baseline_is_looked_for_where_the_config_says_none(
    judge: Callable[..., dict[str, Any]], good: Model, worse: Model, tmp_path: Path
) -> None:
    pushed(tmp_path / "serving", good, accuracy=0.9)
    got = judge(worse, tmp_path / "serving", baseline="none")
    assert (got["status"], got["baseline"], got["best"]) == ("passed", None, None)


# ---------------------------------------------------------------------- before anything is loaded


def test_the_step_is_pinned_to_what_serves(tmp_path: Path) -> None:
    folder = tmp_path / MODEL_NAME / "3"
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}", encoding="utf-8")
    write_document(folder / "push.json", {"best_so_far": {"digest": "abc"}})
    context = Context(output_dir=tmp_path, serving_dir=tmp_path, model_name=MODEL_NAME)
    pinned = pin(Config(), None, context)
    assert pinned.against == ReferenceModels(baseline=sha256_file(folder / MANIFEST), best="abc")
    assert pin(pinned, None, context) == pinned
    for config, where in (
        (Config(baseline="none"), context),
        (Config(), dataclasses.replace(context, serving_dir=None)),
        (Config(), dataclasses.replace(context, model_name=None)),
    ):
        assert pin(config, None, where).against is None


def test_what_nobody_vouches_for_is_part_of_what_the_step_depends_on(tmp_path: Path) -> None:
    """Else the verdict that it failed by would be cached when somebody vouches for it."""
    folder = tmp_path / MODEL_NAME / "3"
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}", encoding="utf-8")
    digest = sha256_file(folder / MANIFEST)

    def vouch(asked: Path, for_digest: str) -> None:
        assert (asked, for_digest) == (folder, digest)
        raise BadDataError("nobody vouches for it", remedy="trust it")

    context = Context(output_dir=tmp_path, serving_dir=tmp_path, model_name=MODEL_NAME, vouch=vouch)
    pinned = pin(Config(), None, context)
    assert pinned.against.untrusted == {digest: "nobody vouches for it; trust it"}
    (folder / MANIFEST).unlink()  # without a manifest of ours it is not loaded in any case
    assert pin(Config(), None, context).against == ReferenceModels(baseline="unmanaged:3")


def test_a_verdict_on_what_was_damaged_is_due_again_once_that_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / MODEL_NAME / "3"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    digest = write_manifest(folder, SPEC, {})
    context = Context(output_dir=tmp_path, serving_dir=tmp_path, model_name=MODEL_NAME)
    outputs = Outputs(verdict=Verdict(path=tmp_path, status="failed", model_digest="m"))
    for name in ("baseline", "best"):
        references: dict[str, Any] = {"baseline": None, "best": None}
        for reference, current in (
            ({"digest": digest, "whole": False}, False),
            ({"digest": digest, "whole": True}, True),  # other classes, perhaps: that stays so
            ({"digest": "d" * 64, "whole": False}, True),
            ({"digest": "unknown:3", "whole": False}, True),
        ):
            write_document(tmp_path / VERDICT, {**references, name: reference})
            assert is_current(outputs, context) == current
    write_document(tmp_path / VERDICT, {**references, "best": {"digest": digest, "whole": False}})
    assert is_current(outputs, dataclasses.replace(context, serving_dir=None))
    (folder / "saved_model.pb").write_bytes(b"other")
    assert is_current(outputs, context)


def test_own_slices_are_part_of_what_the_step_depends_on() -> None:
    config = Config(slices=("span", "data.base.content_hash:hash_images"))
    assert depends(config).modules == ("data.base.content_hash",)


@pytest.mark.slow
def test_examples_that_are_not_all_seen_give_no_verdict(
    examples: Examples, good: Model, tmp_path: Path
) -> None:
    one, two, *rest = examples.counts["test"]
    claimed = dataclasses.replace(examples, counts={"test": (one - 1, two + 1, *rest)})
    with pytest.raises(StepError, match="did not count every example"):
        run(Inputs(examples=claimed, model=good), Config(), Context(output_dir=tmp_path))
    assert not (tmp_path / VERDICT).exists()


@pytest.mark.slow
def test_a_bundle_that_changed_is_not_judged(
    examples: Examples, good: Model, tmp_path: Path
) -> None:
    shutil.copytree(good.path, tmp_path / "model")
    changed = dataclasses.replace(good, path=tmp_path / "model")
    with (changed.bundle / "saved_model.pb").open("ab") as file:
        file.write(b"\0")
    for wrong in (changed, dataclasses.replace(good, digest="0" * 64)):
        with pytest.raises(BadDataError):
            run(Inputs(examples=examples, model=wrong), Config(), Context(output_dir=tmp_path))
    assert not (tmp_path / VERDICT).exists()


SPEC = ImageSpec(height=8, width=8, channels=1, class_names=("one", "two", "three"))


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (Config(split="tset"), ConfigError, "did you mean 'test'"),
        (Config(split="train"), BadDataError, "is empty"),
        (Config(paired=(Paired(margin=0.1, on="thre"),)), ConfigError, "did you mean 'three'"),
        (
            Config(thresholds=(Threshold(metric="loss", at_most=1, on="span=2"),)),
            ConfigError,
            "neither a class nor a slice",
        ),
    ],
)
def test_what_cannot_be_judged_is_said_before_the_analysis(
    config: Config, error: type[PenstockError], words: str, tmp_path: Path
) -> None:
    examples = Examples(path=tmp_path, spec=SPEC, counts={"test": (1,) * 3, "train": (0,) * 3})
    model = Model(path=tmp_path, spec=SPEC, digest="d1")
    with pytest.raises(error, match=words):
        run(Inputs(examples=examples, model=model), config, Context(output_dir=tmp_path))


@pytest.mark.parametrize("change", [{"class_names": ("two", "one", "three")}, {"width": 9}])
def test_other_images_than_the_models_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    examples = Examples(path=tmp_path, spec=SPEC, counts={"test": (1,) * 3})
    model = Model(path=tmp_path, spec=dataclasses.replace(SPEC, **change), digest="d1")
    with pytest.raises(BadDataError, match="images of another size"):
        run(Inputs(examples=examples, model=model), Config(), Context(output_dir=tmp_path))
