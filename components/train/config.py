"""Train's config: the model, its optimizer, and how it is fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from components.models import NAMES
from data.code.import_path import resolve
from data.errors import ConfigError
from serving_export.bundle.manifest import MANIFEST
from serving_export.model_store.layout import bundle_folder

# words of `warm_start` for a model that runs have made: the one that serves, and that of a run
SERVING = "serving"
RUN = "run:"


@dataclass(frozen=True, kw_only=True)
class Config:
    # a name (dense) or an import path, package.module:build_model
    model: str = "dense"
    # passed to build_model(spec, options)
    model_options: dict[str, Any] = field(default_factory=dict)
    # what the model's last layer gives; the loss and the served softmax follow from it
    model_output: Literal["logits", "probabilities"] = "logits"
    # a training of one's own in place of Keras's, by import path: train_fn(training) -> model
    train_fn: str | None = None
    # Keras's name of an optimizer
    optimizer: str = "adam"
    # the optimizer's other arguments, by Keras's names
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    # None: the optimizer's own default
    learning_rate: float | None = None
    # Keras's name of a schedule, such as CosineDecay, in place of learning_rate
    learning_rate_schedule: str | None = None
    # the schedule's arguments, by Keras's names; they count optimizer steps
    schedule_options: dict[str, Any] = field(default_factory=dict)
    # passes over the train split
    epochs: int = 10
    # images per optimizer step, on all devices together
    batch_size: int = 32
    # a new order of the images in each epoch; false: the order at rest
    shuffle: bool = True
    # stop after so many epochs without a better validation loss, keep the best weights; None: never
    early_stop_patience: int | None = None
    # end with the weights of the epoch with the best validation loss
    best_weights: bool = False
    # begin with the weights of this pushed model, a folder, of a run, run:ID, or of the model that
    # serves, serving; None: anew
    warm_start: str | None = None
    # the digest of that model, found when the step is planned; no other is loaded
    warm_start_digest: str | None = None
    # random changes of the images in training: flip, rotation, shift, crop;
    # see docs/how-to/training.md
    augmentation: dict[str, Any] = field(default_factory=dict)
    # one's own, by import path: augmentation_fn(images, seed) -> images
    augmentation_fn: str | None = None
    # how much a class counts, by its name; others count 1
    class_weights: dict[str, float] = field(default_factory=dict)
    # let all classes count the same, however many images they have
    balance_classes: bool = False
    # how much an image counts, by import path: sample_weight_fn(images, labels) -> weights
    sample_weight_fn: str | None = None
    # Keras callbacks of one's own, by import path
    callbacks: tuple[str, ...] = ()
    # auto: all GPUs, else the CPU
    device: Literal["auto", "cpu", "gpu"] = "auto"
    # auto: mixed_float16 on GPUs that are made for it, else float32
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    # auto: the whole step on a GPU, the optimizer's update on a CPU
    xla: Literal["auto", "never"] = "auto"
    # where the images lie between epochs; auto: in memory, else on disk, else read from the shards
    cache: Literal["auto", "memory", "disk", "stream"] = "auto"
    # seconds between checkpoints
    checkpoint_seconds: float = 30.0
    # write histograms of all variables for TensorBoard
    histograms: bool = False
    # profile the steps from the first to before the second for TensorBoard, counted from 0
    profile_steps: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        resolve(self.model, NAMES, "model")
        for name in ("train_fn", "augmentation_fn", "sample_weight_fn"):
            if getattr(self, name) is not None:
                resolve(getattr(self, name), {}, name)
        for path in self.callbacks:
            resolve(path, {}, "callback")
        for name in ("epochs", "batch_size", "early_stop_patience", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"train.{name} must be more than 0", got=value)
        for name, weight in self.class_weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ConfigError(
                    f"train.class_weights: {name!r} is out of range",
                    expected="a number from 0",
                    got=weight,
                )
        if self.learning_rate is not None and self.learning_rate_schedule:
            raise ConfigError(
                "train.learning_rate and train.learning_rate_schedule exclude one another",
                remedy="set the schedule's initial_learning_rate in train.schedule_options",
            )
        if not self.checkpoint_seconds >= 0:
            raise ConfigError(
                "train.checkpoint_seconds is out of range",
                expected="seconds, from 0",
                got=self.checkpoint_seconds,
            )
        first, last = self.profile_steps or (0, 1)
        if not 0 <= first < last:
            raise ConfigError(
                "train.profile_steps is out of range",
                expected="the first step, from 0, and a later one",
                got=list(self.profile_steps or ()),
            )

    @property
    def name(self) -> str:
        """What messages and manifests call the model."""
        return self.train_fn or self.model

    @property
    def model_path(self) -> str:
        """The import path of build_model."""
        return resolve(self.model, NAMES, "model")

    @property
    def train_fn_path(self) -> str:
        return self.train_fn or "components.train.keras_fit:train_fn"

    @property
    def warm_starts_by_word(self) -> bool:
        """Whether `warm_start` is a word: which model that means is known when a run begins."""
        named = self.warm_start or ""
        return named == SERVING or named.startswith(RUN)

    @property
    def warm_start_manifest(self) -> Path:
        """The manifest of the bundle that `warm_start` names; of a model, its highest version's."""
        return bundle_folder(Path(str(self.warm_start))) / MANIFEST

    @property
    def own_code(self) -> tuple[str, ...]:
        """The import paths of all that the config names."""
        named = (self.train_fn, self.augmentation_fn, self.sample_weight_fn, *self.callbacks)
        return (self.model_path, self.train_fn_path, *(path for path in named if path))
