"""`penstock gate`: print a run's verdict again, or judge two models without a pipeline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from components.evaluate import Config
from data.durable import write_json
from data.errors import BadDataError, ConfigError
from pipeline import exit_codes
from pipeline.config import apply, apply_settings, read_toml
from pipeline.console import libraries_to
from pipeline.graph import PipelineConfig, Step
from pipeline.ledger import Ledger
from pipeline.remembered import verdict_content, verdict_of
from pipeline.verdict_words import verdict_table


def show_verdict(root: Path, run_id: str, *, as_json: bool) -> int:
    """Print a run's verdict, every rule of it. Returns the exit code that the verdict means.

    Raises:
        ConfigError: no such run.
        BadDataError: the run came to no verdict, or it was deleted.
    """
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        verdict = verdict_of(root, ledger, run.id)
        if verdict is None:
            raise BadDataError(
                f"the run {run.id} has no verdict",
                expected="a run that got past evaluate, its artifact still there",
                got=run.status,
                remedy="run the recipe again: what is missing is made anew",
            )
        content = verdict_content(ledger, verdict)
    return _print(content, as_json=as_json)


def judge_and_show(
    candidate: Path,
    baseline: Path | None,
    examples: Path,
    *,
    config_file: Path | None,
    settings: Sequence[str],
    recipe: str | None,
    trusted: Sequence[Path],
    output: Path | None,
    as_json: bool,
    debug: bool,
) -> int:
    """Judge a SavedModel by a recipe's rules, a config file and settings. Returns the exit code.

    Raises:
        ConfigError, BadDataError: as `components.gate.standalone.judge_models`.
    """
    from components.gate.standalone import judge_models

    config = _rules(recipe, config_file, settings)
    with nullcontext() if debug else libraries_to(None):
        content = judge_models(candidate, baseline, examples, config, trusted)
    if output:
        write_json(output, content)
    return _print(content, as_json=as_json)


def _rules(recipe: str | None, config_file: Path | None, settings: Sequence[str]) -> Config:
    """Evaluate's config: the recipe's or the default, then the file's [evaluate], then --set."""
    from pipeline import recipes

    if recipe:
        pipeline = recipes.build(recipe)
    else:
        step = Step(name="evaluate", component="components.evaluate", config=Config())
        pipeline = PipelineConfig(name="gate", steps=(step,))
    if config_file:
        found = read_toml(config_file)
        pipeline = apply(pipeline, {"evaluate": found.get("evaluate", {})})
    config: Any = apply_settings(pipeline, settings).step("evaluate").config
    if not isinstance(config, Config):
        raise ConfigError(
            f"the step 'evaluate' of {recipe} is a component of its own",
            expected="components.evaluate",
            remedy="name the rules by --config or --set",
        )
    return config


def _print(content: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        Console(highlight=False).print(verdict_table(content, all_rules=True))
    return exit_codes.of_verdict(content["status"])
