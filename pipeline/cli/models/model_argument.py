"""The argument MODEL: a folder, or the name of a model under ROOT/serving."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import FILE

model_argument = click.argument("model", type=FILE)


def find_model(model: Path, root: Path) -> Path:
    """Return the folder `model` if it exists, else the model of that name under the root."""
    by_name = root / "serving" / model
    return by_name if not model.exists() and by_name.is_dir() else model
