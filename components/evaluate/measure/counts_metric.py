"""Our counts as a metric of TensorFlow Model Analysis.

Those of TensorFlow, each a pass of Keras for each slice and model, need three times as long for the
same numbers. Tests hold the two against one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluate.measure.counts import CANDIDATE, Tally, tally
from components.evaluate.measure.read_batches import BATCH_IMAGES, PLACE
from serving_export.bundle.manifest import PROBABILITIES


class TallyMetric(metric_types.Metric):
    """`Tally` as a metric of TensorFlow Model Analysis: its bytes, under the candidate's name."""

    def __init__(self, name: str = "tally") -> None:
        super().__init__(_computations, name=name)


def _computations(
    name: str, eval_config: config_pb2.EvalConfig | None = None, **_: Any
) -> metric_types.MetricComputations:
    models = [spec.name for spec in eval_config.model_specs] if eval_config else []
    # Alone, a model has no name in the analysis.
    key = metric_types.MetricKey(name=name, model_name=CANDIDATE if len(models) > 1 else "")
    wanted = metric_types.StandardMetricInputsPreprocessor(
        include_filter={constants.FEATURES_KEY: {PLACE: {}}}
    )
    return [
        metric_types.MetricComputation(
            [key], [wanted], _Count(key, models if len(models) > 1 else [CANDIDATE])
        )
    ]


# Of probabilities that wait to be counted, for each slice.
_WAITING_BYTES = 8 << 20


@dataclass
class _Counted:
    """A tally, and images that still wait to be counted."""

    tally: Tally | None = None
    # label, index in the split, and each model's probabilities
    waiting: list[tuple[Any, Any, dict[str, np.ndarray]]] = field(default_factory=list)

    @property
    def is_due(self) -> bool:
        if not self.waiting:
            return False
        of_one = sum(probabilities.nbytes for probabilities in self.waiting[0][2].values())
        return len(self.waiting) >= min(BATCH_IMAGES, max(1, _WAITING_BYTES // max(of_one, 1)))

    def settle(self) -> _Counted:
        """Count what waits: together, for one image at a time takes fifty times as long."""
        if self.waiting:
            labels, places, answers = zip(*self.waiting, strict=True)
            of_models = {m: np.stack([one[m] for one in answers]) for m in answers[0]}
            self.add(tally(np.concatenate(labels), np.concatenate(places), of_models))
            self.waiting = []
        return self

    def add(self, other: Tally | None) -> None:
        if other is not None:
            self.tally = other if self.tally is None else self.tally + other


def _of_model(found: Any, model: str) -> Any:
    """A model's own where there are several."""
    return found[model] if isinstance(found, Mapping) and model in found else found


def _probabilities(found: Any) -> np.ndarray:
    """A signature's only output comes without its name.

    A copy: what comes is a row of a batch, all of which would wait with it.
    """
    answer: np.ndarray = found[PROBABILITIES] if isinstance(found, Mapping) else found
    return answer.copy()


class _Count(beam.CombineFn):
    """The analysis' inputs → a Tally."""

    def __init__(self, key: metric_types.MetricKey, models: Sequence[str]) -> None:
        self.key, self.models = key, models

    def create_accumulator(self) -> _Counted:
        return _Counted()

    def add_input(self, counted: _Counted, one: Any) -> _Counted:
        answers = {m: _probabilities(_of_model(one.predictions, m)) for m in self.models}
        label = _of_model(one.labels, CANDIDATE)
        counted.waiting.append((label, one.features[PLACE], answers))
        return counted.settle() if counted.is_due else counted

    def compact(self, counted: _Counted) -> _Counted:
        return counted.settle()

    def merge_accumulators(self, several: Iterable[_Counted]) -> _Counted:
        merged = _Counted()
        for counted in several:
            merged.add(counted.settle().tally)
        return merged

    def extract_output(self, counted: _Counted) -> dict[metric_types.MetricKey, bytes]:
        found = counted.settle().tally
        return {self.key: found.to_bytes()} if found else {}
