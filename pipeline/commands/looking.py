"""Look at what ran, and ask what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.frame import cli, debug, quieten_libraries, root_option

if TYPE_CHECKING:
    pass


@cli.command(examples="penstock runs --last 5")
@root_option
@click.option("--last", "limit", default=20, show_default=True, help="How many, the newest first.")
def runs(root: Path, limit: int) -> None:
    """List what ran: when, how long, how it ended."""
    from pipeline.run_command import show_runs

    show_runs(root, limit)


@cli.command(
    examples="""
    penstock show latest
    penstock show 20261121-093000-digits-1f2e
    penstock show latest --pictures DIR
    """
)
@click.argument("run_id", metavar="RUN")
@root_option
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Put the run's pictures into DIR instead, drawn anew where it has none.",
)
def show(run_id: str, root: Path, pictures: Path | None) -> None:
    """Show RUN: its steps, what came out of each, and the verdict.

    RUN is a run's id, the beginning or end of one, or `latest`.
    """
    from pipeline.run_command import show_pictures, show_run

    if pictures is None:
        show_run(root, run_id)
    else:
        quieten_libraries()
        show_pictures(root, run_id, pictures, debug=debug())


@cli.command(
    examples="""
    penstock report latest
    penstock report 20261121-093000-digits-1f2e --output report.html
    """
)
@click.argument("run_id", metavar="RUN")
@root_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it here.  [default: ROOT/runs/RUN/report.html]",
)
def report(run_id: str, root: Path, output: Path | None) -> None:
    """Write all there is to say of RUN as one HTML file, and print where it lies.

    RUN is a run's id, the beginning or end of one, or `latest`. The file needs nothing beside it:
    no network, no other file.
    """
    from pipeline.report import report_run

    click.echo(report_run(root, run_id, output))


@cli.command(
    examples="""
    penstock predict digits seven.png
    penstock predict .penstock/serving/mnist/3 a.png b.png
    penstock predict mnist --index 0 --index 1 --chart two.png
    penstock predict mnist --index 59999 --split train
    """
)
@click.argument("model")
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@root_option
@click.option(
    "--index",
    "indices",
    type=int,
    multiple=True,
    metavar="N",
    help="Ask about this image of the examples that the model was trained on, counted from 0; "
    "repeatable.",
)
@click.option("--split", metavar="NAME", help="The split that --index counts in.  [default: test]")
@click.option(
    "--chart",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw each image beside the bar chart of its class probabilities, into this PNG file.",
)
def predict(
    model: str,
    images: tuple[Path, ...],
    root: Path,
    indices: tuple[int, ...],
    split: str | None,
    chart: Path | None,
) -> None:
    """Print the class of each IMAGE and its probability, from a model's own signature.

    MODEL is a version's folder, a model's folder (the highest version answers), or the name of a
    model under ROOT/serving. Images are PNG or JPEG of just the size that the model knows; or, by
    --index, those of the examples that it was trained on, if a run in ROOT trained it: then the
    true class stands beside the answer.
    """
    if images and indices:
        raise click.UsageError("IMAGE files and --index do not go together: ask twice")
    if not images and not indices:
        raise click.UsageError(
            f"there is nothing to ask about; try `penstock predict {model} IMAGE.png` "
            f"or `penstock predict {model} --index 0`"
        )
    if split and not indices:
        raise click.UsageError("--split goes with --index, which counts in it")
    from pipeline.predict_command import predict_and_show

    quieten_libraries()
    predict_and_show(
        model, images, root, indices=indices, split=split or "test", chart=chart, debug=debug()
    )
