"""Let each step check its settings and expected inputs before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from components.artifacts import ExpectedExamples
from pipeline.config import graph_checks
from pipeline.config.graph import Input, PipelineConfig, Ref, Step, as_refs


def check_whole(pipeline: PipelineConfig) -> None:
    """Check a pipeline all of whose steps are to run. Raises ConfigError."""
    graph_checks.check(pipeline)
    names = [step.name for step in pipeline.steps]
    check(pipeline.steps, names, {}, thorough=False)


def check(
    steps: Sequence[Step],
    wanted: Collection[str],
    made: Mapping[Ref, ExpectedExamples],
    *,
    thorough: bool,
) -> list[tuple[str, str]]:
    """Let each step that is to run check its settings, and what is known of its inputs.

    Args:
        steps: in order, from the first of the pipeline.
        wanted: names of the steps that are to run.
        made: what is known of examples that exist already.
        thorough: whether components may import what they import when they run: where they run in
            this process, at once.

    Returns:
        Warnings, each with its step's name; only where `thorough`.

    Raises:
        ConfigError: a step would fail.
        EnvironmentTrouble: a step would fail for want of a device; only where `thorough`.
    """
    expected, warnings = dict(made), list[tuple[str, str]]()
    for step in steps:
        component, inputs = step.load(), _select_inputs(step, expected)
        check_expected = getattr(component, "check_expected", None)
        if check_expected and step.name in wanted:
            texts = check_expected(step.config, inputs, thorough=thorough)
            warnings += [(step.name, text) for text in texts or ()]
        expect_outputs = getattr(component, "expect_outputs", None)
        if expect_outputs and not any(ref.step == step.name for ref in made):
            outputs = expect_outputs(step.config, inputs, thorough=thorough and step.name in wanted)
            expected |= {Ref(step.name, name): examples for name, examples in outputs.items()}
    return warnings


def _select_inputs(step: Step, expected: Mapping[Ref, ExpectedExamples]) -> dict[str, Any]:
    """Select what is known of each input; a tuple where the input is a list of artifacts."""
    return {
        name: _select(value, expected)
        for name, value in step.inputs.items()
        if all(ref in expected for ref in as_refs(value))
    }


def _select(value: Input, expected: Mapping[Ref, ExpectedExamples]) -> Any:
    examples = tuple(expected[ref] for ref in as_refs(value))
    return examples[0] if isinstance(value, Ref) else examples
