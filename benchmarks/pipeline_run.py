"""Measure where the time of an uncached run goes.

    python benchmarks/pipeline_run.py digits
    python benchmarks/pipeline_run.py mnist --set ingest.source=idx --set ingest.path=DIR

Goal for digits: <= 35 s on two cores. The libraries' imports are measured beside it, each in a
process of its own with what the run has loaded before it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from timing import penstock, python, seconds

IMPORTS = {
    "apache_beam": "import apache_beam",
    "+ tensorflow": "import apache_beam, tensorflow",
    "+ tensorflow_transform": "import apache_beam, tensorflow, tensorflow_transform",
    "+ tensorflow_model_analysis": "import tensorflow_transform, tensorflow_model_analysis",
}


def main(words: list[str]) -> None:
    before = 0.0
    for name, code in IMPORTS.items():
        took = min(seconds(python(code), times=2))
        print(f"import {name:<30} {took - before:6.1f} s  (in all {took:.1f})", flush=True)
        before = took
    with tempfile.TemporaryDirectory() as root:
        (total,) = seconds(penstock("run", *words, "--root", root))
        events = next(Path(root).glob("runs/*/events.jsonl")).read_text().splitlines()
        ended = [e for line in events if (e := json.loads(line))["event"] == "ended"]
    steps = [event["execution"] for event in ended]
    for step in steps:
        print(f"{step['step']:<12} {step['seconds']:6.1f} s  {step['seconds'] / total:4.0%}")
    rest = total - sum(step["seconds"] for step in steps)
    print(f"{'the rest':<12} {rest:6.1f} s  {rest / total:4.0%}")
    print(f"{'in all':<12} {total:6.1f} s, imports of libraries about {before:.1f} s of them")


if __name__ == "__main__":
    main(sys.argv[1:] or ["digits"])
