"""Apply a config file and `--set` to a recipe's config, in this order."""

from __future__ import annotations

import copy
import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from data.errors import ConfigError, suggest_names
from pipeline.config.convert import from_plain, to_plain
from pipeline.config.graph import PipelineConfig

Overrides = Mapping[str, Any]  # {"seed": 1, "train": {"epochs": 3}}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a config file. Raises ConfigError where it is missing or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}", got=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} is not TOML", got=error) from error


def apply_overrides(pipeline: PipelineConfig, overrides: Overrides) -> PipelineConfig:
    """Change some values of a pipeline; each is converted to its field's type.

    Raises:
        ConfigError: an unknown step or key, with the close matches; a value of the wrong type.
    """
    steps = {step.name: step for step in pipeline.steps}
    seed = pipeline.seed
    for name, value in overrides.items():
        if name == "seed":
            seed = from_plain(value, int, "seed")
        elif name == "name" and value == pipeline.name:
            continue  # `penstock config` prints it
        elif name in steps and isinstance(value, Mapping):
            merged = _merge(to_plain(steps[name].config), to_plain(value))
            config = from_plain(merged, type(steps[name].config), name)
            steps[name] = dataclasses.replace(steps[name], config=config)
        elif name in steps:
            raise ConfigError(
                f"{name} is a step, not a value", expected=f"{name}.KEY = …", got=repr(value)
            )
        else:
            keys = find_keys(pipeline, name)
            remedy = " or ".join(f"{key}=…" for key in keys)
            raise ConfigError(
                f"unknown config key {name!r}",
                remedy=remedy or suggest_names(name, [*steps, "seed"]),
            )
    return dataclasses.replace(pipeline, seed=seed, steps=tuple(steps.values()))


def find_keys(pipeline: PipelineConfig, name: str) -> list[str]:
    """Find the steps' keys of this name, with their step: `train.epochs` for `epochs`."""
    keys = ((step.name, f.name) for step in pipeline.steps for f in fields(step.config))
    return [f"{step}.{key}" for step, key in keys if key == name]


def apply_settings(pipeline: PipelineConfig, settings: Iterable[str]) -> PipelineConfig:
    """Apply `a.b=c` settings in order; c is TOML where that fits the field, else text.

    Items of a list need no quotes, [a,b]: a shell removes them.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"invalid --set {setting!r}",
                expected="KEY=VALUE",
                remedy="write --set train.epochs=3",
            )
        readings = [*_parse_toml(text), *_parse_unquoted_list(text), text]
        pipeline = _set(pipeline, key.strip().split("."), readings)
    return pipeline


def _set(pipeline: PipelineConfig, keys: list[str], readings: list[Any]) -> PipelineConfig:
    """Set the first reading that fits; if none does, raise the first one's error."""
    problems = []
    for reading in readings:
        try:
            return apply_overrides(pipeline, _nested(keys, reading))
        except ConfigError as error:
            problems.append(error)
    raise problems[0]


def _parse_toml(text: str) -> list[Any]:
    try:
        return [tomllib.loads(f"value = {text}")["value"]]
    except tomllib.TOMLDecodeError:
        return []


def _parse_unquoted_list(text: str) -> list[Any]:
    """Parse a list whose quotes the shell removed, [a,b]."""
    listed = re.fullmatch(r"\[([^\[\]{}\"'=]*)\]", text.strip())
    return [[item.strip() for item in listed[1].split(",")]] if listed and listed[1].strip() else []


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def _merge(base: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(base)
    for key, value in changes.items():
        inside = merged.get(key)
        deeper = isinstance(value, Mapping) and isinstance(inside, dict)
        merged[key] = _merge(inside, value) if deeper else value
    return merged  # type: ignore[no-any-return]
