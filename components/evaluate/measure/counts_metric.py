"""Provide the tally as a metric of TensorFlow Model Analysis.

The metrics of TensorFlow, each a pass of Keras for each slice and model, take three times as long
for the same numbers. Tests compare the two.
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
from components.evaluate.measure.read_batches import BATCH_IMAGES, INDEX
from serving_export.bundle.manifest import PROBABILITIES


class TallyMetric(metric_types.Metric):
    """A metric whose value is the bytes of a `Tally`, under the name of the candidate."""

    def __init__(self, name: str = "tally") -> None:
        super().__init__(_make_computations, name=name)


def _make_computations(
    name: str, eval_config: config_pb2.EvalConfig | None = None, **_: Any
) -> metric_types.MetricComputations:
    models = [spec.name for spec in eval_config.model_specs] if eval_config else []
    # A single model has no name in the analysis.
    key = metric_types.MetricKey(name=name, model_name=CANDIDATE if len(models) > 1 else "")
    preprocessor = metric_types.StandardMetricInputsPreprocessor(
        include_filter={constants.FEATURES_KEY: {INDEX: {}}}
    )
    return [
        metric_types.MetricComputation(
            [key], [preprocessor], _Count(key, models if len(models) > 1 else [CANDIDATE])
        )
    ]


_BUFFER_BYTES = 4 << 20  # of probabilities that are not counted yet, for each slice


class _Accumulator:
    """A tally, and a buffer of images that are not counted yet.

    Counting images one at a time would take fifty times as long. Their probabilities are copied,
    because each is a row of a batch that would otherwise stay in memory.
    """

    def __init__(self) -> None:
        self.tally: Tally | None = None
        self._labels: list[Any] = []
        self._indices: list[Any] = []
        self._answers: dict[str, np.ndarray] = {}  # model → (size of the buffer, classes) float32

    def append(self, label: Any, index: Any, answers: Mapping[str, np.ndarray]) -> None:
        """Add an image to the buffer; count the buffer if it is full."""
        if not self._answers:
            image_bytes = 4 * sum(map(len, answers.values()))
            size = min(BATCH_IMAGES, max(1, _BUFFER_BYTES // max(image_bytes, 1)))
            self._answers = {m: np.empty((size, len(a)), np.float32) for m, a in answers.items()}
        for model, answer in answers.items():
            self._answers[model][len(self._labels)] = answer
        self._labels.append(label)
        self._indices.append(index)
        if len(self._labels) == len(self._answers[CANDIDATE]):
            self.flush()

    def flush(self) -> _Accumulator:
        """Count the images in the buffer."""
        if self._labels:
            answers = {m: rows[: len(self._labels)] for m, rows in self._answers.items()}
            self.add(
                tally_batch(np.concatenate(self._labels), np.concatenate(self._indices), answers)
            )
            self._labels, self._indices = [], []
        return self

    def add(self, other: Tally | None) -> None:
        if other is not None:
            self.tally = other if self.tally is None else self.tally + other

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(_Accumulator()), "tally": self.flush().tally}


def _select_model(values: Any, model: str) -> Any:
    """Select the value of one model if there are several models."""
    return values[model] if isinstance(values, Mapping) and model in values else values


def _select_probabilities(outputs: Any) -> np.ndarray:
    """Select the probabilities. A signature with only one output gives it without a name."""
    probabilities: np.ndarray = outputs[PROBABILITIES] if isinstance(outputs, Mapping) else outputs
    return probabilities


class _Count(beam.CombineFn):
    """Combine the inputs of the analysis into a Tally."""

    def __init__(self, key: metric_types.MetricKey, models: Sequence[str]) -> None:
        self.key, self.models = key, models

    def create_accumulator(self) -> _Accumulator:
        return _Accumulator()

    def add_input(self, counted: _Accumulator, element: Any) -> _Accumulator:
        answers = {
            m: _select_probabilities(_select_model(element.predictions, m)) for m in self.models
        }
        label = _select_model(element.labels, CANDIDATE)
        counted.append(label, element.features[INDEX], answers)
        return counted

    def compact(self, counted: _Accumulator) -> _Accumulator:
        return counted.flush()

    def merge_accumulators(self, several: Iterable[_Accumulator]) -> _Accumulator:
        merged = _Accumulator()
        for counted in several:
            merged.add(counted.flush().tally)
        return merged

    def extract_output(self, counted: _Accumulator) -> dict[metric_types.MetricKey, bytes]:
        tally = counted.flush().tally
        return {self.key: tally.to_bytes()} if tally else {}
