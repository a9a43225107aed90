"""Make the verdict on a candidate: gather facts, measure, judge."""

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
from serving_export.bundle.saved_model import Bundle, load_bundle
from serving_export.bundle.training_images import hash_split, read_training_hashes
from serving_export.bundle.weights import count_changed_weights, count_nonfinite_weights
from serving_export.model_store.baseline import ReferenceModels
from serving_export.model_store.best import NONE
from serving_export.parity.batch_independence import find_bundle_difference, sample_images
from serving_export.parity.check import measure_image_difference, measure_transform_difference

if TYPE_CHECKING:
    from components.evaluate.config import Config


_LISTED = 5  # images of the split that were trained on, listed by their index


def assess(examples: Examples, model: Model, config: Config, context: Context) -> dict[str, Any]:
    """Measure and judge a candidate, after its bundle was verified; returns `verdict.json`."""
    against = config.against or ReferenceModels()
    loaded = [load_bundle(model.bundle, model.digest)]  # kept open, so that each is loaded once
    references = _find_references(against, examples, context, loaded)
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
    models: dict[str, Reference] = {name: reference for name, (reference, _) in references.items()}
    measured = Measurements(
        split=config.split,
        class_names=examples.spec.class_names,
        tally=whole,
        slices=slices,
        facts=dataclasses.replace(
            _gather_facts(loaded[0], model, examples, config.split), replaced=against.replaced
        ),
        baseline=models.get(BASELINE),
        best=models.get(BEST),
        confidence=config.confidence,
    )
    about = {"data": identify_data(examples, config.split), "code": read_code_versions()}
    return judge(measured, config, model.digest, about)


def _find_references(
    against: ReferenceModels, examples: Examples, context: Context, loaded: list[Bundle]
) -> dict[str, tuple[Reference, Path | None]]:
    """Find the models to compare with, "baseline" and "best"; add the bundles to `loaded`."""
    folder = context.model_dir
    if folder is None:
        return {}
    named = {BASELINE: against.baseline, BEST: against.best}
    versions = {  # each is looked up once: the best is often the one that serves
        digest: find_reference(
            folder, digest, examples, against.untrusted.get(digest, ""), keep=loaded.append
        )
        for digest in dict.fromkeys(named.values())
        if digest != NONE
    }
    return {name: versions[digest] for name, digest in named.items() if digest in versions}


def _gather_facts(bundle: Bundle, model: Model, examples: Examples, split: str) -> SanityFacts:
    """Compare what training recorded with what the bundle does when it is loaded again."""
    recorded, trained = model.path / "parity.npz", read_training_hashes(model.bundle)
    indices = None
    if trained is not None:
        indices = np.flatnonzero(np.isin(hash_split(examples, split), trained))
    has_record = recorded.is_file()
    return SanityFacts(
        parity=measure_image_difference(bundle, recorded) if has_record else None,
        transform=measure_transform_difference(bundle.saved, recorded) if has_record else None,
        alone=find_bundle_difference(bundle, *sample_images(examples, split)),
        changed_weights=count_changed_weights(bundle.saved, recorded) if has_record else None,
        unsound_weights=count_nonfinite_weights(bundle.saved),
        trained_on=None if indices is None else len(indices),
        trained_on_indices=() if indices is None else tuple(indices[:_LISTED].tolist()),
    )
