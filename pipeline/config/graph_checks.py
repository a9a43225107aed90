"""Check a pipeline's graph before anything runs, and select the steps to run."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from data.code.import_path import OUR_PACKAGES
from data.errors import ConfigError, suggest_names
from pipeline.config import secrets
from pipeline.config.convert import check_types, to_plain
from pipeline.config.graph import PipelineConfig, Ref, Step, as_refs

_GREATEST_SEED = 2**31 - 1  # that NumPy, Keras and TensorFlow all take


def check(pipeline: PipelineConfig) -> None:
    """Check names, the seed, configs and inputs.

    Raises:
        ConfigError: an invalid name, a seed out of range, two steps of one name, an unknown
            component, a config of another component, values that contradict one another, or an
            input that is missing, unknown, of the wrong type, or of no earlier step.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", pipeline.name):
        raise ConfigError(
            f"invalid pipeline name {pipeline.name!r}",
            expected="letters, digits, _ . and -, not beginning with . or -: folders get this name",
        )
    if not 0 <= pipeline.seed <= _GREATEST_SEED:
        raise ConfigError(
            "seed is out of range", expected=f"0 to {_GREATEST_SEED}", got=pipeline.seed
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
    if type(step.config).__module__.partition(".")[0] in OUR_PACKAGES:
        check_types(step.config, step.name)  # which Python has let pass in a recipe
    secrets.refuse_secrets_in_config(step.name, to_plain(step.config))
    check_config = getattr(component, "check_config", None)
    if check_config:
        check_config(step.config)


def _check_inputs(step: Step, earlier: Mapping[str, Step]) -> None:
    wanted = {f.name: f for f in dataclasses.fields(step.load().Inputs)}
    hints = typing.get_type_hints(step.load().Inputs)
    for name in step.inputs:
        if name not in wanted:
            raise ConfigError(
                f"step {step.name!r} has no input {name!r}", remedy=suggest_names(name, wanted)
            )
    for name, spec in wanted.items():
        if name not in step.inputs:
            if spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
                raise ConfigError(
                    f"step {step.name!r}: the input {name!r} is missing",
                    expected=_name_type(hints[name]),
                    remedy=f"set it in the recipe: inputs={{{name!r}: Ref(STEP, OUTPUT)}}",
                )
            continue
        value = step.inputs[name]
        many = get_origin(hints[name]) is tuple
        if many == isinstance(value, Ref):
            raise ConfigError(
                f"step {step.name!r}, input {name!r}: wrong number of artifacts",
                expected=_name_type(hints[name]),
                got="one artifact" if many else "a list of artifacts",
            )
        element = get_args(hints[name])[0] if many else hints[name]
        for ref in as_refs(value):
            _check_ref(step, name, ref, element, earlier)


def _check_ref(step: Step, name: str, ref: Ref, wanted: Any, earlier: Mapping[str, Step]) -> None:
    where = f"step {step.name!r}, input {name!r}"
    if ref.step not in earlier:
        raise ConfigError(
            f"{where}: there is no earlier step {ref.step!r}",
            remedy=suggest_names(ref.step, earlier),
        )
    outputs = typing.get_type_hints(earlier[ref.step].load().Outputs)
    if ref.output not in outputs:
        raise ConfigError(
            f"{where}: step {ref.step!r} has no output {ref.output!r}",
            remedy=suggest_names(ref.output, outputs),
        )
    types = [t for t in (get_args(wanted) or (wanted,)) if t is not type(None)]
    if not any(isinstance(t, type) and issubclass(outputs[ref.output], t) for t in types):
        raise ConfigError(
            f"{where}: wrong type of artifact",
            expected=_name_type(wanted),
            got=f"{_name_type(outputs[ref.output])} from {ref}",
        )


def _name_type(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of {_name_type(get_args(kind)[0])}"
    return getattr(kind, "__name__", str(kind))


def select(
    pipeline: PipelineConfig,
    *,
    only: str | None = None,
    first: str | None = None,
    last: str | None = None,
) -> Sequence[Step]:
    """Select the steps from `first` to `last`, or just `only`, in order.

    Raises:
        ConfigError: an unknown name, `only` together with the others, or `last` before `first`.
    """
    if only and (first or last):
        raise ConfigError("--only cannot be combined with --from or --until")
    names = [s.name for s in pipeline.steps]
    begin, end = only or first or names[0], only or last or names[-1]
    start = pipeline.steps.index(pipeline.parts(begin)[0])
    stop = pipeline.steps.index(pipeline.step(end))
    if stop < start:
        raise ConfigError(
            f"the step of --until {last} comes before that of --from {first}",
            expected=" → ".join(names),
        )
    return pipeline.steps[start : stop + 1]
