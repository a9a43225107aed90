"""The child process in which any two models are loaded and measured.

`python -m components.evaluate.standalone.worker` reads one line of JSON on stdin: {"examples",
"split", "bundles": {name: folder}, "digests": {name: digest}, "unmanaged": [name], "slices",
"output"}. It leaves tallies in the folder `output`, or says on stdout what is wrong. What comes
back are numbers, never objects.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from components.evaluate.measure.counts import CANDIDATE, Tally
from data.base.unneeded_imports import skip_unneeded_imports
from data.errors import PenstockError, StepError, deserialize_error, serialize_error
from data.examples.artifact import Examples, load_examples
from serving_export.bundle.manifest import EXAMPLES
from serving_export.bundle.model_trust import check_digest
from serving_export.clean_process import CleanProcess
from serving_export.parity.batch_independence import Difference


def measure_in_child(
    examples: Path,
    split: str,
    bundles: Mapping[str, Path],
    digests: Mapping[str, str],
    foreign: Collection[str],
    slices: Sequence[str],
    output: Path,
) -> tuple[Tally, dict[str, Tally], Difference]:
    """As `model_analysis.measure`, in a process of its own.

    Also asks the candidate in other arrangements, see `parity.batch_independence`.

    Args:
        examples: a folder of Examples.
        split: of them.
        bundles: model's name → SavedModel.
        digests: model's name → what names its bytes: no others are loaded.
        foreign: names of those that have no manifest of ours, and are to be loaded all the same.
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
        "digests": dict(digests),
        "unmanaged": sorted(foreign),
        "slices": list(slices),
        "output": str(output),
    }
    with closing(CleanProcess(__name__)) as process:
        for answer in process.run_job(job):
            raise deserialize_error(answer["error"]) or StepError(answer["error"])
        if process.process.wait():
            raise StepError(
                "the process that loads the models crashed",
                got=process.describe_exit(),
                follows="there is no verdict",
            )
    found = {p.name: Tally.from_bytes(p.read_bytes()) for p in output.glob("tally-*")}
    said = json.loads((output / "said.json").read_text(encoding="utf-8"))
    of_slices = {name: found[f"tally-{place}"] for place, name in enumerate(said["slices"])}
    return found["tally-all"], of_slices, Difference(*said["alone"])


def main() -> None:
    """Do the job on stdin; exit with 1 and the error on stdout where it cannot be done."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get into the answer
    skip_unneeded_imports()
    job = json.loads(sys.stdin.readline())
    try:
        _work(job, Path(job["output"]))
    except PenstockError as error:
        print(json.dumps({"error": serialize_error(error)}), file=answers)
        sys.exit(1)


def _work(job: dict[str, Any], output: Path) -> None:
    from components.context import Context
    from components.evaluate.measure.model_analysis import measure
    from components.evaluate.standalone.unmanaged_model import adapt

    for name, path in job["bundles"].items():
        check_digest(Path(path), job["digests"][name])
    examples = load_examples(Path(job["examples"]))
    bundles = {
        name: adapt(Path(path), examples.spec, output / f"adapted-{name}")
        if name in job["unmanaged"]
        else Path(path)
        for name, path in job["bundles"].items()
    }
    context = Context(output_dir=output)
    whole, slices = measure(examples, job["split"], bundles, context, slices=job["slices"])
    (output / "tally-all").write_bytes(whole.to_bytes())
    for place, tally in enumerate(slices.values()):
        (output / f"tally-{place}").write_bytes(tally.to_bytes())
    alone = _alone(bundles[CANDIDATE], examples, job["split"], CANDIDATE in job["unmanaged"])
    said = {"slices": list(slices), "alone": alone}
    (output / "said.json").write_text(json.dumps(said), encoding="utf-8")


def _alone(bundle: Path, examples: Examples, split: str, adapted: bool) -> Difference:
    from components.evaluate.standalone.unmanaged_model import load_adapted
    from serving_export.bundle.saved_model import load_bundle
    from serving_export.parity.batch_independence import find_bundle_difference, sample_images

    images, labels = sample_images(examples, split)
    if adapted:
        return find_bundle_difference(load_adapted(bundle), images, labels, [EXAMPLES])
    return find_bundle_difference(load_bundle(bundle), images, labels)


if __name__ == "__main__":
    main()
