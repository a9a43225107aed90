"""Our counts as a metric of TensorFlow Model Analysis.

Those of TensorFlow, each a pass of Keras for each slice and model, need three times as long for the
same numbers. Tests hold the two against one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluate.measure.counts import CANDIDATE, Tally, tally_batch
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


_WAITING_BYTES = 4 << 20  # of probabilities that wait to be counted, for each slice


class _Counted:
    """A tally, and images that still wait to be counted.

    They are counted together, for one at a time takes fifty times as long. Their probabilities are
    copied: what comes is a row of a batch, all of which would wait with it.
    """

    def __init__(self) -> None:
        self.tally: Tally | None = None
        self._labels: list[Any] = []
        self._places: list[Any] = []
        self._answers: dict[str, np.ndarray] = {}  # model → (room for images, classes) float32

    def wait(self, label: Any, place: Any, answers: Mapping[str, np.ndarray]) -> None:
        """Take an image; count all that wait where there is room for no more."""
        if not self._answers:
            of_one = 4 * sum(map(len, answers.values()))
            room = min(BATCH_IMAGES, max(1, _WAITING_BYTES // max(of_one, 1)))
            self._answers = {m: np.empty((room, len(a)), np.float32) for m, a in answers.items()}
        for model, answer in answers.items():
            self._answers[model][len(self._labels)] = answer
        self._labels.append(label)
        self._places.append(place)
        if len(self._labels) == len(self._answers[CANDIDATE]):
            self.settle()

    def settle(self) -> _Counted:
        """Count what waits."""
        if self._labels:
            answers = {m: found[: len(self._labels)] for m, found in self._answers.items()}
            self.add(
                tally_batch(np.concatenate(self._labels), np.concatenate(self._places), answers)
            )
            self._labels, self._places = [], []
        return self

    def add(self, other: Tally | None) -> None:
        if other is not None:
            self.tally = other if self.tally is None else self.tally + other

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(_Counted()), "tally": self.settle().tally}


def _of_model(found: Any, model: str) -> Any:
    """A model's own where there are several."""
    return found[model] if isinstance(found, Mapping) and model in found else found


def _probabilities(found: Any) -> np.ndarray:
    """A signature's only output comes without its name."""
    answer: np.ndarray = found[PROBABILITIES] if isinstance(found, Mapping) else found
    return answer


class _Count(beam.CombineFn):
    """The analysis' inputs → a Tally."""

    def __init__(self, key: metric_types.MetricKey, models: Sequence[str]) -> None:
        self.key, self.models = key, models

    def create_accumulator(self) -> _Counted:
        return _Counted()

    def add_input(self, counted: _Counted, one: Any) -> _Counted:
        answers = {m: _probabilities(_of_model(one.predictions, m)) for m in self.models}
        label = _of_model(one.labels, CANDIDATE)
        counted.wait(label, one.features[PLACE], answers)
        return counted

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
