"""Compile many optimizer steps into one call, with all state in variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from components.train.devices import Hardware

# images, labels, weights of a replica's share of a batch → values per image, by name; "loss" is
# required; see `Training.run`
Step = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]]
# images (n, h, w, c) float32, 0-255, labels, number of the batch → inputs of the step, and
# weights (n,) float32
Prepare = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Sums:
    """Sums of values over the images of an epoch, by name, in a variable of compiled code."""

    def __init__(self, hardware: Hardware) -> None:
        self.names: list[str] = []  # empty until known
        # Number of images, then each value. The variable has any length and is made here: compiled
        # code that makes a variable is traced and compiled twice.
        self.totals = _make_zeros(hardware, [0], tf.float64, shape=[None])

    def add(self, values: Mapping[str, tf.Tensor], images: tf.Tensor) -> None:
        if not self.names:
            with tf.init_scope():  # the first trace finds the names
                self.set_names(sorted(values, key=lambda name: name != "loss"))  # loss is first
        sums = [tf.cast(images, tf.float64), *(values[name] for name in self.names)]
        self.totals.assign_add(tf.stack(sums))

    def set_names(self, names: Sequence[str]) -> None:
        """Set the names of the values, and all sums to zero."""
        self.names = list(names)
        self.totals.assign(tf.zeros([1 + len(names)], tf.float64))

    def start(self) -> None:
        """Set all sums to zero."""
        self.totals.assign(tf.zeros_like(self.totals))

    def means(self) -> dict[str, float]:
        if not self.names:
            return {}
        images, *values = self.totals.numpy().tolist()
        return {n: v / max(images, 1.0) for n, v in zip(self.names, values, strict=True)}


class CompiledLoop:
    """Takes optimizer steps from a chunk of images."""

    def __init__(self, step: Step, prepare: Prepare, hardware: Hardware, shape: tuple[int, ...]):
        """Make the loop; `shape` is that of an image, `step` is called per replica and batch."""
        self._hardware = hardware
        self._prepare = prepare
        self._step = step
        if hardware.xla == "step":
            self._step = tf.function(step, jit_compile=True, autograph=False, reduce_retracing=True)
        self.done = _make_zeros(hardware, [], tf.int64)  # optimizer steps so far
        self.sums = Sums(hardware)
        self.call = tf.function(
            self._take_steps,
            input_signature=[
                tf.TensorSpec([None, *shape], tf.uint8),
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([], tf.int64),
                tf.TensorSpec([], tf.int64),
                tf.TensorSpec([], tf.int64),
            ],
            autograph=False,
        )

    def state(self) -> dict[str, Any]:
        """Return the variables that a checkpoint must hold, by name."""
        return {"steps done": self.done, "sums": self.sums.totals}

    def _take_steps(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        first: tf.Tensor,
        count: tf.Tensor,
        batch_size: tf.Tensor,
    ) -> tf.Tensor:
        """Take the batches `first` to `first + count` of a chunk; returns their losses."""

        def has_more(at: tf.Tensor, losses: tf.TensorArray) -> tf.Tensor:
            return at < count  # without reading the loss, for which a GPU would wait

        def take_one(at: tf.Tensor, losses: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            batch = slice((first + at) * batch_size, (first + at + 1) * batch_size)
            loss = self._take_step(images[batch], labels[batch])
            return at + 1, losses.write(tf.cast(at, tf.int32), loss)

        losses = tf.TensorArray(tf.float64, tf.cast(count, tf.int32))
        start = tf.zeros([], tf.int64)
        _, losses = tf.while_loop(has_more, take_one, [start, losses], parallel_iterations=1)
        return losses.stack()

    def _take_step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        size = tf.shape(labels)[0]
        taken = size * self._count_takers(size)  # images over all replicas

        def run_on_replica() -> dict[str, tf.Tensor]:
            share, share_labels = self._take_share(images, labels)
            number = self.done * self._hardware.replicas + self._replica_number()
            inputs, weights = self._prepare(tf.cast(share, tf.float32), share_labels, number)
            values = self._step(inputs, share_labels, weights / tf.cast(taken, tf.float32))
            return {name: tf.reduce_sum(tf.cast(v, tf.float64)) for name, v in values.items()}

        strategy = self._hardware.strategy
        sums = strategy.run(run_on_replica)
        if self._hardware.replicas > 1:
            sums = {
                n: strategy.reduce(tf.distribute.ReduceOp.SUM, v, None)
                * tf.cast(size / taken, tf.float64)
                for n, v in sums.items()
            }
        self.done.assign_add(1)
        self.sums.add(sums, size)
        return sums["loss"] / tf.cast(size, tf.float64)

    def _count_takers(self, size: tf.Tensor) -> tf.Tensor | int:
        """Count the replicas that take an image: 1, or all if the batch has fewer images."""
        parts = self._hardware.replicas
        return 1 if parts == 1 else tf.where(size < parts, parts, 1)

    def _take_share(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Cut out this replica's share of a batch, on the host: no device gets the whole batch.

        A batch of fewer images than replicas goes to each of them: a model may need an image, as
        BatchNorm does for its statistics.
        """
        if self._hardware.replicas == 1:
            return images, labels
        number, parts = tf.cast(self._replica_number(), tf.int32), self._hardware.replicas
        with tf.device("/CPU:0"):
            size = tf.shape(labels)[0]
            first, after = size * number // parts, size * (number + 1) // parts
            share = slice(tf.where(size < parts, 0, first), tf.where(size < parts, size, after))
            return images[share], labels[share]

    def _replica_number(self) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return tf.cast(context.replica_id_in_sync_group, tf.int64)


def _make_zeros(
    hardware: Hardware, size: list[int], dtype: tf.DType, shape: list[int | None] | None = None
) -> tf.Variable:
    """Make a variable on the device of the step, so that a GPU need not wait for the host."""
    with tf.device(hardware.devices[0] if hardware.replicas == 1 else "CPU:0"):
        return tf.Variable(tf.zeros(size, dtype), trainable=False, shape=shape)
