"""Load and measure two models in a child process.

`python -m components.evaluate.standalone.worker` waits for a job: {"examples", "split", "bundles":
{name: folder}, "digests": {name: digest}, "unmanaged": [name], "slices", "output"}. It writes
tallies to the folder `output`; the result is {"slices": [name], "alone": a Difference}. Only
numbers come back, never objects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from components.evaluate.measure.counts import CANDIDATE, Tally
from data.base.unneeded_imports import skip_unneeded_imports
from data.errors import StepError
from data.examples.artifact import Examples, load_examples
from serving_export.bundle.manifest import EXAMPLES
from serving_export.bundle.model_trust import check_digest
from serving_export.clean_process import CleanProcess, Progress, answer_jobs
from serving_export.parity.batch_independence import Difference


def measure_in_child(
    examples: Path,
    split: str,
    bundles: Mapping[str, Path],
    digests: Mapping[str, str],
    unmanaged: Collection[str],
    slices: Sequence[str],
    output: Path,
) -> tuple[Tally, dict[str, Tally], Difference]:
    """Run `model_analysis.measure` in a child process.

    Also measures the candidate on other batches of the same images: see
    `parity.batch_independence`.

    Args:
        examples: a folder of Examples.
        split: the split to measure on.
        bundles: name of the model → SavedModel.
        digests: name of the model → its digest; a model with another digest is not loaded.
        unmanaged: names of the models that have no Penstock manifest.
        slices: further slices.
        output: a folder for the files of the child.

    Raises:
        PenstockError: the error that the child found.
        StepError: the child crashed; its last output is in the error.
    """
    job = {
        "examples": str(examples),
        "split": split,
        "bundles": {name: str(path) for name, path in bundles.items()},
        "digests": dict(digests),
        "unmanaged": sorted(unmanaged),
        "slices": list(slices),
        "output": str(output),
    }
    with closing(CleanProcess(__name__)) as process:
        result = process.run_job(job)
        if result is None:
            raise StepError(
                "the process that loads the models crashed",
                expected="a process that measures the models and ends",
                got=process.describe_exit(),
                follows="there is no verdict",
                remedy="see its last output above; if it was killed, free memory. Then run the "
                "same command again",
            )
    tallies = {p.name: Tally.from_bytes(p.read_bytes()) for p in output.glob("tally-*")}
    slices_ = {name: tallies[f"tally-{index}"] for index, name in enumerate(result["slices"])}
    return tallies["tally-all"], slices_, Difference(*result["alone"])


def _work(job: dict[str, Any], _: Progress) -> dict[str, Any]:
    from components.context import Context
    from components.evaluate.measure.model_analysis import measure
    from components.evaluate.standalone.unmanaged_model import adapt

    output = Path(job["output"])
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
    for index, tally in enumerate(slices.values()):
        (output / f"tally-{index}").write_bytes(tally.to_bytes())
    adapted = CANDIDATE in job["unmanaged"]
    alone = _measure_alone(bundles[CANDIDATE], examples, job["split"], adapted)
    return {"slices": list(slices), "alone": alone}


def _measure_alone(bundle: Path, examples: Examples, split: str, adapted: bool) -> Difference:
    from components.evaluate.standalone.unmanaged_model import load_adapted
    from serving_export.bundle.saved_model import load_bundle
    from serving_export.parity.batch_independence import find_bundle_difference, sample_images

    images, labels = sample_images(examples, split)
    if adapted:
        return find_bundle_difference(load_adapted(bundle), images, labels, [EXAMPLES])
    return find_bundle_difference(load_bundle(bundle), images, labels)


if __name__ == "__main__":
    answer_jobs(skip_unneeded_imports, _work)
