"""Define the graph of a pipeline: its steps and their inputs."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from components.context import Context, Depends
from data.code.import_path import load_module, load_object
from data.errors import ConfigError, suggest_names


class Component(Protocol):
    """The names that every component has, be it a module or any object.

    It may also have
    `depends(config) -> Depends`: code and files that the config names, for the fingerprint;
    `modules(config) -> modules`: the code alone, where listing the files takes long;
    `stamp(config, beam_args)`: a function that returns a text which changes when the data outside
    does; None where there is no such text;
    `pin(config, inputs, context) -> config`: fills the config with the state outside the root that
    the step depends on, for the fingerprint; `inputs` is None while an input does not exist;
    `check_config(config)`: raises where values contradict one another;
    `check_expected(config, inputs, thorough)`: raises where a step that is to run would fail,
    judged by what is known of its inputs before they exist; called before anything runs, and again
    with `thorough` when the first step begins: then it may import what `run` imports, and return
    warnings;
    `expect_outputs(config, inputs, thorough) -> {output: ExpectedExamples}`: what is known of its
    examples before they exist;
    `check_inputs(config, made)`: raises where existing inputs, by name, do not fit the config;
    called before anything runs and after each earlier step, so that no time is lost;
    `is_current(outputs, context) -> bool`: whether what a cached step wrote outside the root is
    still there;
    `locate(outputs, context) -> outputs`: the outputs of a cached step with the paths of today;
    `prepare()`: called when the step before begins, to start a process that takes long to start.
    """

    Config: type[Any]
    Inputs: type[Any]
    Outputs: type[Any]

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any: ...


@dataclass(frozen=True)
class Ref:
    """An output of an earlier step, as an input of a later one."""

    step: str
    output: str

    def __str__(self) -> str:
        return f"{self.step}.{self.output}"


Input = Ref | tuple[Ref, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One component with its config and its inputs."""

    name: str
    component: str  # a module, components.ingest, or an object in a module, mine.steps:Blur
    config: Any  # the component's Config
    inputs: Mapping[str, Input] = field(default_factory=dict)
    part_of: str | None = None  # a later step, whose name selects this one too

    def load(self) -> Component:
        """Import the component, but not its heavy libraries."""
        if ":" in self.component:
            return typing.cast(Component, load_object(self.component))
        return typing.cast(Component, load_module(self.component, f"the step {self.name!r}"))

    def depends(self) -> Depends:
        """Ask the component which code and files its config names."""
        hook = getattr(self.load(), "depends", None)
        depends: Depends = hook(self.config) if hook else Depends()
        return depends

    def modules(self) -> tuple[str, ...]:
        """List the modules that import paths name: the component's and its config's."""
        hook = getattr(self.load(), "modules", None)
        named = hook(self.config) if hook else self.depends().modules
        return (self.component.partition(":")[0], *named)

    def upstream(self) -> list[Ref]:
        """List the outputs of earlier steps that this one takes."""
        return [ref for value in self.inputs.values() for ref in as_refs(value)]


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """A whole pipeline: what a recipe returns. Steps stand in the order in which they run."""

    name: str
    """Names the pipeline in lists of runs: letters, digits, _, . and -."""
    seed: int = 0
    """Seed of all that is random: first weights, order of images, augmentation."""
    steps: tuple[Step, ...]

    @property
    def model_name(self) -> str | None:
        """The folder under the serving directory that the pipeline pushes to, if it pushes."""
        names = (getattr(step.config, "model_name", None) for step in self.steps)
        return next((name for name in names if name), None)

    def step(self, name: str) -> Step:
        """Find a step. Raises ConfigError, with the close matches, where there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise ConfigError(
            f"pipeline {self.name!r} has no step {name!r}",
            remedy=suggest_names(name, [s.name for s in self.steps]),
        )

    def parts(self, name: str) -> list[Step]:
        """Find a step and, before it, those that are part of it; raises as `step`."""
        whole = self.step(name)
        return [*(step for step in self.steps if step.part_of == name), whole]


def as_refs(value: Input) -> tuple[Ref, ...]:
    return (value,) if isinstance(value, Ref) else tuple(value)
