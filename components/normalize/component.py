"""Normalize: make the one graph of preprocessing arithmetic, with tensorflow-transform on Beam.

A `preprocessing_fn` has tensorflow-transform's signature: one written for TFX works. It gets

    image  (batch, height, width, channels) float32, 0-255   (tf.Example has no uint8)
    label  (batch,) int64

as a dict and returns a dict with at least `image`: what the model is to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.artifacts import Examples, Foreseen, TransformGraph
from components.context import Context, Depends
from data.code.import_path import load_object, resolve
from data.code.own_object import check_call, check_object

NAMES = {"divide_by_255": "components.normalize.functions:divide_by_255"}


@dataclass(frozen=True, kw_only=True)
class Config:
    preprocessing_fn: str = "divide_by_255"
    """The preprocessing: divide_by_255, or the import path of your own function,
    package.module:function, with the signature of tensorflow-transform."""

    def __post_init__(self) -> None:
        resolve(self.preprocessing_fn, NAMES, "preprocessing_fn")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples


@dataclass(frozen=True, kw_only=True)
class Outputs:
    transform_graph: TransformGraph


def depends(config: Config) -> Depends:
    return Depends(modules=(_path_of(config).partition(":")[0],))


def check_foreseen(config: Config, inputs: Mapping[str, Foreseen], *, thorough: bool) -> None:
    """Raises ConfigError where there is no such preprocessing_fn, or it takes no inputs."""
    path = _path_of(config)
    check_object(path)
    if thorough:
        check_call(load_object(path), path, "preprocessing_fn(inputs)", 1)


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Analyze the train split and write the transform graph.

    Raises:
        ConfigError: a preprocessing_fn that cannot be loaded, fails, returns no `image`, does
            something to the labels, or gives other values for an image where its label is another
            or other images are in its batch.
    """
    preprocessing_fn = load_object(_path_of(config))
    from components.normalize.analysis import check_neighbours, write_transform_graph
    from components.normalize.label_probe import check_labels

    path = context.output_dir / "transform_graph"
    write_transform_graph(inputs.examples, preprocessing_fn, path, context)
    check_labels(inputs.examples, path)
    check_neighbours(inputs.examples, path)
    return Outputs(transform_graph=TransformGraph(path=path, spec=inputs.examples.spec))


def _path_of(config: Config) -> str:
    return resolve(config.preprocessing_fn, NAMES, "preprocessing_fn")
