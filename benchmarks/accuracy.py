"""A recipe's accuracy over seeds: `python benchmarks/accuracy.py mnist --seeds 3 --set …`.

Prints each seed's accuracy on the official test split, as Evaluate measured it, then mean and
standard deviation.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from data.durable import read_json
from pipeline import recipes
from pipeline.config import apply_settings
from pipeline.local import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as root:
        for seed in range(options.seeds):
            settings = [*options.settings, f"seed={seed}"]
            pipeline = apply_settings(recipes.build(options.recipe), settings)
            verdict = run(pipeline, root=Path(root), last="evaluate").verdict
            assert verdict
            found.append(read_json(verdict.path / "verdict.json")["overall"]["accuracy"])
            print(f"seed {seed}  {found[-1]:.4f}  {verdict.status}", flush=True)
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    print(f"{options.recipe}: {statistics.mean(found):.4f}, sd {deviation:.4f}, {len(found)} seeds")


if __name__ == "__main__":
    main()
