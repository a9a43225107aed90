"""The command line: parse, call, print, exit. Each command imports what it needs when it runs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.graph import PipelineConfig

F = TypeVar("F", bound=Callable[..., Any])


class _Command(click.Command):
    """A command whose help ends with examples, kept as they are written."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.append(
            click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class _Group(click.Group):
    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which one meets them


def _root_option(function: F) -> F:
    return click.option(
        "--root",
        type=click.Path(path_type=Path),
        envvar="PENSTOCK_ROOT",
        default=Path(".penstock"),
        show_default=True,
        show_envvar=True,
        help="The folder for everything that runs write.",
    )(function)


def _recipe_options(function: F) -> F:
    for option in (
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            help="A TOML file with values over the recipe's, as `penstock config` prints them.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one value, over recipe and config file; may be repeated.",
        ),
        click.argument("recipe"),
    ):
        function = option(function)
    return function


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="penstock")
def cli() -> None:
    """A data and training pipeline for image classifiers: from labelled images to a model that
    earned its place.

    Start with `penstock run digits`.
    """


@cli.command(
    examples="""
    penstock run digits
    penstock run mnist --set ingest.source=idx --set ingest.path=DIR
    penstock run ./mine.py:recipe --root /srv/penstock
    penstock run digits --set train.epochs=5 --until evaluate
    """
)
@_recipe_options
@_root_option
@click.option(
    "--serving",
    type=click.Path(path_type=Path),
    help="Where models are pushed: SERVING/<model>/<version>.  [default: ROOT/serving]",
)
@click.option("--only", metavar="STEP", help="Run this step alone.")
@click.option("--from", "first", metavar="STEP", help="Begin with this step.")
@click.option("--until", "last", metavar="STEP", help="End after this step.")
@click.option(
    "--force", multiple=True, metavar="STEP", help="Run this step although it was made; repeatable."
)
def run(
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    root: Path,
    serving: Path | None,
    **steps: Any,
) -> int:
    """Run a recipe's pipeline; what was made before is reused.

    RECIPE is a name (see `penstock recipes`), a file and function (./mine.py:recipe), or an import
    path (package.module:recipe). The exit code is 0 only if all that was asked for is done and no
    verdict is against it; docs/exit-codes.md has the table.
    """
    from pipeline.interrupt import promptly
    from pipeline.run_command import run_and_show

    _quieten_libraries()
    with promptly():
        pipeline = _configured(recipe, config_file, settings)
        return run_and_show(
            pipeline, recipe=recipe, root=root, serving_dir=serving, debug=_debug(), **steps
        )


@cli.command(examples="penstock recipes")
def recipes() -> None:
    """List the recipes, with expected accuracy and time."""
    import inspect

    from pipeline import recipes as known

    names = known.names()
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:<{width}}  {(inspect.getdoc(known.find(name)) or '').splitlines()[0]}")


@cli.command(examples="penstock config mnist --set train.epochs=3 > mine.toml")
@_recipe_options
def config(recipe: str, config_file: Path | None, settings: tuple[str, ...]) -> None:
    """Print the whole config of RECIPE as it would run, as TOML that --config reads."""
    from pipeline.config import to_toml
    from pipeline.graph import check

    pipeline = _configured(recipe, config_file, settings)
    check(pipeline)
    click.echo(to_toml(pipeline), nl=False)


@cli.command(examples="penstock runs --last 5")
@_root_option
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
@_root_option
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
        _quieten_libraries()
        show_pictures(root, run_id, pictures, debug=_debug())


@cli.command(
    examples="""
    penstock report latest
    penstock report 20261121-093000-digits-1f2e --output report.html
    """
)
@click.argument("run_id", metavar="RUN")
@_root_option
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
@_root_option
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

    _quieten_libraries()
    predict_and_show(
        model, images, root, indices=indices, split=split or "test", chart=chart, debug=_debug()
    )


@cli.command(
    examples="""
    penstock gate latest
    penstock gate 20261121-093000-digits-1f2e --json
    penstock gate --candidate NEW --baseline OLD --examples DIR --recipe mnist
    penstock gate --candidate NEW --baseline OLD --examples DIR --trust OLD --output verdict.json
    """
)
@click.argument("run_id", metavar="[RUN]", required=False)
@_root_option
@click.option(
    "--candidate",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Judge this SavedModel, without a pipeline.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Compare it with this one on the same images.",
)
@click.option(
    "--examples",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The labelled images: an Examples artifact of some run.",
)
@click.option(
    "--trust",
    "trusted",
    type=click.Path(path_type=Path),
    metavar="DIR",
    multiple=True,
    help="Load this model though no manifest of Penstock's vouches for it; repeatable.",
)
@click.option("--recipe", help="Take the rules of this recipe's evaluate.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="A TOML file with an [evaluate] table.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="As in `run`: evaluate.…=…"
)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write verdict.json here too."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def gate(
    run_id: str | None,
    root: Path,
    candidate: Path | None,
    baseline: Path | None,
    examples: Path | None,
    trusted: tuple[Path, ...],
    recipe: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> int:
    """Print the verdict of RUN again, every rule with its numbers; or judge any two SavedModels.

    The exit code is 0 where the verdict is passed, 3 where it is failed, and 4 where no rule is
    set that could be asked, so that CI can act on it.
    """
    from pipeline.gate_command import judge_and_show, show_verdict

    if bool(run_id) == bool(candidate):
        raise click.UsageError("name either a RUN, or --candidate with --examples")
    if run_id:
        return show_verdict(root, run_id, as_json=as_json)
    if candidate is None or examples is None:
        raise click.UsageError("--candidate goes with --examples")
    _quieten_libraries()
    return judge_and_show(
        candidate,
        baseline,
        examples,
        config_file=config_file,
        settings=settings,
        recipe=recipe,
        trusted=trusted,
        output=output,
        as_json=as_json,
        debug=_debug(),
    )


