"""Evaluate: judge the candidate's exported signature over the raw test split, and say why.

The answer is `verdict.json`: passed, failed, or not configured where no threshold is set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from components.artifacts import Examples, Model, Verdict
from components.context import Context, Depends
from components.gate.allowed import Allowed
from components.gate.rules import DEFAULT_PAIRED, Change, Paired, Threshold, check_subjects
from components.served import Against, against
from data.durable import write_json
from data.errors import BadDataError, ConfigError, did_you_mean
from serving_export.versions import model_folder

VERDICT = "verdict.json"


@dataclass(frozen=True, kw_only=True)
class Config:
    # the split to evaluate on
    split: str = "test"
    # floors and ceilings; none: the gate is not configured, and nothing is pushed
    thresholds: tuple[Threshold, ...] = ()
    # how much worse than the baseline's a metric may be, chance aside
    changes: tuple[Change, ...] = ()
    # accuracy on the same images, against the baseline and the best of the last pushes
    paired: tuple[Paired, ...] = DEFAULT_PAIRED
    # how far the rules that always hold give way
    allowed: Allowed = Allowed()  # noqa: RUF009  (frozen)
    # further slices: features of the examples, "brightness", or import paths of functions of images
    slices: tuple[str, ...] = ()
    # images that a slice must have for a rule on it to be answered
    min_examples: int = 20
    # serving: the model that serves now; none: absolute rules alone decide
    baseline: Literal["serving", "none"] = "serving"
    # how many pushes "the best" is of; 0: none
    best_of_last: int = 5
    # of the intervals beside the numbers, 0 to 1
    confidence: float = 0.95
    # found when the step is planned, by `baseline`
    against: Against | None = None

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ConfigError(
                "evaluate.confidence is out of range",
                expected="more than 0 and less than 1",
                got=self.confidence,
                remedy="write 0.95 for 95 %",
            )
        for name, least in (("min_examples", 1), ("best_of_last", 0)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"evaluate.{name} is out of range",
                    expected=f"{least} or more",
                    got=getattr(self, name),
                )

    @property
    def own_code(self) -> tuple[str, ...]:
        """The import paths of functions that make slices."""
        return tuple(name for name in self.slices if ":" in name)

    @property
    def rules(self) -> tuple[Threshold | Change | Paired, ...]:
        return (*self.thresholds, *self.changes, *self.paired)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples
    model: Model


@dataclass(frozen=True, kw_only=True)
class Outputs:
    verdict: Verdict


def depends(config: Config) -> Depends:
    return Depends(modules=tuple(path.partition(":")[0] for path in config.own_code))


def pin(config: Config, inputs: Inputs | None, context: Context) -> Config:
    """The config with what serves now named by digest; `inputs` are None until they are made."""
    if config.against is not None or config.baseline == "none":
        return config
    if context.serving_dir is None or context.model_name is None:
        return config
    folder = model_folder(context.serving_dir, context.model_name)
    candidate = inputs.model.digest if inputs else None
    return dataclasses.replace(config, against=against(folder, candidate, config.best_of_last))


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Measure with TensorFlow Model Analysis, hold against the rules, write the verdict.

    The model that serves, and the best of the last pushes, are measured in the same pass.

    Raises:
        ConfigError: no such split, a rule on something that the data does not have, or a function
            of a slice that cannot be had.
        BadDataError: an empty split, other classes than the model's, or a bundle whose bytes
            changed since it was trained.
        StepError: the analysis saw other examples than the split holds.
    """
    examples, model = inputs.examples, inputs.model
    config = pin(config, inputs, context)
    check_inputs(config, {"examples": examples})
    _check(examples, model, config)

    from serving_export.manifest import verify_bundle

    verify_bundle(model.bundle, model.digest)

    from components.gate.assess import assess

    verdict = assess(examples, model, config, context)
    write_json(context.output_dir / VERDICT, verdict)
    return Outputs(
        verdict=Verdict(
            path=context.output_dir,
            status=verdict["status"],
            model_digest=model.digest,
            baseline_digest=config.against.baseline if config.against else None,
        )
    )


def check_inputs(config: Config, made: Mapping[str, Any]) -> None:
    """Hold the config against the examples as soon as there are any, before a model is trained.

    Raises:
        ConfigError: no such split; a rule on something that the data does not have.
    """
    examples: Examples | None = made.get("examples")
    if examples is None:
        return
    if config.split not in examples.counts:
        raise ConfigError(
            f"the examples have no split {config.split!r}",
            remedy=did_you_mean(config.split, examples.counts),
        )
    check_subjects(config.rules, examples.spec.class_names, config.slices)


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
