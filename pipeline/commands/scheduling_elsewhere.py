"""`penstock schedule emit`: for those who have a scheduler already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.frame import root_option
from pipeline.commands.scheduling import schedule


@schedule.command(
    examples="""
    penstock schedule emit nightly --as cron
    penstock schedule emit nightly --as systemd --output /etc/systemd/system
    penstock schedule emit nightly --as airflow --granularity steps > ~/airflow/dags/nightly.py
    penstock schedule emit nightly --as kubernetes --image REGISTRY/NAME:1 --gpu 1 > nightly.yaml
    """
)
@click.argument("name")
@click.option(
    "--as",
    "scheduler",
    type=click.Choice(["cron", "systemd", "airflow", "kubernetes"]),
    required=True,
    help="Who is to run it.",
)
@root_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write into this folder.  [default: stdout]",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="cron: append output to it.  [default: ROOT/schedules/NAME.cron.log]",
)
@click.option(
    "--granularity",
    type=click.Choice(["run", "steps"]),
    help="airflow: one task that does all, or one for each step.  [default: run]",
)
@click.option("--image", help="kubernetes: with penstock on its path.")
@click.option("--cpu", help="kubernetes: cores, such as 500m.  [default: 2]")
@click.option("--memory", help="kubernetes: the most it gets.  [default: 4Gi]")
@click.option("--gpu", type=click.IntRange(min=0), help="kubernetes: NVIDIA's.  [default: 0]")
@click.option("--claim", help="kubernetes: the volume of the root.  [default: penstock]")
def emit(name: str, root: Path, scheduler: str, output: Path | None, **options: Any) -> None:
    """Hand a schedule to the scheduler that one has already: its file, on stdout.

    What it runs is one tick by hand, with the run's exit code, so that windows, outcomes and who is
    told stay the same. docs/emit.md goes from nothing to a run with each. Do not let Penstock's
    daemon run the same schedule besides: pause it.
    """
    from pipeline.emit_command import emit_and_show

    emit_and_show(root, name, scheduler=scheduler, output=output, **options)
