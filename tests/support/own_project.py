"""Write recipe files as a user would, of one step whose `run` is given."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

_NUMBERS = itertools.count()
_STEP = """\
from dataclasses import dataclass
from pathlib import Path

from pipeline.image_classifier import PipelineConfig, Step


@dataclass(frozen=True, kw_only=True)
class Made:
    path: Path


class Own:
    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        pass

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        made: Made

    @staticmethod
    def run(inputs, config, context):
{body}
        return Own.Outputs(made=Made(path=context.output_dir))


def recipe():
    step = Step(name="own", component=f"{{__name__}}:Own", config=Own.Config())
    return PipelineConfig(name="mine", steps=(step,))
"""


def write_file(folder: Path, text: str) -> Path:
    """Write a module with this text; no two have the same name."""
    file = folder / f"mine_{next(_NUMBERS)}.py"
    file.write_text(text)
    return file


def write_step(folder: Path, body: str) -> Path:
    """Write a recipe of one step that runs these lines, which may use `context`."""
    return write_file(folder, _STEP.format(body=textwrap.indent(textwrap.dedent(body), " " * 8)))


def line_of(file: Path, text: str) -> str:
    """Find the only line that has this text, as `file:line`."""
    (line,) = [n for n, t in enumerate(file.read_text().splitlines(), 1) if text in t]
    return f"{file}:{line}"
