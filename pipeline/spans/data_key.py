"""Whether there is anything new: a digest of what a run would read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.base.input_files import stamps
from data.errors import EnvironmentTrouble
from data.spans.patterns import absolute
from data.spans.windows import Window
from pipeline.config.convert import to_plain
from pipeline.config.graph import PipelineConfig, Step
from pipeline.config.secrets import read_flags
from pipeline.spans.choose import chosen_of
from pipeline.spans.states import has_pattern, standings


def data_key(
    pipeline: PipelineConfig, root: Path, *, now: float, beam_args: tuple[str, ...] = ()
) -> str:
    """What a run of the pipeline would read, as a digest: the same again means nothing new.

    Of a pattern: the spans that the window takes, with versions and stamps; where the window is
    "since push", all usable spans. Without a pattern: the input files' names, sizes and times.
    Files are looked at, not read; only URLs need Beam. Besides, all that is set of each step.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `resolved`.
    """
    beam_args = read_flags(beam_args)
    seen = [_key(pipeline.name, s, root, now, beam_args) for s in pipeline.steps if not s.inputs]
    seen += [[step.name, step.component, to_plain(step.config)] for step in pipeline.steps]
    seen.append([pipeline.seed])
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:32]


def _key(
    pipeline: str, step: Step, root: Path, now: float, beam_args: tuple[str, ...]
) -> list[Any]:
    if not has_pattern(step):
        return [step.name, *_stamps(step, beam_args)]
    if Window.of(step.config.window).since_push:
        taken = [s for s in standings(step.config, root, now=now) if s.state == "usable"]
    else:
        taken = chosen_of(pipeline, step, root, now=now).taken
    return [
        step.name,
        absolute(step.config.path),
        [[s.span.name, s.span.version, s.span.stamp] for s in taken],
    ]


def _stamps(step: Step, beam_args: tuple[str, ...]) -> Iterator[list[Any]]:
    depends = step.depends()
    for file in depends.files:
        try:
            stat = file.stat()
        except OSError as error:
            raise EnvironmentTrouble(f"{file} cannot be read", got=error.strerror) from error
        yield [str(file), stat.st_size, stat.st_mtime_ns]
    for url in depends.urls:
        yield sorted(stamps(url, beam_args).items())
