"""The graph of a pipeline: steps, what feeds them, and every check before anything runs."""

from __future__ import annotations

import dataclasses
import importlib
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args, get_origin

from components.context import Context, Depends
from data.errors import ConfigError, did_you_mean
from data.import_path import load_object


class Component(Protocol):
    """The shape that all components share: a module, or any object, with these four names.

    It may also have
    `depends(config) -> Depends`: code and files that the config names, for the fingerprint;
    `pin(config, inputs, context) -> config`: the config filled with what the step looks at outside
    the root, for the fingerprint; `inputs` are None while what feeds it is not made;
    `check_config(config)`: raises where its values do not fit together;
    `check_inputs(config, made)`: raises where inputs that are made, by name, do not fit the config;
    called before anything runs and after each earlier step, so that no hour is lost;
    `is_current(outputs, context) -> bool`: whether what a cached step made outside the root stands;
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
        try:
            return typing.cast(Component, importlib.import_module(self.component))
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"step {self.name!r}: no component {self.component!r}", got=str(error)
            ) from error

    def depends(self) -> Depends:
        hook = getattr(self.load(), "depends", None)
        found: Depends = hook(self.config) if hook else Depends()
        return found

    def upstream(self) -> list[Ref]:
        return [ref for value in self.inputs.values() for ref in as_refs(value)]


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """A whole pipeline: what a recipe returns. Steps stand in the order in which they run."""

    name: str
    seed: int = 0
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


def check(pipeline: PipelineConfig) -> None:
    """Everything that can be known before anything runs.

    Raises:
        ConfigError: a name that cannot be a folder's, a step twice, an unknown component, config of
            another component or values that do not fit together, an input that is missing, unknown,
            of the wrong type, or comes from no earlier step.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", pipeline.name):
        raise ConfigError(
            f"{pipeline.name!r} cannot name a pipeline: its runs' folders are called by it",
            expected="letters, digits, _ . and -, not beginning with . or -",
        )
    earlier: dict[str, Step] = {}
    for step in pipeline.steps:
        if step.name in earlier:
            raise ConfigError(f"pipeline {pipeline.name!r} has two steps named {step.name!r}")
        _check_component(step)
        _check_inputs(step, earlier)
        earlier[step.name] = step


def _check_component(step: Step) -> None:
    component = step.load()
    missing = [n for n in ("Config", "Inputs", "Outputs", "run") if not hasattr(component, n)]
    if missing:
        raise ConfigError(
            f"step {step.name!r}: {step.component!r} is not a component",
            expected="Config, Inputs, Outputs and run",
            got=f"no {', no '.join(missing)}",
        )
    if not isinstance(step.config, component.Config):
        raise ConfigError(
            f"step {step.name!r} has the config of another component",
            expected=f"{step.component}.Config",
            got=f"{type(step.config).__module__}.{type(step.config).__qualname__}",
        )
    check_config = getattr(component, "check_config", None)
    if check_config:
        check_config(step.config)


def _check_inputs(step: Step, earlier: Mapping[str, Step]) -> None:
    wanted = {f.name: f for f in dataclasses.fields(step.load().Inputs)}
    hints = typing.get_type_hints(step.load().Inputs)
    for name in step.inputs:
        if name not in wanted:
            raise ConfigError(
                f"step {step.name!r} takes no input {name!r}", remedy=did_you_mean(name, wanted)
            )
    for name, spec in wanted.items():
        if name not in step.inputs:
            if spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
                raise ConfigError(
                    f"step {step.name!r} lacks its input {name!r}",
                    expected=_words(hints[name]),
                    remedy=f"name the step whose output it is in the recipe: {name}=Ref(…)",
                )
            continue
        value = step.inputs[name]
        many = get_origin(hints[name]) is tuple
        if many == isinstance(value, Ref):
            raise ConfigError(
                f"step {step.name!r}, input {name!r}",
                expected=_words(hints[name]),
                got="one artifact" if many else "a list of artifacts",
            )
        element = get_args(hints[name])[0] if many else hints[name]
        for ref in as_refs(value):
            _check_ref(step, name, ref, element, earlier)


def _check_ref(step: Step, name: str, ref: Ref, wanted: Any, earlier: Mapping[str, Step]) -> None:
    where = f"step {step.name!r}, input {name!r}"
    if ref.step not in earlier:
        raise ConfigError(
            f"{where}: no earlier step {ref.step!r} makes it",
            remedy=did_you_mean(ref.step, earlier),
        )
    made = typing.get_type_hints(earlier[ref.step].load().Outputs)
    if ref.output not in made:
        raise ConfigError(
            f"{where}: step {ref.step!r} has no output {ref.output!r}",
            remedy=did_you_mean(ref.output, made),
        )
    types = [t for t in (get_args(wanted) or (wanted,)) if t is not type(None)]
    if not any(isinstance(t, type) and issubclass(made[ref.output], t) for t in types):
        raise ConfigError(
            f"{where}", expected=_words(wanted), got=f"{_words(made[ref.output])} from {ref}"
        )


def _words(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of {_words(get_args(kind)[0])}"
    return getattr(kind, "__name__", str(kind))


def select(
    pipeline: PipelineConfig,
    *,
    only: str | None = None,
    first: str | None = None,
    last: str | None = None,
) -> Sequence[Step]:
    """The steps from `first` to `last`, or just `only`, in order.

    Raises:
        ConfigError: an unknown name, `only` beside the others, or `last` before `first`.
    """
    if only and (first or last):
        raise ConfigError("--only cannot stand beside --from or --until")
    names = [s.name for s in pipeline.steps]
    begin, end = only or first or names[0], only or last or names[-1]
    start = pipeline.steps.index(pipeline.parts(begin)[0])
    stop = pipeline.steps.index(pipeline.step(end))
    if stop < start:
        raise ConfigError(f"--until {last} comes before --from {first}", expected=" → ".join(names))
    return pipeline.steps[start : stop + 1]
