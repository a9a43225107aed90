"""Print a config as TOML that `--config` reads, with each key's meaning as a comment above it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from data.base.field_meanings import field_meanings
from pipeline.config.convert import to_plain
from pipeline.config.graph import PipelineConfig

_WIDTH = 80  # of comments


def to_toml(
    pipeline: PipelineConfig, recipe: PipelineConfig, beam: Mapping[str, Any] | None = None
) -> str:
    """Print the whole config as it would run.

    A key without a value is a comment, `#path =`. Where the recipe has a value, which would come
    back, it is `path = "none"`.

    Args:
        pipeline: the recipe's, with all that is set over it.
        recipe: what the recipe itself returns; `--config` reads the text over it.
        beam: the table of Beam's flags.
    """
    meanings = field_meanings(PipelineConfig)
    sections = [
        _comment(meanings.get(name)) + _dump({name: getattr(pipeline, name)})
        for name in ("name", "seed")
    ]
    for step in pipeline.steps:
        sections.append("\n")
        sections.append(_table((step.name,), step.config, recipe.step(step.name).config))
    if beam:
        sections += ["\n", _dump({"beam": dict(beam)})]
    return "".join(sections)


def plain_to_toml(config: Mapping[str, Any]) -> str:
    """Print a config in plain values, as a run's record has it; None is the word none."""
    return _dump(dict(config))


def _table(path: Sequence[str], config: Any, recipe: Any) -> str:
    """Print a dataclass as a table; tables in it stand last, as TOML needs it.

    `recipe` has the values that a missing key would have; None: the fields' defaults.
    """
    meanings, plain = field_meanings(type(config)), to_plain(config)
    header = _dump(_nested(path, {}))
    keys, tables = [header], []
    for field in dataclasses.fields(config):
        if field.name not in plain:
            continue
        value, comment = getattr(config, field.name), _comment(meanings.get(field.name))
        missing = getattr(recipe, field.name, field.default)
        if value is None and missing is None:
            keys.append(f"{comment}#{field.name} =\n")
        elif dataclasses.is_dataclass(value):
            tables += ["\n", comment, _table((*path, field.name), value, missing)]
        elif value == {}:
            keys.append(f"{comment}{field.name} = {{}}\n")
        else:
            text = _dump(_nested(path, {field.name: _listed(value)}))
            if text.startswith(header):
                keys += [comment, text.removeprefix(header)]
            else:
                tables += ["\n", comment, text]
    return "".join((*keys, *tables))


def _listed(value: Any) -> Any:
    """Make a plain value; dataclasses in a list lose the keys that are None by default."""
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return to_plain(value)
    defaults = {field.name: field.default for field in dataclasses.fields(value)}
    plain = to_plain(value)
    return {k: v for k, v in plain.items() if v is not None or defaults[k] is not None}


def _comment(meaning: str | None) -> str:
    wrapper = textwrap.TextWrapper(
        _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    lines = wrapper.wrap(meaning or "")
    return "".join(f"{line}\n" for line in lines)


def _nested(path: Sequence[str], value: dict[str, Any]) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return value


def _dump(plain: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(_write_none(plain))


def _write_none(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _write_none(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_write_none(value) for value in plain]
    return "none" if plain is None else plain
