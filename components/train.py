"""Train: fit a Keras 3 model on the train split and write the candidate's whole serving bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from components.artifacts import Examples, Model, TransformGraph
from components.context import Context, Depends
from components.models import NAMES
from data.errors import ConfigError
from data.import_path import load_object, resolve


@dataclass(frozen=True, kw_only=True)
class Config:
    # a name (dense) or an import path, package.module:build_model
    model: str = "dense"
    # passed to build_model(spec, options)
    model_options: dict[str, Any] = field(default_factory=dict)
    # what the model's last layer gives; the loss and the served softmax follow from it
    model_output: Literal["logits", "probabilities"] = "logits"
    # Keras's name of an optimizer
    optimizer: str = "adam"
    # None: the optimizer's own default
    learning_rate: float | None = None
    # passes over the train split
    epochs: int = 10
    # images per optimizer step
    batch_size: int = 32
    # stop after so many epochs without a better validation loss, keep the best weights; None: never
    early_stop_patience: int | None = None

    def __post_init__(self) -> None:
        resolve(self.model, NAMES, "model")
        for name in ("epochs", "batch_size", "early_stop_patience", "learning_rate"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"train.{name} must be more than 0", got=value)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples
    transform_graph: TransformGraph


@dataclass(frozen=True, kw_only=True)
class Outputs:
    model: Model


def depends(config: Config) -> Depends:
    return Depends(modules=(_path_of(config).partition(":")[0],))


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Fit, then write `bundle/`, `history.json` and `parity.npz`.

    With the same seed on the same CPU the weights are the same bit for bit.

    Raises:
        ConfigError: a model or optimizer that cannot be built, an output of the wrong width,
            early stopping without a validation split.
        StepError: the loss became NaN or infinite; says at which step.
    """
    build_model = load_object(_path_of(config))
    from components.training import train

    path = context.output_dir / "model"
    digest = train(inputs.examples, inputs.transform_graph, build_model, config, path, context)
    return Outputs(model=Model(path=path, spec=inputs.examples.spec, digest=digest))


def _path_of(config: Config) -> str:
    return resolve(config.model, NAMES, "model")
