"""The gate and the way out: judge, push, roll back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.frame import cli, debug, quieten_libraries, root_option

if TYPE_CHECKING:
    pass


@cli.command(
    examples="""
    penstock gate latest
    penstock gate 20261121-093000-digits-1f2e --json
    penstock gate --candidate NEW --baseline OLD --examples DIR --recipe mnist
    penstock gate --candidate NEW --baseline OLD --examples DIR --trust OLD --output verdict.json
    """
)
@click.argument("run_id", metavar="[RUN]", required=False)
@root_option
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
    quieten_libraries()
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
        debug=debug(),
    )


@cli.command(
    examples="""
    penstock push latest
    penstock push latest --override "accuracy each class" --reason "class 9 is relabelled"
    penstock push 1f2e --override all --reason "incident 4711" --by ana
    """
)
@click.argument("run_id", metavar="RUN")
@root_option
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

    quieten_libraries()
    version, served = push_run(
        root,
        run_id,
        serving_dir=serving,
        override=override,
        reason=reason,
        by=by,
        debug=debug(),
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
