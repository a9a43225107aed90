"""Begin a project, and check the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.frame import cli, quieten_libraries, root_option

if TYPE_CHECKING:
    pass


@cli.command(
    examples="""
    penstock new flowers
    cd flowers && penstock run ./recipe.py:recipe
    """
)
@click.argument("folder", type=click.Path(path_type=Path))
def new(folder: Path) -> None:
    """Make a small working project of one's own in FOLDER: a recipe, a source, a model, a test."""
    from pipeline.new import make_project

    for path in make_project(folder):
        click.echo(f"wrote {path}")
    click.echo(f"next: cd {folder} && penstock run ./recipe.py:recipe")


@cli.command(examples="penstock doctor --root /srv/penstock")
@root_option
def doctor(root: Path) -> int:
    """Check this machine: Python, libraries, GPUs, the root, shadowed packages, free disk."""
    from pipeline.doctor import examine_and_show

    quieten_libraries()
    return examine_and_show(root)
