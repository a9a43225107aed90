"""Choose the devices of a training, its precision, and what XLA compiles."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from data.errors import ConfigError, EnvironmentTrouble, StepError
from data.files.durable_files import parse_disk_error

if TYPE_CHECKING:
    from components.train.config import Config

_TENSOR_CORES = (7, 0)  # compute capability from which float16 is faster than float32


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The devices of one training.

    strategy: the TensorFlow strategy that runs a step on the devices.
    devices: names of the devices; each has one replica of the model.
    precision: name of a Keras dtype policy; variables stay float32.
    xla: what XLA compiles: "step", "update" (of the optimizer) or "nothing".
    """

    strategy: tf.distribute.Strategy
    devices: tuple[str, ...]
    precision: str
    xla: str

    @property
    def replicas(self) -> int:
        return len(self.devices)

    @property
    def description(self) -> str:
        xla = {"step": "XLA", "update": "XLA for the optimizer", "nothing": "no XLA"}[self.xla]
        return f"{' + '.join(self.devices)}, {self.precision}, {xla}"

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Build the model in this scope: it sets the dtype policy and places the variables."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(before)

    def prefetch(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Copy the next element to the GPU while the current one is processed."""
        if self.replicas > 1 or "GPU" not in self.devices[0]:
            return dataset
        return dataset.apply(tf.data.experimental.prefetch_to_device(f"/device:{self.devices[0]}"))

    @contextmanager
    def explain_out_of_memory(self, batch_size: int) -> Iterator[None]:
        """Turn TensorFlow's out-of-memory error in the block into a StepError."""
        try:
            yield
        except tf.errors.ResourceExhaustedError as error:
            if parse_disk_error(str(error)):  # TensorFlow raises the same error for a full disk
                raise
            raise StepError(
                f"out of memory at batch_size={batch_size}",
                expected="model, gradients and one batch that fit into the memory of the device",
                got=f"{self.description}: {str(error).splitlines()[0][:200]}",
                follows="the training stopped; no model was kept",
                remedy=f"--set train.batch_size={max(1, batch_size // 2)}, a smaller model, or "
                "train.precision=mixed_float16 on a GPU",
            ) from error


def choose_hardware(config: Config) -> Hardware:
    """Choose devices, precision and XLA for a config.

    On several GPUs the step runs on each with MirroredStrategy: `batch_size` is the global batch,
    each replica gets an equal share, and gradients are summed. The same config therefore takes the
    same steps on one GPU and on eight, with the same learning rate.

    float16 is faster on GPUs with tensor cores, and XLA of the whole step on GPUs. On a CPU the
    matrix products of XLA are slower than TensorFlow's, but its update of the weights is one pass
    over memory instead of a dozen.

    Raises:
        ConfigError: a batch cannot be divided equally; TF_CONFIG names several workers.
        EnvironmentTrouble: the config asks for a GPU and TensorFlow finds none.
    """
    _refuse_workers()
    gpus = tf.config.list_physical_devices("GPU") if config.device != "cpu" else []
    for gpu in gpus:  # otherwise TensorFlow allocates all memory of every GPU
        if tf.config.experimental.get_memory_growth(gpu) is False:
            tf.config.experimental.set_memory_growth(gpu, True)
    if config.device == "gpu" and not gpus:
        raise EnvironmentTrouble(
            "train.device is gpu, and TensorFlow finds no GPU",
            follows="nothing was trained",
            remedy="run `penstock doctor`, or train on the CPU with --set train.device=cpu",
        )
    kind = "GPU" if gpus else "CPU"
    names = tuple(
        device.name.removeprefix("/device:") for device in tf.config.list_logical_devices(kind)
    )
    if config.batch_size % len(names):
        raise ConfigError(
            f"train.batch_size cannot be divided equally by {len(names)} devices",
            expected=f"a multiple of {len(names)}",
            got=config.batch_size,
            remedy=f"--set train.batch_size={-(-config.batch_size // len(names)) * len(names)}",
        )
    return Hardware(
        strategy=_make_strategy(names),
        devices=names,
        precision=_choose_precision(config, gpus),
        xla=_choose_xla(config, kind, len(names)),
    )


@functools.cache
def _make_strategy(names: tuple[str, ...]) -> tf.distribute.Strategy:
    """Make the strategy for the devices, one in a process.

    Each MirroredStrategy numbers its sums over replicas from 100, and TensorFlow remembers the
    shape of each number: a second training in a process would fail with a model of other shapes.
    """
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(list(names))
    return tf.distribute.OneDeviceStrategy(names[0])


def _choose_precision(config: Config, gpus: list[Any]) -> str:
    if config.precision != "auto":
        return config.precision
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    fast_float16 = [d.get("compute_capability", (0, 0)) >= _TENSOR_CORES for d in details]
    return "mixed_float16" if fast_float16 and all(fast_float16) else "float32"


def _choose_xla(config: Config, kind: str, replicas: int) -> str:
    if config.xla == "never" or replicas > 1:  # it cannot compile sums over replicas
        return "nothing"
    return "step" if kind == "GPU" else "update"


def _refuse_workers() -> None:
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec().as_dict()
    workers = sum(len(cluster.get(job, [])) for job in ("worker", "chief"))
    if workers > 1:
        raise ConfigError(
            f"TF_CONFIG names {workers} workers, and a training runs in one process",
            expected="one process, with any number of GPUs",
            got=", ".join(f"{len(tasks)} {job}" for job, tasks in sorted(cluster.items())),
            follows="nothing was trained: each worker would train its own model",
            remedy="unset TF_CONFIG",
        )
