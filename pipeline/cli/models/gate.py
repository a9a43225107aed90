"""`penstock gate`: print the verdict of a run again, or judge two models."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from components.evaluate import Config
from data.errors import BadDataError, ConfigError
from data.files.durable_files import write_json
from pipeline import exit_codes, recipes
from pipeline.cli.lazy_group import Command
from pipeline.cli.models.trust import record_trust
from pipeline.cli.options import FILE, debug, json_option, print_json, root_option
from pipeline.config.graph import PipelineConfig, Step
from pipeline.config.overrides import apply_overrides, apply_settings, read_toml
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.terminal import Console
from pipeline.console.verdict_table import verdict_table
from pipeline.storage.artifact_lookup import find_verdict, read_verdict
from pipeline.storage.known_models import KnownModels
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import find_bundle_folder


@click.command(
    cls=Command,
    examples="""
    penstock gate latest
    penstock gate 20261121-093000-digits-1f2e --json
    penstock gate --candidate NEW --baseline OLD --examples DIR --recipe mnist
    penstock gate --candidate NEW --baseline OLD --examples DIR --trust OLD --output verdict.json
    """,
)
@click.argument("run_id", metavar="[RUN]", required=False)
@root_option
@click.option(
    "--candidate", type=FILE, metavar="DIR", help="Judge this SavedModel, without a pipeline."
)
@click.option(
    "--baseline", type=FILE, metavar="DIR", help="Compare with this SavedModel, on the same images."
)
@click.option(
    "--examples", type=FILE, metavar="DIR", help="The labelled images: Examples of some run."
)
@click.option(
    "--trust",
    "trusted",
    type=FILE,
    metavar="DIR",
    multiple=True,
    help="Load this model although no run in ROOT trained or pushed it, and record that in ROOT. "
    "Repeatable.",
)
@click.option("--recipe", help="Use the rules in the evaluate step of this recipe.")
@click.option(
    "--config", "config_file", type=FILE, help="A TOML file with the rules in a table [evaluate]."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one value of the rules: evaluate.…=… Repeatable.",
)
@click.option("--output", type=FILE, metavar="FILE", help="Also write verdict.json to this file.")
@json_option
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
    """Print the verdict of RUN again with every rule, or judge any SavedModel.

    The exit code is 0 if the verdict is passed, 3 if it is failed, and 4 if no rule is configured
    that applies, so that CI can use it.

    A SavedModel is a program. A model that no run in ROOT trained or pushed is loaded only with
    --trust. That is needed once: the digest of all its bytes is recorded.
    """
    if bool(run_id) == bool(candidate):
        raise click.UsageError("name either a RUN, or --candidate with --examples")
    if run_id:
        return _print(_verdict_of_run(root, run_id), as_json=as_json)
    if candidate is None or examples is None:
        raise click.UsageError("--candidate needs --examples")
    from components.evaluate.standalone.judge_models import judge_models  # loads NumPy

    config = _rules(recipe, config_file, settings)
    models = [model for model in (candidate, baseline) if model]
    vouch = KnownModels(root, _trust(trusted, models, root), option="--trust FOLDER")
    with nullcontext() if debug() else libraries_to(None):
        content = judge_models(candidate, baseline, examples, config, vouch)
    if output:
        write_json(output, content)
    return _print(content, as_json=as_json)


def _verdict_of_run(root: Path, run_id: str) -> dict[str, Any]:
    """Return the content of a run's `verdict.json`.

    Raises:
        ConfigError: no such run.
        BadDataError: the run has no verdict, or the file was deleted or changed.
    """
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        verdict = find_verdict(root, ledger, run.id, verify=True)
        if verdict is None:
            raise BadDataError(
                f"the run {run.id} has no verdict",
                expected="a run that completed evaluate, and whose artifact still exists",
                got=run.status,
                remedy="run the recipe again; only missing results are computed again",
            )
        return read_verdict(ledger, verdict)


def _trust(trusted: Sequence[Path], models: Sequence[Path], root: Path) -> frozenset[str]:
    """Return the digests of the folders to trust. Each must be one of the judged models."""
    judged = {find_bundle_folder(model).resolve() for model in models}
    for folder in trusted:
        if find_bundle_folder(folder).resolve() not in judged:
            raise ConfigError(
                f"--trust {folder} is neither the candidate nor the baseline",
                expected=" or ".join(map(str, models)),
                follows="nothing was loaded",
                remedy=f"for other commands: penstock trust {shlex.quote(str(folder))}",
            )
    return frozenset(record_trust(find_bundle_folder(folder), root) for folder in trusted)


def _rules(recipe: str | None, config_file: Path | None, settings: Sequence[str]) -> Config:
    """Return evaluate's config: the recipe's or the default, then the file's, then --set."""
    if recipe:
        pipeline = recipes.build(recipe)
    else:
        step = Step(name="evaluate", component="components.evaluate", config=Config())
        pipeline = PipelineConfig(name="gate", steps=(step,))
    if config_file:
        pipeline = apply_overrides(
            pipeline, {"evaluate": read_toml(config_file).get("evaluate", {})}
        )
    config: Any = apply_settings(pipeline, settings).step("evaluate").config
    if not isinstance(config, Config):
        raise ConfigError(
            f"the step 'evaluate' of {recipe} is your own component",
            expected="components.evaluate",
            remedy="give the rules with --config or --set",
        )
    return config


def _print(content: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json(content)
    else:
        Console().print(verdict_table(content, all_rules=True))
    return exit_codes.map_verdict(content["status"])
