"""Normalize: make the graph of the preprocessing, with tensorflow-transform on Beam.

This graph is the only copy of the preprocessing. A `preprocessing_fn` has the signature of
tensorflow-transform, so one written for TFX works. It gets

    image  (batch, height, width, channels) float32, 0-255   (tf.Example has no uint8)
    label  (batch,) int64

as a dict and returns a dict with at least `image`, the input of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.artifacts import Examples, ExpectedExamples, TransformGraph
from components.context import Context, Depends
from data.base.field_meanings import show_meanings
from data.code.import_path import load_object, resolve_import_path
from data.code.user_object import check_call, check_object

NAMES = {"divide_by_255": "components.normalize.functions:divide_by_255"}


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of Normalize."""

    preprocessing_fn: str = "divide_by_255"
    """The preprocessing: divide_by_255, or the import path of your own function,
    package.module:function, with the signature of tensorflow-transform."""

    def __post_init__(self) -> None:
        resolve_import_path(self.preprocessing_fn, NAMES, "preprocessing_fn")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples


@dataclass(frozen=True, kw_only=True)
class Outputs:
    transform_graph: TransformGraph


def depends(config: Config) -> Depends:
    return Depends(modules=(_resolve_path(config).partition(":")[0],))


def check_expected(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> None:
    """Raise ConfigError if there is no such preprocessing_fn, or it does not take `inputs`."""
    path = _resolve_path(config)
    check_object(path)
    if thorough:
        check_call(load_object(path), path, "preprocessing_fn(inputs)", 1)


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Analyze the train split and write the transform graph.

    Raises:
        ConfigError: the preprocessing_fn cannot be loaded, fails, returns no `image`, changes the
            labels, or its values for an image depend on the label or on other images in the batch.
    """
    preprocessing_fn = load_object(_resolve_path(config))
    from components.normalize.analysis import check_neighbours, write_transform_graph
    from components.normalize.label_probe import check_labels

    path = context.output_dir / "transform_graph"
    write_transform_graph(inputs.examples, preprocessing_fn, path, context)
    check_labels(inputs.examples, path)
    check_neighbours(inputs.examples, path)
    return Outputs(transform_graph=TransformGraph(path=path, spec=inputs.examples.spec))


def _resolve_path(config: Config) -> str:
    return resolve_import_path(config.preprocessing_fn, NAMES, "preprocessing_fn")