@cli.command(
    examples="""
    penstock push latest
    penstock push latest --override "accuracy each class" --reason "class 9 is relabelled"
    penstock push 1f2e --override all --reason "incident 4711" --by ana
    """
)
@click.argument("run_id", metavar="RUN")
@_root_option
@click.option(
    "--serving",
    type=click.Path(path_type=Path),
    help="Where to push: SERVING/<model>/<version>.  [default: ROOT/serving]",
)
@click.option(
    "--override",
    multiple=True,
    metavar="RULE",
    help="Push although this rule is not met; repeatable. `all` names every one but sanity rules.",
)
@click.option("--reason", metavar="TEXT", help="Why; must stand beside --override.")
@click.option("--by", metavar="NAME", help="Who decides.  [default: the login name]")
def push(
    run_id: str,
    root: Path,
    serving: Path | None,
    override: tuple[str, ...],
    reason: str | None,
    by: str | None,
) -> None:
    """Push the model of RUN: one that passed and does not serve, or one against the verdict.

    An override is written down in the ledger, in the verdict and in the pushed version.
    """
    from pipeline.push_command import push_run

    _quieten_libraries()
    version, served = push_run(
        root,
        run_id,
        serving_dir=serving,
        override=override,
        reason=reason,
        by=by,
        debug=_debug(),
    )
    click.echo(f"version {version} serves: {served}")


@cli.command(
    examples="""
    penstock serving .penstock/serving/digits
    penstock serving /srv/models/mnist --json
    """
)
@click.argument("model", metavar="SERVING/MODEL", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines: a list, the newest first.")
def serving(model: Path, as_json: bool) -> None:
    """List the versions of a model: which one serves, its verdict, who pushed it and why.

    Every byte of each version is held against its manifest; what is damaged, or was not pushed by
    Penstock, is shown as such.
    """
    from pipeline.serving_command import show_serving

    show_serving(model, as_json=as_json)


@cli.command(
    examples="""
    penstock rollback .penstock/serving/digits
    penstock rollback /srv/models/mnist --to 3 --reason "worse on sevens" --by ann
    """
)
@click.argument("model", metavar="SERVING/MODEL", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=int,
    metavar="VERSION",
    help="The version to go back to.  [default: the one before, by what it holds]",
)
@click.option("--reason", metavar="TEXT", help="Why; kept in the new version's push.json.")
@click.option("--by", metavar="NAME", help="Who wants it.  [default: your login name]")
def rollback(model: Path, to: int | None, reason: str | None, by: str | None) -> None:
    """Push an earlier version's bytes again, under the next version; nothing is renamed away.

    Asked again, it goes one further back: to what was pushed before, never to what was rolled back
    from.
    """
    from pipeline.serving_command import rollback_and_show

    rollback_and_show(model, to, reason, by)


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
@_root_option
def doctor(root: Path) -> int:
    """Check this machine: Python, libraries, GPUs, the root, shadowed packages, free disk."""
    from pipeline.doctor import examine_and_show

    _quieten_libraries()
    return examine_and_show(root)


def _configured(recipe: str, config_file: Path | None, settings: tuple[str, ...]) -> PipelineConfig:
    from pipeline import config as configs
    from pipeline import recipes as known

    pipeline = known.build(recipe)
    if config_file:
        pipeline = configs.apply(pipeline, configs.read_toml(config_file))
    return configs.apply_settings(pipeline, settings)


def _quieten_libraries() -> None:
    """Before TensorFlow is imported: it reads these once. Set by hand, they stay."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _debug() -> bool:
    return "--debug" in sys.argv


def call(args: Sequence[str]) -> int:
    """Run one command; its end becomes at most one message on stderr and an exit code."""
    from pipeline.failure import explain

    try:
        return cli.main(list(args), prog_name="penstock", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:  # what click makes of KeyboardInterrupt
        return explain(KeyboardInterrupt(), debug=_debug())
    except Exception as error:
        return explain(error, debug=_debug())


def main() -> NoReturn:
    """The entry point of `penstock` and `python -m pipeline`."""
    # Imports make many objects and no garbage; looking for it is a tenth of a cached run.
    gc.set_threshold(50_000, 20, 20)
    _refuse_shadows()  # before anything else of ours is imported

    from pipeline.interrupt import leave

    leave(call(sys.argv[1:]))


def _refuse_shadows() -> None:
    from pipeline.shadow import shadowed

    for name, (imported, ours) in shadowed().items():
        click.echo(
            f"penstock: {imported} shadows our package {name!r}, {ours}\n"
            "  do:       start elsewhere, or rename it; `penstock doctor` lists them all",
            err=True,
        )
        sys.exit(2)
