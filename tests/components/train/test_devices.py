from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train import Config, devices, keras_fit
from data.errors import ConfigError, EnvironmentTrouble, StepError
from data.files.durable_files import parse_disk_error
from serving_export.parity.check import check_parity

HOME = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_replica_and_two_give_the_same_model(made, tmp_path: Path) -> None:
    script = HOME / "tests" / "support" / "two_devices.py"
    done = subprocess.run(
        [sys.executable, str(script), str(made[0].path), str(made[1].path), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(HOME), "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for case, found in json.loads(done.stdout.splitlines()[-1]).items():
        one, two = found["hardware"]
        assert one.startswith("CPU:0, ")
        assert two.startswith("CPU:0 + CPU:1, ")
        differs = case in ("mixed_bfloat16", "batch norm, few images")
        close = 0.05 if differs else 1e-4
        assert found["probabilities"] < close, (case, found)
        assert found["loss"] < 10 * close, (case, found)
        assert found["accuracy"] < (0.1 if differs else 1e-3), (case, found)


def test_the_cpu_is_one_device_in_float32() -> None:
    found = devices.choose_hardware(Config(device="cpu"))
    assert found.devices == ("CPU:0",)
    assert (found.precision, found.xla, found.replicas) == ("float32", "update", 1)
    assert devices.choose_hardware(Config(device="cpu", xla="never")).xla == "nothing"
    mixed = devices.choose_hardware(Config(device="cpu", precision="mixed_float16"))
    assert mixed.precision == "mixed_float16"


def test_a_gpu_that_is_asked_for_and_not_there() -> None:
    if tf.config.list_physical_devices("GPU"):
        return
    with pytest.raises(EnvironmentTrouble, match="TensorFlow finds no GPU"):
        devices.choose_hardware(Config(device="gpu"))


def test_a_batch_that_two_devices_cannot_share(monkeypatch) -> None:
    two = [tf.config.LogicalDevice(name=f"/device:CPU:{n}", device_type="CPU") for n in (0, 1)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: two)
    with pytest.raises(ConfigError, match="divided equally by 2 devices"):
        devices.choose_hardware(Config(device="cpu", batch_size=33))


def test_several_workers_are_refused_with_the_reason(monkeypatch) -> None:
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(ConfigError, match="names 2 workers, and a training runs in one process"):
        devices.choose_hardware(Config())
    cluster["cluster"] = {"worker": ["a:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    devices.choose_hardware(Config())


def test_a_device_without_enough_memory_is_told_with_the_batch_size() -> None:
    found = devices.choose_hardware(Config())
    told = pytest.raises(StepError, match="out of memory at batch_size=64")
    with told as caught, found.explain_out_of_memory(64):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    assert "batch_size=32" in str(caught.value)


def test_a_full_disk_is_not_taken_for_a_lack_of_memory() -> None:
    """TensorFlow raises the same class for both; /dev/full is a disk that takes nothing."""
    found = devices.choose_hardware(Config())
    with pytest.raises(tf.errors.ResourceExhaustedError) as caught, found.explain_out_of_memory(64):
        tf.io.write_file("/dev/full", b"x" * 100_000)
    assert parse_disk_error(str(caught.value)) == ("/dev/full", "No space left on device")


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_and_serves(fit, fit_once, precision: str) -> None:
    trained, plain = fit(precision=precision, epochs=1), fit_once(epochs=1)
    assert trained.history["hardware"].startswith(f"CPU:0, {precision}")
    np.testing.assert_allclose(trained.history["loss"], plain.history["loss"], rtol=0.05)
    check_parity(trained.path / "bundle", trained.path / "parity.npz")
    assert trained.probabilities.dtype == np.float32
    assert keras.config.dtype_policy().name == "float32", "the policy is the training's alone"


def test_a_loss_scale_that_overflows_skips_the_step_and_is_halved(
    fit, fit_once, monkeypatch
) -> None:
    """Keras's own rule, in our loop: from 2 ** 40 it is halved until gradients are finite."""
    made_: list[keras.optimizers.LossScaleOptimizer] = []

    def scaled(config: Config, steps: int) -> keras.optimizers.LossScaleOptimizer:
        adam = keras.optimizers.Adam()
        made_.append(keras.optimizers.LossScaleOptimizer(adam, initial_scale=2.0**40))
        return made_[-1]

    plain = fit_once(epochs=2)
    monkeypatch.setattr(keras_fit, "make_optimizer", scaled)
    trained = fit(precision="mixed_float16", epochs=2)
    skipped = 40 - round(np.log2(float(made_[0].dynamic_scale)))
    assert 10 < skipped < 40
    assert int(made_[0].iterations) == 2 * trained.history["steps_per_epoch"] - skipped
    # it is behind by those steps, and no more than that
    assert plain.history["loss"][1] < trained.history["loss"][1] < plain.history["loss"][0]


def test_the_update_of_a_scaled_loss_is_that_of_the_loss_itself(fit, fit_once, monkeypatch) -> None:
    """A scale of 2 ** 15 in float32 must cancel out but for rounding."""
    plain = fit_once(epochs=1)
    monkeypatch.setattr(
        keras_fit,
        "make_optimizer",
        lambda config, steps: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
    )
    np.testing.assert_allclose(fit(epochs=1).probabilities, plain.probabilities, atol=1e-5)
