"""Report the progress of a training, and write logs for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.context import Context
from components.train.loop.hook import Hook

if TYPE_CHECKING:
    from components.train.config import Config

_VALIDATION = "val_"


class TrainingMonitor(Hook):
    """Reports each call of the compiled loop, and writes scalars of each epoch.

    The logs are in `<log_dir>/tensorboard/`, with a folder each for training and validation, so
    that TensorBoard draws both into one chart. Settings add histograms of all variables after each
    epoch, and a profile of some steps.
    """

    def __init__(
        self, context: Context, config: Config, steps_per_epoch: int, variables: Sequence[Any]
    ) -> None:
        self._context = context
        self._config = config
        self._steps_per_epoch = steps_per_epoch
        self._variables = variables
        self._logs = context.log_dir / "tensorboard" if context.log_dir else None
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._profiling = False
        self._first: tuple[float, int] | None = None  # time and step at the end of the first call

    def on_train_begin(self, history: Mapping[str, Sequence[float]]) -> None:
        for epoch in range(len(history.get("loss", []))):
            self._write(epoch, {name: values[epoch] for name, values in history.items()})

    def on_steps_begin(self, epoch: int, step: int) -> None:
        step += epoch * self._steps_per_epoch
        steps = self._config.profile_steps
        if self._logs and steps and not self._profiling and steps[0] <= step < steps[1]:
            tf.profiler.experimental.start(str(self._logs))
            self._profiling = True

    def on_steps_end(self, epoch: int, step: int, means: Mapping[str, float]) -> None:
        taken = epoch * self._steps_per_epoch + step + 1
        steps = self._config.profile_steps
        if self._profiling and steps and taken >= steps[1]:
            self._end_profile()
        self._report(epoch, taken, means)

    def on_epoch_end(self, epoch: int, means: Mapping[str, float]) -> bool:
        self._write(epoch, means)
        if self._config.histograms and self._logs:
            with self._open_writer("train").as_default(step=epoch):
                for number, variable in enumerate(self._variables):
                    name = getattr(variable, "path", variable.name)
                    tf.summary.histogram(f"{number} {name}", tf.convert_to_tensor(variable))
        for writer in self._writers.values():
            writer.flush()
        return True

    def on_train_end(self) -> None:
        self._end_profile()
        for writer in self._writers.values():
            writer.close()

    def _report(self, epoch: int, taken: int, means: Mapping[str, float]) -> None:
        config, total = self._config, self._config.epochs * self._steps_per_epoch
        parts = [f"epoch {epoch + 1}/{config.epochs}"]
        parts += [f"{name} {mean:.4f}" for name, mean in means.items()]
        now = time.perf_counter()
        if self._first is None:
            self._first = (now, taken)  # the first call compiles, so its time is not counted
        elif taken > self._first[1]:
            rate = (taken - self._first[1]) / (now - self._first[0])  # steps per second
            parts.append(f"{rate * config.batch_size:,.0f} images/s")
            parts.append(f"{(total - taken) / rate:.0f} s left")
        parts.append(f"step {taken:,}/{total:,}")
        self._context.progress(taken, total, "  ".join(parts))

    def _write(self, epoch: int, means: Mapping[str, float]) -> None:
        if self._logs is None:
            return
        for name, mean in means.items():
            split = "validation" if name.startswith(_VALIDATION) else "train"
            with self._open_writer(split).as_default(step=epoch):
                tf.summary.scalar(f"epoch_{name.removeprefix(_VALIDATION)}", mean)

    def _open_writer(self, split: str) -> tf.summary.SummaryWriter:
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self._logs / split))  # type: ignore[operator]
        return self._writers[split]

    def _end_profile(self) -> None:
        if self._profiling:
            tf.profiler.experimental.stop()
            self._profiling = False
