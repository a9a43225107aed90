"""A place to train, spoil and judge models of one recipe: what the bad-model suite works with."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from components import evaluate, ingest, normalize, train
from components.artifacts import Examples, Model, TransformGraph, Verdict
from components.context import Context
from data.batches.sequential import read_batches
from data.examples.artifact import shard_name
from data.examples.tf_example import encode
from data.files.durable_files import read_json
from data.spec import ImageSpec
from pipeline.config.graph import PipelineConfig
from serving_export.bundle.training_images import FILE

NAME = "served"  # of the model in a serving directory
Weights = list[np.ndarray]  # kernel and bias of each layer, float32


@dataclass(frozen=True)
class Bench:
    """Real examples, the recipe's settings and transform graph, and a folder to write in."""

    folder: Path
    recipe: PipelineConfig
    examples: Examples
    graph: TransformGraph

    @classmethod
    def of(cls, folder: Path, recipe: PipelineConfig) -> Bench:
        """Ingest and normalize as the recipe says."""
        source = ingest.run(ingest.Inputs(), recipe.step("ingest").config, _context(folder))
        examples = source.examples
        made = normalize.run(
            normalize.Inputs(examples=examples), normalize.Config(), _context(folder)
        )
        return cls(folder, recipe, examples, made.transform_graph)

    def context(self, **about: Any) -> Context:
        return _context(self.folder, **about)

    def graph_of(
        self, preprocessing_fn: Callable[..., Any], examples: Examples | None = None
    ) -> TransformGraph:
        """Another transform graph, made from these examples or others."""
        from components.normalize.analysis import write_transform_graph

        context, examples = self.context(), examples or self.examples
        path = context.output_dir / "transform_graph"
        write_transform_graph(examples, preprocessing_fn, path, context)
        return TransformGraph(path=path, spec=examples.spec)

    def train(
        self,
        *,
        examples: Examples | None = None,
        graph: TransformGraph | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> Model:
        """Train as the recipe does, but for what is named."""
        inputs = train.Inputs(
            examples=examples or self.examples, transform_graph=graph or self.graph
        )
        config = dataclasses.replace(self.recipe.step("train").config, **settings)
        return train.run(inputs, config, self.context(seed=seed)).model

    def spoiled(
        self,
        model: Model,
        change: Callable[[Weights], None] = lambda _: None,
        *,
        graph: TransformGraph | None = None,
        record: bool = True,
        spec: ImageSpec | None = None,
    ) -> Model:
        """A bundle of the same network with its weights changed, in place, or another graph.

        Args:
            model: trained by this bench.
            change: of the weights.
            graph: to serve with.
            record: whether the change came before the training recorded its answers, as if it
                had trained so, or after.
            spec: to serve with.
        """
        from components.models.dense import build_model
        from serving_export.bundle.saved_model import write_bundle
        from serving_export.bundle.transform_graph import TransformFn
        from serving_export.parity.check import record_parity

        config = self.recipe.step("train").config
        network = build_model(model.spec, config.model_options)
        weights = weights_of(model)
        change(weights)
        network.set_weights(weights)
        served: Any = {
            "model": network,
            "transform_path": (graph or self.graph).path,
            "spec": spec or model.spec,
            "model_output": config.model_output,
        }
        path = self.context().output_dir
        assets = {FILE: (model.bundle / FILE).read_bytes()}
        digest = write_bundle(path / "bundle", metadata={}, assets=assets, **served)
        if record:
            images = np.load(model.path / "parity.npz")["images"]
            fed = TransformFn(served["transform_path"])(images.astype(np.float32)).numpy()
            record_parity(path / "parity.npz", images=images, model_inputs=fed[:100], **served)
        else:
            shutil.copy(model.path / "parity.npz", path)
        return Model(path=path, spec=served["spec"], digest=digest)

    def train_split(self, change: Callable[[np.ndarray, np.ndarray], Any]) -> Examples:
        """Examples whose train split is `change(images, labels)` of the real one."""
        images, labels = change(*split(self.examples, "train"))
        path = self.context().output_dir
        (path / shard_name("train", 0, 1)).write_bytes(encode(images, labels))
        classes = self.examples.spec.num_classes
        counts = tuple(np.bincount(labels, minlength=classes).tolist())
        return Examples(path=path, spec=self.examples.spec, counts={"train": counts})

    def push(self, model: Model, verdict: dict[str, Any] | None = None) -> Path:
        """A new serving directory, in which the model serves, perhaps with a verdict beside it."""
        from serving_export.model_store.push import push

        serving = self.context().output_dir
        beside = {"verdict.json": json.dumps(verdict).encode()} if verdict else {}
        push(model.bundle, serving, NAME, digest=model.digest, record={}, files=beside)
        return serving

    def verdict(self, model: Model, serving: Path | None, **rules: Any) -> Verdict:
        """Evaluate by the recipe's rules, but for those that are named."""
        config = dataclasses.replace(self.recipe.step("evaluate").config, **rules)
        inputs = evaluate.Inputs(examples=self.examples, model=model)
        context = self.context(serving_dir=serving, model_name=NAME if serving else None)
        return evaluate.run(inputs, config, context).verdict

    def judge(self, model: Model, serving: Path | None, **rules: Any) -> dict[str, Any]:
        """The same; `verdict.json`."""
        found = self.verdict(model, serving, **rules)
        verdict: dict[str, Any] = read_json(found.path / evaluate.VERDICT)
        assert (verdict["status"], verdict["model"]["digest"]) == (found.status, model.digest)
        return verdict


def weights_of(model: Model) -> Weights:
    """Copies of a bundle's weights, in the network's order."""
    from serving_export.bundle.manifest import WEIGHTS
    from serving_export.bundle.saved_model import load_bundle

    bundle = load_bundle(model.bundle, model.digest)
    return [variable.numpy() for variable in getattr(bundle.saved, WEIGHTS)]


def split(examples: Examples, name: str) -> tuple[np.ndarray, np.ndarray]:
    """All images and labels of a split, in the order at rest."""
    found = list(read_batches(examples, name, batch_size=1000).as_numpy_iterator())
    images, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return images, labels


def flip(array: np.ndarray, place: int, bit: int) -> None:
    """Flip a bit of a float32, in place: 31 the sign, 30 to 23 the exponent, highest first."""
    array.reshape(-1)[place : place + 1].view(np.uint32)[:] ^= np.uint32(1 << bit)


_FOLDERS = count()


def _context(folder: Path, **about: Any) -> Context:
    """Each call has a folder of its own."""
    path = folder / f"{next(_FOLDERS):03}"
    os.makedirs(path)
    return Context(output_dir=path, **about)
