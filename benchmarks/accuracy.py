"""Measure recipes' accuracy on the official test split over seeds; print a Markdown table.

    python benchmarks/accuracy.py --path MNIST_DIR --fashion-path FASHION_DIR    # the tutorials'
    python benchmarks/accuracy.py mnist --seeds 3 --set ingest.source=idx --set ingest.path=DIR
    python benchmarks/accuracy.py digits

Ingest and normalize, which know no seed, run once for a recipe. Then each seed, from 0, trains and
is evaluated by the components. Goal and published figure are those of the tutorial.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components import evaluate, train
from components.context import Context
from data.files.durable_files import read_json
from pipeline import recipes
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.run import run


@dataclass(frozen=True, kw_only=True)
class Tutorial:
    data: str  # "mnist" or "fashion"
    goal: float  # mean accuracy of five seeds, at least
    published: float  # what the tutorial printed


TUTORIALS = {
    "mnist": Tutorial(data="mnist", goal=0.979, published=0.979),
    "fashion_first": Tutorial(data="fashion", goal=0.870, published=0.8758),
    "fashion_basic": Tutorial(data="fashion", goal=0.880, published=0.8848),
    "mnist_from_scratch": Tutorial(data="mnist", goal=0.814, published=0.82),
    "mnist_first_contact": Tutorial(data="mnist", goal=0.979, published=0.9822),
}


def add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", help="folder with MNIST's four IDX files")
    parser.add_argument("--fashion-path", help="folder with Fashion-MNIST's")


def configured(recipe: str, options: argparse.Namespace) -> PipelineConfig:
    """Build the recipe, with the tutorial's IDX files if the options name them."""
    pipeline = recipes.build(recipe)
    data = TUTORIALS[recipe].data if recipe in TUTORIALS else ""
    path = {"mnist": options.path, "fashion": options.fashion_path}.get(data)
    if path is None:
        return pipeline
    return apply_settings(pipeline, ["ingest.source=idx", f"ingest.path={path}"])


def prepared(pipeline: PipelineConfig, root: Path) -> train.Inputs:
    """Run the pipeline up to its training data in this root, unless cached."""
    outputs = run(pipeline, root=root, last="normalize").outputs
    return train.Inputs(
        examples=outputs["ingest"].examples,
        transform_graph=outputs["normalize"].transform_graph,
    )


def accuracy(pipeline: PipelineConfig, inputs: train.Inputs, seed: int) -> float:
    """Train with this seed, and measure the accuracy as Evaluate does."""
    with tempfile.TemporaryDirectory() as name:
        contexts = [
            Context(output_dir=Path(name, part), seed=seed) for part in ("model", "verdict")
        ]
        for context in contexts:
            context.output_dir.mkdir()
        model = train.run(inputs, pipeline.step("train").config, contexts[0]).model
        judged = evaluate.Inputs(examples=inputs.examples, model=model)
        verdict = evaluate.run(judged, pipeline.step("evaluate").config, contexts[1]).verdict
        return float(
            read_json(verdict.path / "verdict.json")["metrics"]["candidate"]["overall"]["accuracy"]
        )


def table(found: Mapping[str, Sequence[float]]) -> str:
    """Format a row for each recipe: seeds, mean, standard deviation, goal, published figure."""
    seeds = range(max(map(len, found.values())))
    head = ["recipe", *(f"seed {seed}" for seed in seeds), "mean", "sd", "goal", "published"]
    rows = [head, ["---"] * len(head)]
    for recipe, figures in found.items():
        mean, tutorial = statistics.mean(figures), TUTORIALS.get(recipe)
        row = [f"`{recipe}`", *(f"{figure:.4f}" for figure in figures), f"{mean:.4f}"]
        row.append(f"{statistics.stdev(figures):.4f}" if len(figures) > 1 else "")
        if tutorial:
            met = "met" if mean >= tutorial.goal else "missed"
            row += [f"≥ {tutorial.goal:.3f}: {met}", f"{tutorial.published:g}"]
        else:
            row += ["", ""]
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", nargs="*", default=list(TUTORIALS), help="default: the tutorials")
    parser.add_argument("--seeds", type=int, default=5, help="how many, default 5")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    add_data_options(parser)
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as root:
        for recipe in options.recipe:
            pipeline = apply_settings(configured(recipe, options), options.settings)
            inputs = prepared(pipeline, Path(root))
            for seed in range(options.seeds):
                found.setdefault(recipe, []).append(accuracy(pipeline, inputs, seed))
                print(f"{recipe}, seed {seed}: {found[recipe][-1]:.4f}", file=sys.stderr)
    print(table(found))


if __name__ == "__main__":
    main()
