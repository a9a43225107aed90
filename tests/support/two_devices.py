"""Train with one and with two replicas on logical CPU devices; print differences as JSON.

A script, since TensorFlow's devices are fixed when it starts:
two_devices.py EXAMPLES TRANSFORM_GRAPH FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from components import train
from components.artifacts import TransformGraph
from components.context import Context
from components.train import candidate, devices
from data.batches.sequential import read_batches
from data.examples.artifact import Examples, load_examples, shard_name
from data.examples.tf_example import encode

FEW = 33  # 2 * 16 + 1: the last batch has fewer images than there are replicas
CASES = {
    "adam": {},
    "class weights, few images": {
        "class_weights": {"3": 4.0, "8": 0.5},
        "batch_size": 16,
        "model_options": {"softmax": True},
        "model_output": "probabilities",
    },
    "from scratch": {
        "train_fn": "components.train.from_scratch_fit:train_fn",
        "model_output": "probabilities",
        "learning_rate": 0.005,  # at 0.05 rounding errors grow to 1e-2 on some processors
    },
    "averages": {"optimizer_options": {"use_ema": True, "ema_momentum": 0.9}},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    # its statistics are those of each replica's share, which may not be empty
    "batch norm, few images": {
        "model": "conv",
        "model_options": {"filters": [2, 3], "dropout": 0},
        "batch_size": 16,
    },
}


def main(examples_path: str, graph_path: str, folder: str) -> None:
    cpus = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    examples = load_examples(Path(examples_path))
    few = write_first(examples, FEW, Path(folder, "few"))
    graph = TransformGraph(path=Path(graph_path), spec=examples.spec)
    two = devices.choose_hardware
    candidate.write = lambda *_: "not written"  # nobody looks at the bundles

    def one(config: train.Config) -> devices.Hardware:
        strategy = tf.distribute.OneDeviceStrategy("CPU:0")
        precision = "float32" if config.precision == "auto" else config.precision
        return devices.Hardware(
            strategy=strategy, devices=("CPU:0",), precision=precision, xla="nothing"
        )

    found = {}
    for case, settings in CASES.items():
        answers, histories = [], []
        for number, choose in enumerate((one, two)):
            devices.choose_hardware = choose
            output = Path(folder, f"{case}-{number}")
            output.mkdir()
            config = train.Config(epochs=2, **settings)
            inputs = train.Inputs(
                examples=few if "few" in case else examples, transform_graph=graph
            )
            model = train.run(inputs, config, Context(output_dir=output)).model
            answers.append(np.load(model.path / "parity.npz")["probabilities"])
            histories.append(json.loads((model.path / "history.json").read_text()))
        found[case] = {
            "probabilities": float(np.abs(answers[0] - answers[1]).max()),
            "loss": float(np.abs(np.divide(*(h["loss"] for h in histories)) - 1).max()),
            "accuracy": float(np.abs(np.subtract(*(h["accuracy"] for h in histories))).max()),
            "hardware": [h["hardware"] for h in histories],
        }
    print(json.dumps(found))


def write_first(examples: Examples, count: int, folder: Path) -> Examples:
    """Write the first train images as Examples of their own."""
    images, labels = next(
        iter(read_batches(examples, "train", batch_size=count).as_numpy_iterator())
    )
    folder.mkdir()
    (folder / shard_name("train", 0, 1)).write_bytes(encode(images, labels))
    counts = {"train": tuple(np.bincount(labels, minlength=10).tolist())}
    return Examples(path=folder, spec=examples.spec, counts=counts)


if __name__ == "__main__":
    main(*sys.argv[1:])
