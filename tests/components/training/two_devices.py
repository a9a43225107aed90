"""Trains with one replica and with two on logical CPU devices; prints what differs as JSON.

A script, since TensorFlow's devices are fixed when it starts:
two_devices.py EXAMPLES TRANSFORM_GRAPH FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1]))  # own_models

from components import train
from components.artifacts import TransformGraph
from components.context import Context
from components.training import hardware
from data.examples import load_examples

CASES = {
    # 1,265 = 15 * 84 + 5: the last batch is shared as 2 and 3
    "adam, last batch of 5": {"batch_size": 84},
    # 1,265 = 79 * 16 + 1: one replica gets nothing of the last batch
    "sgd, last batch of 1": {"batch_size": 16, "optimizer": "sgd", "learning_rate": 0.1},
    "class weights": {"class_weights": {"3": 4.0, "8": 0.5}},
    "probabilities": {"model_options": {"softmax": True}, "model_output": "probabilities"},
    "regularized": {"model": "own_models:regularized"},
    "averages": {
        "optimizer": "adamw",
        "optimizer_options": {"use_ema": True, "ema_momentum": 0.9, "weight_decay": 0.05},
    },
    "clipping": {
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "optimizer_options": {"global_clipnorm": 0.1},
    },
    "from scratch": {
        "train_fn": "components.training.from_scratch:train_fn",
        "model_output": "probabilities",
        "learning_rate": 0.05,
    },
    # a few images whose loss overflows: no replica may take their step
    "overflows": {"precision": "mixed_float16", "sample_weight_fn": "own_models:few_overflow"},
    # each replica has statistics and random numbers of its own
    "its own on each": {
        "model": "own_models:subclassed",
        "model_output": "probabilities",
        "augmentation": {"flip": "horizontal", "rotation": 10, "shift": 0.1, "crop": 1},
    },
}


def interrupted_and_resumed(run: Callable[..., Path], work: Path) -> float:
    """How far a training on two devices that was interrupted ends from one that was not."""

    def interrupt(done: float, *_: object) -> None:
        if done >= 50:
            raise KeyboardInterrupt

    straight = run("straight")
    with suppress(KeyboardInterrupt):
        run("interrupted", work_dir=work, progress=interrupt)
    assert list(work.glob("checkpoints/step-*"))
    return largest_difference(straight, run("resumed", work_dir=work))


def largest_difference(one: Path, other: Path) -> float:
    answers = [np.load(path / "parity.npz")["probabilities"] for path in (one, other)]
    return float(np.abs(answers[0] - answers[1]).max())


def main(examples_path: str, graph_path: str, folder: str) -> None:
    cpus = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    examples = load_examples(Path(examples_path))
    graph = TransformGraph(path=Path(graph_path), spec=examples.spec)
    inputs = train.Inputs(examples=examples, transform_graph=graph)
    two = hardware.choose

    def one(config: train.Config) -> hardware.Hardware:
        strategy = tf.distribute.OneDeviceStrategy("CPU:0")
        precision = "float32" if config.precision == "auto" else config.precision
        return hardware.Hardware(
            strategy=strategy, devices=("CPU:0",), precision=precision, xla="nothing"
        )

    def run(name: str, settings: dict[str, Any] | None = None, **context: Any) -> Path:
        output = Path(folder, name)
        output.mkdir()
        config = train.Config(epochs=2, **settings or {})
        return train.run(inputs, config, Context(output_dir=output, **context)).model.path

    found: dict[str, Any] = {}
    for case, settings in CASES.items():
        paths = []
        for number, choose in enumerate((one, two)):
            hardware.choose = choose
            paths.append(run(f"{case}-{number}", settings))
        histories = [json.loads((path / "history.json").read_text()) for path in paths]
        found[case] = {
            "probabilities": largest_difference(*paths),
            "loss": float(np.abs(np.divide(*(h["loss"] for h in histories)) - 1).max()),
            "accuracy": float(np.abs(np.subtract(*(h["accuracy"] for h in histories))).max()),
            "hardware": [h["hardware"] for h in histories],
        }
    work = Path(folder, "work")
    work.mkdir()
    print(json.dumps({"cases": found, "resumed": interrupted_and_resumed(run, work)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
