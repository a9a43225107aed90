"""The shell commands that come to a run's result again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model
from pipeline import recipes
from pipeline.storage.ledger import Execution, Run
from serving_export.model_store.layout import model_folder

CONFIG = "run.toml"  # the file that the reader saves the run's config as


def commands(
    root: Path,
    run: Run,
    executions: Sequence[Execution],
    verdict: Mapping[str, Any] | None,
    model: Model | None,
    examples: Examples | None,
) -> tuple[str, ...]:
    """The run again in a root of its own; its verdict printed, and judged again, where it is.

    The ledger knows a recipe by the name of its pipeline: where that is none of Penstock's own, the
    reader says where their recipe lies.
    """
    own = run.pipeline not in recipes.list_recipes()
    recipe = "RECIPE" if own else run.pipeline
    last = executions[-1].step if executions else None
    all_steps = [name for name in run.config if name != "seed"]
    until = ["--until", last] if last and last != all_steps[-1] else []
    found = []
    if own:
        found.append(
            f"# RECIPE: where {shlex.quote(run.pipeline)} lies, such as ./recipe.py:recipe"
        )
    found.append(_line("run", recipe, "--config", CONFIG, "--root", "again", *until))
    if verdict:
        found.append(_line("gate", run.id, "--root", root.resolve()))
    if verdict and model and examples:
        baseline = _baseline(root, verdict, run)
        against = ["--baseline", baseline] if baseline else []
        words = ["--candidate", model.bundle.resolve(), *against]
        words += ["--examples", examples.path.resolve(), "--config", CONFIG]
        found.append(_line("gate", *words, "--root", root.resolve()))
    return tuple(found)


def _line(*words: object) -> str:
    return shlex.join(["penstock", *map(str, words)])


def _baseline(root: Path, verdict: Mapping[str, Any], run: Run) -> Path | None:
    """The version that the candidate was held against, if it lies where runs push by default."""
    reference = verdict["baseline"]
    if reference is None or reference["version"] is None:
        return None
    for config in run.config.values():
        if isinstance(config, dict) and isinstance(config.get("model_name"), str):
            folder = model_folder(root.resolve() / "serving", config["model_name"])
            version = folder / str(reference["version"])
            return version if version.is_dir() else None
    return None
