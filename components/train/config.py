"""Define the config of Train: the model, its optimizer, and the training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from components.models import NAMES
from data.base.field_meanings import show_meanings
from data.code.import_path import resolve_import_path
from data.errors import ConfigError, suggest_names
from serving_export.bundle.manifest import MANIFEST
from serving_export.model_store.layout import find_bundle_folder

# values of `warm_start` that name the model that serves, or the model of a run
SERVING = "serving"
RUN = "run:"


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of Train."""

    model: str = "dense"
    """The model: dense, conv (for photographs), or the import path of your own function,
    package.module:build_model."""
    model_options: dict[str, Any] = field(default_factory=dict)
    """Options that are passed to build_model(spec, options)."""
    model_output: Literal["logits", "probabilities"] = "logits"
    """What the last layer gives. The loss and the softmax of the served model follow from it."""
    train_fn: str | None = None
    """Import path of your own training, train_fn(training) -> model, in place of the Keras
    training."""
    optimizer: str = "adam"
    """Name of a Keras optimizer."""
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the optimizer, by their names in Keras."""
    learning_rate: float | None = None
    """Learning rate. None: the default of the optimizer."""
    learning_rate_schedule: str | None = None
    """Name of a Keras learning rate schedule, such as CosineDecay, in place of learning_rate."""
    schedule_options: dict[str, Any] = field(default_factory=dict)
    """Arguments of the learning rate schedule, by their names in Keras. Schedules count optimizer
    steps. Without decay_steps the rate decays until the last step of the training."""
    epochs: int = 10
    """Passes over the train split."""
    batch_size: int = 32
    """Images per optimizer step, over all devices together."""
    shuffle: bool = True
    """Whether each epoch takes the images in a new random order. False: the stored order."""
    early_stop_patience: int | None = None
    """Stop after this many epochs without a lower validation loss, and keep the best weights. None:
    never stop early."""
    best_weights: bool = False
    """Whether to keep the weights of the epoch with the lowest validation loss. False: those of the
    last epoch."""
    warm_start: str | None = None
    """Model whose weights the training starts from: the folder of a pushed model, run:ID, or
    serving (the model that serves now). None: new weights."""
    warm_start_digest: str | None = None
    """Digest of that model. Filled in when the step is planned; no other model is loaded."""
    augmentation: dict[str, Any] = field(default_factory=dict)
    """Random changes of the training images: flip, rotation, shift, zoom, crop, contrast;
    see docs/how-to/training.md."""
    augmentation_fn: str | None = None
    """Import path of your own augmentation, augmentation_fn(images, seed) -> images."""
    class_weights: dict[str, float] = field(default_factory=dict)
    """Weight of each class in the loss, by class name. Classes that are not named have weight 1."""
    balance_classes: bool = False
    """Whether to weight classes so that each counts the same, however many images it has."""
    sample_weight_fn: str | None = None
    """Import path of a function that weights images in the loss, sample_weight_fn(images, labels)
    -> weights."""
    callbacks: tuple[str, ...] = ()
    """Import paths of your own Keras callbacks."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Device to train on. auto: all GPUs, else the CPU."""
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    """Precision of the arithmetic. auto: mixed_float16 on GPUs with tensor cores, else float32."""
    xla: Literal["auto", "never"] = "auto"
    """What XLA compiles. auto: the whole step on a GPU, the update of the weights on a CPU."""
    cache: Literal["auto", "memory", "disk", "stream"] = "auto"
    """Where decoded images are kept between epochs. auto: in memory if they fit, else on disk, else
    nowhere (stream)."""
    checkpoint_seconds: float = 30.0
    """Seconds between two checkpoints."""
    histograms: bool = False
    """Whether to write histograms of all variables for TensorBoard after each epoch."""
    profile_steps: tuple[int, int] | None = None
    """First step to profile for TensorBoard, and the step before which the profile ends; steps
    count from 0."""

    def __post_init__(self) -> None:
        resolve_import_path(self.model, NAMES, "model")
        for name in ("train_fn", "augmentation_fn", "sample_weight_fn"):
            if getattr(self, name) is not None:
                resolve_import_path(getattr(self, name), {}, name)
        for path in self.callbacks:
            resolve_import_path(path, {}, "callback")
        for name in ("epochs", "batch_size", "early_stop_patience", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(
                    f"train.{name} is out of range",
                    expected="a number above 0",
                    got=value,
                    remedy=f"--set train.{name}=VALUE with such a number",
                )
        for name, weight in self.class_weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ConfigError(
                    f"train.class_weights: the weight of {name!r} is out of range",
                    expected="0 or more",
                    got=weight,
                    remedy="set a weight in this range in train.class_weights",
                )
        if self.learning_rate is not None and self.learning_rate_schedule:
            raise ConfigError(
                "train.learning_rate and train.learning_rate_schedule cannot both be set",
                expected="only one of them",
                remedy="set the schedule's initial_learning_rate in train.schedule_options",
            )
        if not self.checkpoint_seconds >= 0:
            raise ConfigError(
                "train.checkpoint_seconds is out of range",
                expected="0 seconds or more",
                got=self.checkpoint_seconds,
                remedy="--set train.checkpoint_seconds=30, for example",
            )
        first, last = self.profile_steps or (0, 1)
        if not 0 <= first < last:
            raise ConfigError(
                "train.profile_steps is out of range",
                expected="a first step from 0, and a later step",
                got=list(self.profile_steps or ()),
                remedy="--set train.profile_steps=[10,20], for example",
            )

    def check_class_names(self, class_names: Sequence[str]) -> None:
        """Raise ConfigError if `class_weights` names a class that the data does not have."""
        for name in self.class_weights:
            if name not in class_names:
                raise ConfigError(
                    f"train.class_weights names {name!r}, which is no class of the data",
                    remedy=suggest_names(name, class_names),
                )

    def check_without_validation(self) -> None:
        """Raise ConfigError if a setting needs a validation split: there is none."""
        if self.early_stop_patience or self.best_weights:
            purpose = "early stopping" if self.early_stop_patience else "keeping the best weights"
            raise ConfigError(
                f"{purpose} needs a validation split, and there is none",
                remedy="--set ingest.validation_share=0.1, or --set train.early_stop_patience=none "
                "and train.best_weights=false",
            )

    @property
    def name(self) -> str:
        """The name of the model in messages and manifests."""
        return self.train_fn or self.model

    @property
    def model_path(self) -> str:
        """The import path of build_model."""
        return resolve_import_path(self.model, NAMES, "model")

    @property
    def train_fn_path(self) -> str:
        return self.train_fn or "components.train.keras_fit:train_fn"

    @property
    def warm_starts_by_word(self) -> bool:
        """Whether `warm_start` is `serving` or `run:ID`, which is looked up when a run begins."""
        value = self.warm_start or ""
        return value == SERVING or value.startswith(RUN)

    @property
    def warm_start_manifest(self) -> Path:
        """The manifest of the bundle that `warm_start` names; of a model, its highest version."""
        return find_bundle_folder(Path(str(self.warm_start))) / MANIFEST

    @property
    def own_code(self) -> tuple[str, ...]:
        """The import paths of all code that the config names."""
        optional = (self.train_fn, self.augmentation_fn, self.sample_weight_fn, *self.callbacks)
        return (self.model_path, self.train_fn_path, *(path for path in optional if path))
