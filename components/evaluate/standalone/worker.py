"""The child process in which models that no manifest of ours vouches for are loaded and measured.

`python -m components.evaluate.standalone.worker` reads one line of JSON on stdin: {"examples",
"split", "bundles": {name: folder}, "trusted": [name], "slices", "output"}. It leaves tallies in the
folder `output`, or says on stdout what is wrong. What comes back are numbers, never objects.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from components.evaluate.measure.counts import Tally
from data.errors import PenstockError, StepError, revive
from serving_export.clean_process import CleanProcess


def measure_in_child(
    examples: Path,
    split: str,
    bundles: Mapping[str, Path],
    trusted: Sequence[str],
    slices: Sequence[str],
    output: Path,
) -> tuple[Tally, dict[str, Tally]]:
    """As `model_analysis.measure`, in a process of its own.

    Args:
        examples: a folder of Examples.
        split: of them.
        bundles: model's name → SavedModel.
        trusted: names of those that are not ours, and are to be loaded all the same.
        slices: further slices.
        output: a folder for the child's files.

    Raises:
        PenstockError: what the child found wrong.
        StepError: the child crashed; its last words are in the error.
    """
    job = {
        "examples": str(examples),
        "split": split,
        "bundles": {name: str(path) for name, path in bundles.items()},
        "trusted": list(trusted),
        "slices": list(slices),
        "output": str(output),
    }
    with closing(CleanProcess(__name__)) as process:
        for answer in process.answers(job):
            raise revive(answer["error"]) or StepError(answer["error"])
        if process.process.wait():
            raise StepError(
                "the process that loads the models crashed",
                got=process.last_words(),
                follows="there is no verdict",
            )
    found = {p.stem: Tally.from_bytes(p.read_bytes()) for p in output.glob("tally-*.npz")}
    names = json.loads((output / "slices.json").read_text(encoding="utf-8"))
    return found["tally-all"], {n: found[f"tally-{i}"] for i, n in enumerate(names)}


def main() -> None:
    """Do the job on stdin; exit with 1 and the error on stdout where it cannot be done."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get into the answer
    job = json.loads(sys.stdin.readline())
    try:
        _work(job, Path(job["output"]))
    except PenstockError as error:
        print(json.dumps({"error": error.marked()}), file=answers)
        sys.exit(1)


def _work(job: dict[str, Any], output: Path) -> None:
    from components.context import Context
    from components.evaluate.measure.model_analysis import measure
    from components.evaluate.standalone.foreign_model import adapt
    from data.examples.artifact import load_examples

    examples = load_examples(Path(job["examples"]))
    bundles = {
        name: adapt(Path(path), examples.spec, output / f"adapted-{name}")
        if name in job["trusted"]
        else Path(path)
        for name, path in job["bundles"].items()
    }
    context = Context(output_dir=output)
    whole, slices = measure(examples, job["split"], bundles, context, slices=job["slices"])
    (output / "tally-all.npz").write_bytes(whole.to_bytes())
    for place, tally in enumerate(slices.values()):
        (output / f"tally-{place}.npz").write_bytes(tally.to_bytes())
    (output / "slices.json").write_text(json.dumps(list(slices)), encoding="utf-8")


if __name__ == "__main__":
    main()
