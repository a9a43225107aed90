"""Evaluate: judge the candidate's exported signature over the raw test split, and say why.

The answer is `verdict.json`: passed, failed, or not configured where no threshold is set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artifacts import Examples, ExpectedExamples, Model, Verdict
from components.context import Context, Depends
from components.evaluate.config import Config
from components.evaluate.rules import check_slices, check_subjects, slice_features
from data.code.import_path import load_object
from data.code.user_object import check_call, check_object
from data.errors import BadDataError, ConfigError, suggest_names
from data.files.documents import read_document, write_document
from serving_export.bundle.model_trust import TrustCheck
from serving_export.model_store.baseline import find_reference_models, find_version

VERDICT = "verdict.json"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples
    model: Model


@dataclass(frozen=True, kw_only=True)
class Outputs:
    verdict: Verdict


def depends(config: Config) -> Depends:
    return Depends(modules=tuple(path.partition(":")[0] for path in config.own_code))


def check_expected(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> None:
    """Hold the config against what is known of the examples, before there are any.

    Raises:
        ConfigError: no such split; a rule on something that the data does not have; a function of
            a slice that cannot be had.
    """
    for path in config.own_code:
        check_object(path)
        if thorough:
            check_call(load_object(path), path, "a function of images", 1)
    examples = inputs.get("examples", ExpectedExamples())
    if examples.splits is not None:
        _check_split(config.split, examples.splits)
    if examples.class_names is not None:
        check_subjects(config.rules, examples.class_names, config.slices)


def _check_split(split: str, known: Collection[str]) -> None:
    if split not in known:
        raise ConfigError(
            f"the examples have no split {split!r}", remedy=suggest_names(split, known)
        )


def pin(config: Config, inputs: Inputs | None, context: Context) -> Config:
    """The config with what serves now, and the best ever pushed, named by digest.

    `inputs` are None until they are made.
    """
    folder = context.model_dir
    if config.against is not None or config.baseline == "none" or folder is None:
        return config
    candidate = inputs.model.bundle if inputs else None
    found = find_reference_models(folder, candidate)
    untrusted = {
        digest: why
        for digest in dict.fromkeys((found.baseline, found.best))
        if (why := _untrusted(folder, digest, context.vouch))
    }
    return dataclasses.replace(config, against=dataclasses.replace(found, untrusted=untrusted))


def _untrusted(model_dir: Path, digest: str, vouch: TrustCheck) -> str:
    """Why a version of ours may not be loaded, and what to do; "" where it may, or is not there."""
    version = find_version(model_dir, digest) if not digest.startswith("unmanaged:") else None
    if version is None:
        return ""
    try:
        vouch(version[1], digest)
    except BadDataError as error:
        return f"{error.what}; {error.remedy}"
    return ""


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Measure with TensorFlow Model Analysis, hold against the rules, write the verdict.

    The model that serves, and the best ever pushed, are measured in the same pass.

    Raises:
        ConfigError: no such split, a rule on something that the data does not have, or a function
            of a slice that cannot be had.
        BadDataError: an empty split, other classes than the model's, or a bundle whose bytes
            changed since it was trained.
        StepError: the analysis saw other examples than the split holds.
    """
    examples, model = inputs.examples, inputs.model
    config = _with_replaced(pin(config, inputs, context), inputs, context)
    check_inputs(config, {"examples": examples})
    _check(examples, model, config)

    from serving_export.bundle.manifest import verify_bundle

    verify_bundle(model.bundle, model.digest)

    from components.evaluate.assess import assess

    verdict = assess(examples, model, config, context)
    write_document(context.output_dir / VERDICT, verdict)
    return Outputs(
        verdict=Verdict(
            path=context.output_dir,
            status=verdict["status"],
            model_digest=model.digest,
            baseline_digest=config.against.baseline if config.against else None,
        )
    )


def _with_replaced(config: Config, inputs: Inputs, context: Context) -> Config:
    """When the step was planned, the candidate may not have been trained: is it an old model?"""
    if config.against is None or context.model_dir is None:
        return config
    found = config.against
    replaced = (
        found.replaced or find_reference_models(context.model_dir, inputs.model.bundle).replaced
    )
    return dataclasses.replace(config, against=dataclasses.replace(found, replaced=replaced))


def is_current(outputs: Outputs, context: Context) -> bool:
    """Whether what could not be asked, being damaged or gone, still is: else the verdict is due."""
    folder = context.model_dir
    if folder is None:
        return True
    verdict = read_document(outputs.verdict.path / VERDICT)
    named = [verdict[name] for name in ("baseline", "best") if verdict[name]]
    damaged = [reference["digest"] for reference in named if not reference["whole"]]
    if not damaged:
        return True
    from components.evaluate.references import is_whole

    return not any(is_whole(folder, digest) for digest in damaged)


def check_inputs(config: Config, made: Mapping[str, Any]) -> None:
    """Hold the config against the examples as soon as there are any, before a model is trained.

    Raises:
        ConfigError: no such split; a rule or a slice on something that the data does not have.
        BadDataError, EnvironmentTrouble: the examples cannot be read.
    """
    examples: Examples | None = made.get("examples")
    if examples is None:
        return
    _check_split(config.split, examples.counts)
    check_subjects(config.rules, examples.spec.class_names, config.slices)
    if by_feature := slice_features(config.slices):
        from data.examples.features import find_features

        check_slices(config.slices, find_features(examples, config.split, by_feature))


def _check(examples: Examples, model: Model, config: Config) -> None:
    if not examples.num_examples(config.split):
        raise BadDataError(
            f"the split {config.split!r} is empty",
            expected="labelled images to judge the model by",
            remedy="see what ingest read",
        )
    if examples.spec != model.spec:
        raise BadDataError(
            "the model was trained on other images than it is to be judged by",
            expected=model.spec,
            got=examples.spec,
        )
