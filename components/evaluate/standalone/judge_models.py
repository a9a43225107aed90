"""Judge any two SavedModels on any Examples, without a pipeline."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evaluate.component import check_inputs
from components.evaluate.measure.counts import BASELINE, CANDIDATE
from components.evaluate.measure.measurements import Facts, Measured, Reference
from components.evaluate.provenance import code_versions, data_identity
from components.evaluate.standalone.worker import measure_in_child
from components.evaluate.verdict import judge
from data.base.durable_files import digest_tree
from data.errors import BadDataError
from data.examples.artifact import Examples, load_examples
from serving_export.bundle.manifest import MANIFEST, read_manifest, verify_bundle
from serving_export.model_store.layout import bundle_folder

if TYPE_CHECKING:
    from components.evaluate.config import Config


def judge_models(
    candidate: Path,
    baseline: Path | None,
    examples_dir: Path,
    config: Config,
    trusted: Collection[Path] = (),
) -> dict[str, Any]:
    """The verdict on a candidate, as `verdict.json` has it.

    Models are loaded in a child process.

    Args:
        candidate: a SavedModel; a folder of versions stands for the highest.
        baseline: what it is compared with; None: absolute rules alone decide.
        examples_dir: a folder of Examples.
        config: the rules; what it says of the model that serves is not looked at.
        trusted: folders of models that are to be loaded though no manifest of ours vouches for
            them.

    Raises:
        ConfigError: no such split; a rule on something that the data does not have.
        BadDataError: a model without a manifest that is not trusted, whose bytes changed, or that
            cannot be asked about these images.
    """
    examples = load_examples(examples_dir)
    check_inputs(config, {"examples": examples})
    folders = {CANDIDATE: bundle_folder(candidate)}
    if baseline is not None:
        folders[BASELINE] = bundle_folder(baseline)
    trusted = {path.resolve() for path in trusted}
    foreign = {
        name
        for name, folder in folders.items()
        if {folder.resolve(), folder.resolve().parent} & trusted
        and not (folder / MANIFEST).is_file()
    }
    digests = {n: _digest(f, n in foreign, examples) for n, f in folders.items()}
    with tempfile.TemporaryDirectory(prefix="penstock-gate-") as output:
        whole, slices, alone = measure_in_child(
            examples_dir, config.split, folders, sorted(foreign), config.slices, Path(output)
        )
    measured = Measured(
        split=config.split,
        class_names=examples.spec.class_names,
        tally=whole,
        slices=slices,
        facts=Facts(alone=alone),
        baseline=Reference(digest=digests[BASELINE]) if BASELINE in digests else None,
        confidence=config.confidence,
    )
    about = {"data": data_identity(examples, config.split), "code": code_versions()}
    return judge(measured, config, digests[CANDIDATE], about)


def _digest(folder: Path, foreign: bool, examples: Examples) -> str:
    """What names a model's bytes; of one of ours they are checked."""
    if foreign:
        listed = digest_tree(folder)
        return hashlib.sha256(repr(sorted(listed.items())).encode()).hexdigest()
    if not (folder / MANIFEST).is_file():
        raise BadDataError(
            f"no manifest vouches for {folder}",
            expected=f"a model that Penstock wrote, with its {MANIFEST}",
            got="no such folder" if not folder.is_dir() else "none",
            follows="it was not loaded: a SavedModel is a program",
            remedy=f"if you know where it comes from: --trust {folder}",
        )
    digest = verify_bundle(folder)
    spec = read_manifest(folder).spec
    if spec != examples.spec:
        raise BadDataError(
            f"{folder} was trained on other images than these", expected=examples.spec, got=spec
        )
    return digest
