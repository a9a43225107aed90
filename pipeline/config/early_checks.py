"""What the steps would run into, known before any of them does: names, import paths, classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from components.artifacts import Foreseen
from pipeline.config import graph_checks
from pipeline.config.graph import Input, PipelineConfig, Ref, Step, as_refs


def check_whole(pipeline: PipelineConfig) -> None:
    """All that can be known of a pipeline whose every step is to run. Raises ConfigError."""
    graph_checks.check(pipeline)
    names = [step.name for step in pipeline.steps]
    check(pipeline.steps, names, {}, thorough=False)


def check(
    steps: Sequence[Step],
    wanted: Collection[str],
    made: Mapping[Ref, Foreseen],
    *,
    thorough: bool,
) -> list[tuple[str, str]]:
    """Let each step that is to run look at its settings, and at what is known of its inputs.

    Args:
        steps: in order, from the first of the pipeline.
        wanted: names of those that are to run.
        made: what is known of examples that are made.
        thorough: whether what the components import when they run may be imported: where they run
            in this process, at once.

    Returns:
        What is worth a look, each with its step's name; only where `thorough`.

    Raises:
        ConfigError: one of them would fail.
        EnvironmentTrouble: so it would, `thorough`, for want of a device.
    """
    known, warnings = dict(made), list[tuple[str, str]]()
    for step in steps:
        component, inputs = step.load(), _inputs(step, known)
        check_foreseen = getattr(component, "check_foreseen", None)
        if check_foreseen and step.name in wanted:
            said = check_foreseen(step.config, inputs, thorough=thorough)
            warnings += [(step.name, words) for words in said or ()]
        foresee = getattr(component, "foresee", None)
        if foresee and not any(ref.step == step.name for ref in made):
            found = foresee(step.config, inputs, thorough=thorough and step.name in wanted)
            known |= {Ref(step.name, output): what for output, what in found.items()}
    return warnings


def _inputs(step: Step, known: Mapping[Ref, Foreseen]) -> dict[str, Any]:
    """Of each input what is known of it, a tuple where it is a list of artifacts."""
    return {
        name: _of(value, known) for name, value in step.inputs.items() if _is_known(value, known)
    }


def _is_known(value: Input, known: Mapping[Ref, Foreseen]) -> bool:
    return all(ref in known for ref in as_refs(value))


def _of(value: Input, known: Mapping[Ref, Foreseen]) -> Any:
    found = tuple(known[ref] for ref in as_refs(value))
    return found[0] if isinstance(value, Ref) else found
