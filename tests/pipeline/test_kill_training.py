"""A training under SIGKILL and SIGTERM, as a process of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pipeline import exit_codes
from pipeline.cli.main import call

SETTINGS = (
    "train.checkpoint_seconds=0.0",  # all the time: so many kills hit one that is being written
    "train.optimizer=rmsprop",
    "train.augmentation={shift = 0.1}",
)
# `conv` has moving statistics, too.
MODELS = {
    "dense": ("train.epochs=150", "train.model_options={dropout = 0.2}"),
    "conv": (
        "train.epochs=40",
        "train.model=conv",
        "train.model_options={filters = [4], dropout = 0.2}",
    ),
}


class Outcome(NamedTuple):
    """What a training comes to, but for the time that it took."""

    history: dict
    probabilities: np.ndarray
    variables: dict[str, np.ndarray]


def words(root: Path, model: str) -> list[str]:
    sets = [word for setting in SETTINGS + MODELS[model] for word in ("--set", setting)]
    return ["run", "digits", "--only", "train", *sets, "--root", str(root)]


def start(root: Path, model: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words(root, model)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def checkpoints(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("work/*/checkpoints/*.npz"))


def steps(checkpoint: str) -> int:
    """The steps taken before it was written, as its name says."""
    return int(checkpoint.split("-")[1])


def trains(process: subprocess.Popen, root: Path) -> bool:
    """Wait until it has written a checkpoint of its own, or has ended."""
    before = checkpoints(root)
    while process.poll() is None:
        if checkpoints(root) != before:
            return True
        time.sleep(0.002)
    return False


def outcome(root: Path) -> Outcome:
    (model,) = root.glob("artifacts/train/[0-9a-f]*/model")
    history = json.loads((model / "history.json").read_text())
    del history["seconds"]
    recorded = np.load(model / "parity.npz")
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(model / "bundle" / "variables" / "variables"))
    # the archive's other keys name the same variables in no order
    names = [n for n in reader.get_variable_to_shape_map() if n.startswith("variables/")]
    variables = {name: reader.get_tensor(name) for name in names}
    assert variables
    return Outcome(history, recorded["probabilities"], variables)


def finished(root: Path, model: str) -> Outcome:
    """Run to the end in this process, which saves the start of another."""
    assert call(words(root, model)) == exit_codes.DONE
    assert not list(root.glob("work/*")), "what a training worked with is removed at its end"
    return outcome(root)


def assert_same(one: Outcome, other: Outcome) -> None:
    assert one.history == other.history
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert one.variables.keys() == other.variables.keys()
    for name, value in one.variables.items():
        np.testing.assert_array_equal(value, other.variables[name])


def kill_until_done(root: Path, model: str, kills: int, seed: int) -> int:
    """Kill the training `kills` times at random moments; how many of them hit it at work."""
    rng, hits = random.Random(seed), 0
    for _ in range(kills):
        process = start(root, model)
        if trains(process, root):
            time.sleep(rng.uniform(0, 0.25))  # the moment is the point: any will do
        process.send_signal(signal.SIGKILL)
        process.communicate()
        hits += process.returncode == -signal.SIGKILL
    return hits


@pytest.mark.slow
def test_a_kill_and_a_sigterm_leave_the_same_model(
    finished_digits: Callable[..., Path], tmp_path: Path
) -> None:
    straight = finished(finished_digits(until_before="train", at=tmp_path / "straight"), "conv")
    root = finished_digits(until_before="train", at=tmp_path / "killed")
    assert kill_until_done(root, "conv", 1, seed=0) == 1

    process = start(root, "conv")
    assert trains(process, root)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == exit_codes.INTERRUPTED
    assert "continues" in said
    (*_, saved) = checkpoints(root)

    process = start(root, "conv")
    assert trains(process, root)
    process.kill()
    process.communicate()
    # the last thing the one before did was to save where it was: this one took the steps after it
    assert steps(checkpoints(root)[-1]) > steps(saved)
    assert_same(finished(root, "conv"), straight)


@pytest.mark.torture
@pytest.mark.parametrize("model", MODELS)
def test_twenty_kills_leave_the_same_model(finished_digits, tmp_path: Path, model: str) -> None:
    straight = finished(finished_digits(until_before="train", at=tmp_path / "straight"), model)
    root = finished_digits(until_before="train", at=tmp_path / "killed")
    hits = kill_until_done(root, model, 20, seed=1)
    print(f"{hits} of 20 kills hit the training at work")
    assert hits == 20
    assert_same(finished(root, model), straight)
