"""From a candidate to its verdict: gather the facts, measure, judge."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.artifacts import Examples, Model
from components.context import Context
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.provenance import identify_data, read_code_versions
from components.evaluate.references import find_reference
from components.evaluate.verdict import judge
from serving_export.bundle.saved_model import load_bundle
from serving_export.bundle.training_images import hash_split, read_training_hashes
from serving_export.bundle.weights import count_changed_weights, count_nonfinite_weights
from serving_export.model_store.baseline import ReferenceModels
from serving_export.model_store.best import NONE
from serving_export.parity.batch_independence import find_bundle_difference, sample_images
from serving_export.parity.check import measure_image_difference, measure_transform_difference

if TYPE_CHECKING:
    from components.evaluate.config import Config


_SHOWN = 5  # images that were trained on, of which it is said which they are


def assess(examples: Examples, model: Model, config: Config, context: Context) -> dict[str, Any]:
    """The verdict on a candidate whose bundle is verified, as `verdict.json` has it."""
    found = config.against or ReferenceModels()
    references = _references(found, examples, context)
    bundles = {
        CANDIDATE: model.bundle,
        **{name: folder for name, (_, folder) in references.items() if folder},
    }
    serves_best = BASELINE in bundles and bundles.get(BEST) == bundles[BASELINE]
    if serves_best:
        del bundles[BEST]  # measured once
    from components.evaluate.measure.model_analysis import measure

    whole, slices = measure(examples, config.split, bundles, context, slices=config.slices)
    if serves_best:
        whole = whole.with_alias(BEST, BASELINE)
        slices = {name: some.with_alias(BEST, BASELINE) for name, some in slices.items()}
    known: dict[str, Reference] = {name: reference for name, (reference, _) in references.items()}
    measured = Measurements(
        split=config.split,
        class_names=examples.spec.class_names,
        tally=whole,
        slices=slices,
        facts=dataclasses.replace(_facts(model, examples, config.split), replaced=found.replaced),
        baseline=known.get(BASELINE),
        best=known.get(BEST),
        confidence=config.confidence,
    )
    about = {"data": identify_data(examples, config.split), "code": read_code_versions()}
    return judge(measured, config, model.digest, about)


def _references(
    found: ReferenceModels, examples: Examples, context: Context
) -> dict[str, tuple[Reference, Path | None]]:
    """The models to compare with, by what they are to the candidate."""
    folder = context.model_dir
    if folder is None:
        return {}
    named = {BASELINE: found.baseline, BEST: found.best}
    versions = {  # looked up once, for the best is often the one that serves
        digest: find_reference(folder, digest, examples.spec, found.untrusted.get(digest, ""))
        for digest in dict.fromkeys(named.values())
        if digest != NONE
    }
    return {name: versions[digest] for name, digest in named.items() if digest in versions}


def _facts(model: Model, examples: Examples, split: str) -> SanityFacts:
    """What training recorded, against what the bundle does when it is loaded afresh."""
    bundle = load_bundle(model.bundle, model.digest)
    recorded, trained = model.path / "parity.npz", read_training_hashes(model.bundle)
    places = None
    if trained is not None:
        places = np.flatnonzero(np.isin(hash_split(examples, split), trained))
    there = recorded.is_file()
    return SanityFacts(
        parity=measure_image_difference(bundle, recorded) if there else None,
        transform=measure_transform_difference(bundle.saved, recorded) if there else None,
        alone=find_bundle_difference(bundle, *sample_images(examples, split)),
        changed_weights=count_changed_weights(bundle.saved, recorded) if there else None,
        unsound_weights=count_nonfinite_weights(bundle.saved),
        trained_on=None if places is None else len(places),
        trained_on_indices=() if places is None else tuple(places[:_SHOWN].tolist()),
    )
