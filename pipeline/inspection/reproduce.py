"""List the shell commands that reproduce a run's result."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model
from pipeline import recipes
from pipeline.storage.tables import Execution, Run
from serving_export.model_store.layout import model_folder

CONFIG = "run.toml"  # the file into which the reader saves the run's config


def list_commands(
    root: Path,
    run: Run,
    executions: Sequence[Execution],
    verdict: Mapping[str, Any] | None,
    model: Model | None,
    examples: Examples | None,
) -> tuple[str, ...]:
    """List the commands that run the pipeline in a new root, print the verdict and judge again.

    The ledger has only the pipeline's name. If it is no recipe of Penstock, the commands have the
    word RECIPE, which the reader replaces.
    """
    is_own_recipe = run.pipeline not in recipes.list_recipes()
    recipe = "RECIPE" if is_own_recipe else run.pipeline
    last = executions[-1].step if executions else None
    all_steps = [name for name in run.config if name != "seed"]
    until = ["--until", last] if last and last != all_steps[-1] else []
    lines = []
    if is_own_recipe:
        lines.append(
            f"# RECIPE: where {shlex.quote(run.pipeline)} lies, such as ./recipe.py:recipe"
        )
    lines.append(_line("run", recipe, "--config", CONFIG, "--root", "again", *until))
    if verdict:
        lines.append(_line("gate", run.id, "--root", root.resolve()))
    if verdict and model and examples:
        baseline = _find_baseline(root, verdict, run)
        against = ["--baseline", baseline] if baseline else []
        arguments = ["--candidate", model.bundle.resolve(), *against]
        arguments += ["--examples", examples.path.resolve(), "--config", CONFIG]
        lines.append(_line("gate", *arguments, "--root", root.resolve()))
    return tuple(lines)


def _line(*arguments: object) -> str:
    return shlex.join(["penstock", *map(str, arguments)])


def _find_baseline(root: Path, verdict: Mapping[str, Any], run: Run) -> Path | None:
    """Find the version that was the baseline in the default serving folder, or return None."""
    reference = verdict["baseline"]
    if reference is None or reference["version"] is None:
        return None
    for config in run.config.values():
        if isinstance(config, dict) and isinstance(config.get("model_name"), str):
            folder = model_folder(root.resolve() / "serving", config["model_name"])
            version = folder / str(reference["version"])
            return version if version.is_dir() else None
    return None
