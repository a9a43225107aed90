"""Judge any two SavedModels on any Examples, without a pipeline."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evaluate.component import check_inputs
from components.evaluate.measure.counts import BASELINE, CANDIDATE
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.provenance import identify_data, read_code_versions
from components.evaluate.references import explain_misfit
from components.evaluate.standalone.worker import measure_in_child
from components.evaluate.verdict import judge
from data.errors import BadDataError
from data.examples.artifact import Examples, load_examples
from serving_export.bundle.manifest import MANIFEST, read_manifest
from serving_export.bundle.model_trust import TrustCheck, digest_model_folder
from serving_export.model_store.layout import find_bundle_folder

if TYPE_CHECKING:
    from components.evaluate.config import Config


def judge_models(
    candidate: Path,
    baseline: Path | None,
    examples_dir: Path,
    config: Config,
    vouch: TrustCheck,
) -> dict[str, Any]:
    """Judge a candidate; returns the content of `verdict.json`.

    The models are loaded in a child process.

    Args:
        candidate: a SavedModel; of a folder of versions the highest is taken.
        baseline: the SavedModel to compare with; None: only absolute rules decide.
        examples_dir: a folder of Examples.
        config: the rules; its `baseline` and `against` are ignored.
        vouch: called for both models, with their digests, before either is loaded.

    Raises:
        ConfigError: there is no such split; a rule is about images that the data does not have.
        BadDataError: a model is not trusted, is damaged, or does not fit these images.
    """
    examples = load_examples(examples_dir)
    check_inputs(config, {"examples": examples})
    folders = {CANDIDATE: find_bundle_folder(candidate)}
    if baseline is not None:
        folders[BASELINE] = find_bundle_folder(baseline)
    digests = {name: digest_model_folder(folder) for name, folder in folders.items()}
    for name, folder in folders.items():
        vouch(folder, digests[name])
    unmanaged = {name for name, folder in folders.items() if not (folder / MANIFEST).is_file()}
    for name in folders.keys() - unmanaged:
        _check_spec(folders[name], examples)
    with tempfile.TemporaryDirectory(prefix="penstock-gate-") as output:
        whole, slices, alone = measure_in_child(
            examples_dir, config.split, folders, digests, unmanaged, config.slices, Path(output)
        )
    measured = Measurements(
        split=config.split,
        class_names=examples.spec.class_names,
        tally=whole,
        slices=slices,
        facts=SanityFacts(alone=alone),
        baseline=Reference(digest=digests[BASELINE]) if BASELINE in digests else None,
        confidence=config.confidence,
    )
    about = {"data": identify_data(examples, config.split), "code": read_code_versions()}
    return judge(measured, config, digests[CANDIDATE], about)


def _check_spec(folder: Path, examples: Examples) -> None:
    misfit = explain_misfit(read_manifest(folder).spec, examples)
    if misfit:
        raise BadDataError(
            f"{folder} does not fit these examples",
            expected=examples.spec,
            got=misfit,
            remedy="give --examples of the shape, the classes and the geometry that the model was "
            "trained with",
        )
