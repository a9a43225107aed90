"""What training runs on: devices, precision, and what XLA compiles."""

from __future__ import annotations

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

    strategy: TensorFlow's way to run a step on them.
    devices: their names; one replica of the model on each.
    precision: Keras's name of a dtype policy; variables stay float32.
    xla: what XLA compiles: the whole step, the optimizer's update alone, or nothing.
    """

    strategy: tf.distribute.Strategy
    devices: tuple[str, ...]
    precision: str
    xla: str

    @property
    def replicas(self) -> int:
        return len(self.devices)

    @property
    def words(self) -> str:
        xla = {"step": "XLA", "update": "XLA for the optimizer", "nothing": "no XLA"}[self.xla]
        return f"{' + '.join(self.devices)}, {self.precision}, {xla}"

    @contextmanager
    def scope(self) -> Iterator[None]:
        """For building the model: its dtype policy, and its variables on every device."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(before)

    def prefetch(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The same elements, the next of them on its way to the GPU while one is worked on."""
        if self.replicas > 1 or "GPU" not in self.devices[0]:
            return dataset
        return dataset.apply(tf.data.experimental.prefetch_to_device(f"/device:{self.devices[0]}"))

    @contextmanager
    def explain_out_of_memory(self, batch_size: int) -> Iterator[None]:
        """Turn a device's lack of memory in the block into words."""
        try:
            yield
        except tf.errors.ResourceExhaustedError as error:
            if parse_disk_error(str(error)):  # so TensorFlow calls a full disk too
                raise
            raise StepError(
                f"out of memory at batch_size={batch_size}",
                expected="model, gradients and one batch fit into the memory of the device",
                got=f"{self.words}: {str(error).splitlines()[0][:200]}",
                follows="training stopped; nothing was kept",
                remedy=f"--set train.batch_size={max(1, batch_size // 2)}, a smaller model, or "
                "train.precision=mixed_float16 on a GPU",
            ) from error


def choose(config: Config) -> Hardware:
    """Devices, precision and XLA for a config.

    On one device the step runs there. On several GPUs it runs on each by MirroredStrategy:
    `batch_size` is the global batch, each replica gets an equal share of it, gradients are
    summed. So the learning rate needs no rule: the same config takes the same steps on one GPU
    and on eight.

    float16 pays on GPUs with tensor cores, and XLA of the whole step on GPUs. On a CPU XLA's
    matrix products are slower than TensorFlow's own, but its update of the weights is one pass
    over memory where Keras's is a dozen.

    Raises:
        ConfigError: a batch that cannot be shared equally; several workers by TF_CONFIG.
        EnvironmentTrouble: a GPU is asked for and none is seen.
    """
    _refuse_workers()
    gpus = tf.config.list_physical_devices("GPU") if config.device != "cpu" else []
    for gpu in gpus:  # else TensorFlow takes all the memory of every GPU
        if tf.config.experimental.get_memory_growth(gpu) is False:
            tf.config.experimental.set_memory_growth(gpu, True)
    if config.device == "gpu" and not gpus:
        raise EnvironmentTrouble(
            "train.device is gpu, and TensorFlow sees none",
            follows="nothing was trained",
            remedy="see `penstock doctor`; --set train.device=cpu trains without",
        )
    kind = "GPU" if gpus else "CPU"
    names = tuple(
        device.name.removeprefix("/device:") for device in tf.config.list_logical_devices(kind)
    )
    if config.batch_size % len(names):
        raise ConfigError(
            f"train.batch_size cannot be shared equally by {len(names)} devices",
            expected=f"a multiple of {len(names)}",
            got=config.batch_size,
        )
    return Hardware(
        strategy=_strategy(names),
        devices=names,
        precision=_precision(config, gpus),
        xla=_xla(config, kind, len(names)),
    )


def _strategy(names: tuple[str, ...]) -> tf.distribute.Strategy:
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(list(names))
    return tf.distribute.OneDeviceStrategy(names[0])


def _precision(config: Config, gpus: list[Any]) -> str:
    if config.precision != "auto":
        return config.precision
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    able = [d.get("compute_capability", (0, 0)) >= _TENSOR_CORES for d in details]
    return "mixed_float16" if able and all(able) else "float32"


def _xla(config: Config, kind: str, replicas: int) -> str:
    if config.xla == "never" or replicas > 1:  # it cannot compile sums over replicas
        return "nothing"
    return "step" if kind == "GPU" else "update"


def _refuse_workers() -> None:
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec().as_dict()
    workers = sum(len(cluster.get(job, [])) for job in ("worker", "chief"))
    if workers > 1:
        raise ConfigError(
            f"TF_CONFIG tells of {workers} workers, and training runs in one process",
            expected="one process, on any number of its own GPUs",
            got=", ".join(f"{len(tasks)} {job}" for job, tasks in sorted(cluster.items())),
            follows="nothing was trained: each worker would train a model of its own",
            remedy="unset TF_CONFIG",
        )
