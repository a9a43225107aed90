"""Evaluate: judge the candidate's exported signature over the raw test split, and say why.

The answer is `verdict.json`: passed, failed, or not configured where no threshold is set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from components.artifacts import Examples, Model, Verdict
from components.context import Context
from data.durable import write_json
from data.errors import BadDataError, ConfigError, did_you_mean

VERDICT = "verdict.json"
OVERALL = "overall"
EACH_CLASS = "each class"


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What a metric must reach: exactly one of `at_least` and `at_most`, both inclusive.

    Raises:
        ConfigError: neither bound or both, a bound that no value could pass or fail.
    """

    metric: Literal["accuracy", "loss"]
    at_least: float | None = None
    at_most: float | None = None
    # "overall", "each class", or the name of one class
    on: str = OVERALL

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        highest = {"accuracy": 1.0, "loss": math.inf}
        if self.metric not in highest:
            raise ConfigError(
                f"no metric {self.metric!r}", remedy=did_you_mean(self.metric, highest)
            )
        if len(bounds) != 1:
            raise ConfigError(
                f"a threshold on {self.metric} needs one bound",
                expected="at_least or at_most",
                got="both" if bounds else "neither",
                remedy="set one of them in evaluate.thresholds",
            )
        if not (math.isfinite(bounds[0]) and 0 <= bounds[0] <= highest[self.metric]):
            raise ConfigError(
                f"a threshold on {self.metric} is out of range",
                expected="0 to 1" if self.metric == "accuracy" else "a number from 0",
                got=bounds[0],
                remedy="mend evaluate.thresholds",
            )

    @property
    def needed(self) -> str:
        """The bound in words."""
        return (
            f"at most {self.at_most:g}" if self.at_least is None else f"at least {self.at_least:g}"
        )


@dataclass(frozen=True, kw_only=True)
class Config:
    # the split to evaluate on
    split: str = "test"
    # all must hold for the model to pass; none: the gate is not configured, and nothing is pushed
    thresholds: tuple[Threshold, ...] = ()
    # of the intervals beside the proportions, 0 to 1
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ConfigError(
                "evaluate.confidence is out of range",
                expected="more than 0 and less than 1",
                got=self.confidence,
                remedy="write 0.95 for 95 %",
            )


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples
    model: Model


@dataclass(frozen=True, kw_only=True)
class Outputs:
    verdict: Verdict


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Measure with TensorFlow Model Analysis, hold against the thresholds, write the verdict.

    Raises:
        ConfigError: no such split, or a threshold on a class that the data does not have.
        BadDataError: an empty split, other classes than the model's, or a bundle whose bytes
            changed since it was trained.
        StepError: the analysis saw other examples than the split holds.
    """
    examples, model = inputs.examples, inputs.model
    _check(examples, model, config)

    from components.gate import judge
    from serving_export.manifest import verify_bundle

    verify_bundle(model.bundle, model.digest)

    from components.model_analysis import measure

    measured = measure(examples, config.split, model.bundle, context)
    verdict = judge(measured, config, model.digest)
    write_json(context.output_dir / VERDICT, verdict)
    return Outputs(
        verdict=Verdict(
            path=context.output_dir, status=verdict["status"], model_digest=model.digest
        )
    )


def _check(examples: Examples, model: Model, config: Config) -> None:
    if config.split not in examples.counts:
        raise ConfigError(
            f"the examples have no split {config.split!r}",
            remedy=did_you_mean(config.split, examples.counts),
        )
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
    for threshold in config.thresholds:
        if threshold.on not in (OVERALL, EACH_CLASS, *examples.spec.class_names):
            raise ConfigError(
                f"a threshold is set on {threshold.on!r}, which is no class of the data",
                remedy=did_you_mean(
                    threshold.on, (OVERALL, EACH_CLASS, *examples.spec.class_names)
                ),
            )
