"""`penstock gate`: print a run's verdict again, or judge two models; `trust`: let one be loaded."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.base.visible_text import visible_json
from data.errors import BadDataError, ConfigError
from pipeline import exit_codes
from pipeline.cli.app import cli, debug, prepare_libraries, root_option, trust_model
from pipeline.console.streams import say

if TYPE_CHECKING:
    from components.evaluate import Config


def show_verdict(root: Path, run_id: str, *, as_json: bool) -> int:
    """Print a run's verdict, every rule of it. Returns the exit code that the verdict means.

    Raises:
        ConfigError: no such run.
        BadDataError: the run came to no verdict, or it was deleted or changed.
    """
    from pipeline.storage.artifact_lookup import find_verdict, read_verdict
    from pipeline.storage.ledger import Ledger

    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        verdict = find_verdict(root, ledger, run.id, verify=True)
        if verdict is None:
            raise BadDataError(
                f"the run {run.id} has no verdict",
                expected="a run that got past evaluate, its artifact still there",
                got=run.status,
                remedy="run the recipe again: what is missing is made anew",
            )
        content = read_verdict(ledger, verdict)
    return _print(content, as_json=as_json)


def judge_and_show(
    candidate: Path,
    baseline: Path | None,
    examples: Path,
    *,
    config_file: Path | None,
    settings: Sequence[str],
    recipe: str | None,
    root: Path,
    trusted: Sequence[Path],
    output: Path | None,
    as_json: bool,
    debug: bool,
) -> int:
    """Judge a SavedModel by a recipe's rules, a config file and settings. Returns the exit code.

    Raises:
        ConfigError, BadDataError: as `components.evaluate.standalone.judge_models.judge_models`;
            a folder to trust that is neither of the models.
    """
    from components.evaluate.standalone.judge_models import judge_models
    from data.files.durable_files import write_json
    from pipeline.console.quiet_libraries import libraries_to
    from pipeline.storage.known_models import KnownModels

    config = _rules(recipe, config_file, settings)
    models = [model for model in (candidate, baseline) if model]
    vouch = KnownModels(root, _trusted(trusted, models, root), option="--trust FOLDER")
    with nullcontext() if debug else libraries_to(None):
        content = judge_models(candidate, baseline, examples, config, vouch)
    if output:
        write_json(output, content)
    return _print(content, as_json=as_json)


def _trusted(trusted: Sequence[Path], models: Sequence[Path], root: Path) -> frozenset[str]:
    """Digests of the folders to trust, each of which must be one of the models that are judged."""
    from serving_export.model_store.layout import bundle_folder

    judged = {bundle_folder(model).resolve() for model in models}
    for folder in trusted:
        if bundle_folder(folder).resolve() not in judged:
            raise ConfigError(
                f"--trust {folder} is neither the candidate nor the baseline",
                expected=" or ".join(map(str, models)),
                follows="nothing was loaded",
                remedy=f"penstock trust {shlex.quote(str(folder))} lets other commands load it",
            )
    return frozenset(trust_model(bundle_folder(folder), root) for folder in trusted)


def _rules(recipe: str | None, config_file: Path | None, settings: Sequence[str]) -> Config:
    """Evaluate's config: the recipe's or the default, then the file's [evaluate], then --set."""
    from components.evaluate import Config
    from pipeline import recipes
    from pipeline.config.graph import PipelineConfig, Step
    from pipeline.config.overrides import apply_overrides, apply_settings, read_toml

    if recipe:
        pipeline = recipes.build(recipe)
    else:
        step = Step(name="evaluate", component="components.evaluate", config=Config())
        pipeline = PipelineConfig(name="gate", steps=(step,))
    if config_file:
        found = read_toml(config_file)
        pipeline = apply_overrides(pipeline, {"evaluate": found.get("evaluate", {})})
    config: Any = apply_settings(pipeline, settings).step("evaluate").config
    if not isinstance(config, Config):
        raise ConfigError(
            f"the step 'evaluate' of {recipe} is a component of its own",
            expected="components.evaluate",
            remedy="name the rules by --config or --set",
        )
    return config


def _print(content: dict[str, Any], *, as_json: bool) -> int:
    from pipeline.console.terminal import Console
    from pipeline.console.verdict_table import verdict_table

    if as_json:
        print(visible_json(content))
    else:
        Console().print(verdict_table(content, all_rules=True))
    return exit_codes.of_verdict(content["status"])


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
    help="Load this model though no run in ROOT trained or pushed it, and remember that there; "
    "repeatable.",
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

    A SavedModel is a program. One that no run in ROOT trained or pushed is loaded only with
    --trust; it is asked for once, for a digest of all its bytes.
    """
    if bool(run_id) == bool(candidate):
        raise click.UsageError("name either a RUN, or --candidate with --examples")
    if run_id:
        return show_verdict(root, run_id, as_json=as_json)
    if candidate is None or examples is None:
        raise click.UsageError("--candidate goes with --examples")
    prepare_libraries()
    return judge_and_show(
        candidate,
        baseline,
        examples,
        config_file=config_file,
        settings=settings,
        recipe=recipe,
        root=root,
        trusted=trusted,
        output=output,
        as_json=as_json,
        debug=debug(),
    )


@cli.command(
    examples="""
    penstock trust /srv/models/digits
    penstock trust Downloads/their_model --root /data/penstock
    penstock trust
    """
)
@click.argument("model", required=False, type=click.Path(path_type=Path))
@root_option
def trust(model: Path | None, root: Path) -> None:
    """Let runs in ROOT load MODEL, which none of them trained or pushed; or list such models.

    MODEL is a folder with a SavedModel, or a folder of versions, of which the highest is meant. A
    SavedModel is a program, so know where it comes from. What is remembered is a digest of all its
    bytes: it may be moved, and is another model if one byte changes.
    """
    from pipeline.storage.ledger import Ledger
    from serving_export.model_store.layout import bundle_folder

    if model:
        root.mkdir(parents=True, exist_ok=True)
        Ledger(root)  # made here where nothing ran yet
        trust_model(bundle_folder(model), root)
        return
    with Ledger.existing(root) as ledger:
        for known in ledger.trusted():
            day = time.strftime("%Y-%m-%d", time.localtime(known.time))
            say(f"{known.digest[:12]}…  {day}  {known.by}  {known.path}")
