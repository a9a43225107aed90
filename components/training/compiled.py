"""The compiled inner loop: many optimizer steps in one call, with all its state in variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from components.training.hardware import Hardware

# images, labels, weights of a replica's share of a batch → values per image, by name, one of
# them "loss"; see `Training.run`
Step = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]]
# images (n, h, w, c) float32, 0-255, labels, a number for this batch → what the step sees, and
# weights (n,) float32
Prepare = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Sums:
    """Sums of values over the images of an epoch, by name, kept where compiled code can add."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self.images = _counter(hardware, tf.int64)
        self.values: dict[str, tf.Variable] = {}

    def add(self, values: Mapping[str, tf.Tensor], images: tf.Tensor) -> None:
        self.images.assign_add(tf.cast(images, tf.int64))
        for name, value in values.items():
            if name not in self.values:
                with tf.init_scope():  # the first trace learns the names
                    self.values[name] = _counter(self._hardware, tf.float64)
            self.values[name].assign_add(value)

    def start(self, names: Iterable[str] = ()) -> None:
        """From zero; `names` are those to expect, where they are known before the first step."""
        for name in names:
            self.values.setdefault(name, _counter(self._hardware, tf.float64))
        for variable in (self.images, *self.values.values()):
            variable.assign(tf.zeros_like(variable))

    def means(self) -> dict[str, float]:
        images = max(int(self.images), 1)
        return {name: float(value) / images for name, value in self.values.items()}


class CompiledLoop:
    """Takes optimizer steps from a chunk of images; notes the first loss that is no number."""

    def __init__(self, step: Step, prepare: Prepare, hardware: Hardware, shape: tuple[int, ...]):
        """`shape` is an image's; `step` is called once per replica and batch."""
        self._hardware = hardware
        self._prepare = prepare
        self._step = step
        if hardware.xla == "step":
            self._step = tf.function(step, jit_compile=True, autograph=False, reduce_retracing=True)
        self.done = _counter(hardware, tf.int64)  # optimizer steps so far
        self.sums = Sums(hardware)
        self.bad_step = _counter(hardware, tf.int64)  # counted from 1; 0: all were sound
        self.last_loss = _counter(hardware, tf.float64)  # of the last sound step
        self.call = tf.function(
            self._take,
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
        """The variables that a checkpoint must hold, by name."""
        sums = {f"sum {name}": variable for name, variable in self.sums.values.items()}
        return {"steps done": self.done, "images": self.sums.images, **sums}

    def _take(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        first: tf.Tensor,
        count: tf.Tensor,
        batch_size: tf.Tensor,
    ) -> None:
        """Take the chunk's batches `first` to `first + count`, in order."""

        def more(at: tf.Tensor) -> tf.Tensor:
            return at < first + count  # and no look at the loss, for which a GPU would wait

        def one(at: tf.Tensor) -> tf.Tensor:
            here = slice(at * batch_size, (at + 1) * batch_size)
            self._one(images[here], labels[here])
            return at + 1

        tf.while_loop(more, one, [first], parallel_iterations=1)

    def _one(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        size = tf.shape(labels)[0]

        def on_replica() -> dict[str, tf.Tensor]:
            mine, their = self._share(images, labels)
            number = self.done * self._hardware.replicas + self._replica()
            inputs, weights = self._prepare(tf.cast(mine, tf.float32), their, number)
            values = self._step(inputs, their, weights / tf.cast(size, tf.float32))
            return {name: tf.reduce_sum(tf.cast(v, tf.float64)) for name, v in values.items()}

        strategy = self._hardware.strategy
        sums = strategy.run(on_replica)
        if self._hardware.replicas > 1:
            sums = {
                n: strategy.reduce(tf.distribute.ReduceOp.SUM, v, None) for n, v in sums.items()
            }
        self.done.assign_add(1)
        loss = sums["loss"] / tf.cast(size, tf.float64)
        sound = tf.math.is_finite(loss)
        self.bad_step.assign(tf.where(sound | (self.bad_step > 0), self.bad_step, self.done))
        self.last_loss.assign(tf.where(self.bad_step > 0, self.last_loss, loss))
        self.sums.add(sums, size)

    def _share(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """This replica's part of a batch; cut on the host, so that no device gets the whole."""
        if self._hardware.replicas == 1:
            return images, labels
        number, parts = tf.cast(self._replica(), tf.int32), self._hardware.replicas
        with tf.device("/CPU:0"):
            size = tf.shape(labels)[0]
            here = slice(size * number // parts, size * (number + 1) // parts)
            return images[here], labels[here]

    def _replica(self) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return tf.cast(context.replica_id_in_sync_group, tf.int64)


def _counter(hardware: Hardware, dtype: tf.DType) -> tf.Variable:
    """A zero where the step runs, so that a GPU need not wait for the host to add to it."""
    with tf.device(hardware.devices[0] if hardware.replicas == 1 else "CPU:0"):
        return tf.Variable(0, dtype=dtype, trainable=False)
