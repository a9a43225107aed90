"""The graph of a pipeline: its steps, and what feeds them."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from components.context import Context, Depends
from data.code.import_path import load_module, load_object
from data.errors import ConfigError, did_you_mean


class Component(Protocol):
    """The shape that all components share: a module, or any object, with these four names.

    It may also have
    `depends(config) -> Depends`: code and files that the config names, for the fingerprint;
    `stamp(config, beam_args)`: a function that says, in a word that changes when it does, what the
    data outside is; None where nobody can say;
    `pin(config, inputs, context) -> config`: the config filled with what the step looks at outside
    the root, for the fingerprint; `inputs` are None while what feeds it is not made;
    `check_config(config)`: raises where its values do not fit together;
    `check_foreseen(config, inputs, thorough)`: raises where a step that is to run would fail, by
    what is known of its inputs before they are made; called before anything runs, and once more,
    `thorough`, when the first step begins: then it may import what `run` imports, and give words
    about what is worth a look;
    `foresee(config, inputs, thorough) -> {output: Foreseen}`: what is known of its examples;
    `check_inputs(config, made)`: raises where inputs that are made, by name, do not fit the config;
    called before anything runs and after each earlier step, so that no hour is lost;
    `is_current(outputs, context) -> bool`: whether what a cached step made outside the root stands;
    `locate(outputs, context) -> outputs`: of a cached step, with that named by where it lies now;
    `prepare()`: called when the step before begins, to start a process that takes long to be ready.
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
    """One component with its config and what feeds it."""

    name: str
    component: str  # a module, components.ingest, or an object in one, mine.steps:Blur
    config: Any  # the component's Config
    inputs: Mapping[str, Input] = field(default_factory=dict)
    part_of: str | None = None  # a later step, by whose name this one is meant too

    def load(self) -> Component:
        """The component; its heavy libraries are not imported by this."""
        if ":" in self.component:
            return typing.cast(Component, load_object(self.component))
        return typing.cast(Component, load_module(self.component, f"the step {self.name!r}"))

    def depends(self) -> Depends:
        hook = getattr(self.load(), "depends", None)
        found: Depends = hook(self.config) if hook else Depends()
        return found

    def modules(self) -> tuple[str, ...]:
        """Those that import paths name: the component's own, and its config's."""
        return (self.component.partition(":")[0], *self.depends().modules)

    def upstream(self) -> list[Ref]:
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
        found = (getattr(step.config, "model_name", None) for step in self.steps)
        return next((name for name in found if name), None)

    def step(self, name: str) -> Step:
        """Raises ConfigError, with the close matches, where there is no such step."""
        for step in self.steps:
            if step.name == name:
                return step
        raise ConfigError(
            f"pipeline {self.name!r} has no step {name!r}",
            remedy=did_you_mean(name, [s.name for s in self.steps]),
        )

    def parts(self, name: str) -> list[Step]:
        """The steps that are part of the one with this name, and it; raises as `step`."""
        named = self.step(name)
        return [*(step for step in self.steps if step.part_of == name), named]


def as_refs(value: Input) -> tuple[Ref, ...]:
    return (value,) if isinstance(value, Ref) else tuple(value)
