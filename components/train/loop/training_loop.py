"""Drive a training through epochs and chunks, call hooks, save and resume from checkpoints."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from components.train.loop.checkpoints import Checkpoint, Checkpoints
from components.train.loop.compiled_steps import CompiledLoop
from components.train.loop.final_weights import FinalWeights
from components.train.loop.hook import Hook
from data.batches.training import Feed
from data.errors import ConfigError, StepError

_CALL_SECONDS = 0.25  # target time of a call, between which there are progress, Ctrl-C, checkpoints


class TrainingLoop:
    """Drives a `CompiledLoop` through all epochs.

    A checkpoint holds every variable, the history, and the states of the hooks at the start of the
    epoch, or after the last step if a hook is called for each step. A step changes only variables,
    all in one call, so the state between two calls is complete, and an interrupt can save it.
    """

    def __init__(
        self,
        compiled: CompiledLoop,
        *,
        variables: Sequence[Any],
        hooks: Sequence[Hook],
        validate: Callable[[], Mapping[str, float]],
        final: FinalWeights,
        checkpoints: Checkpoints,
        epochs: int,
        steps_per_epoch: int,
    ) -> None:
        self.history: dict[str, list[float]] = {}
        self._compiled = compiled
        self._variables = variables
        self._hooks = hooks
        self._validate = validate
        self._final = final
        self._checkpoints = checkpoints
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._steps_per_call = 1
        self._each_step = any(hook.each_step for hook in hooks)
        self._last_loss: float | None = None  # the last finite loss
        self._hook_states: Checkpoint | None = None  # None: they are changing

    def run(self, feed: Feed, chunks: tf.data.Dataset) -> None:
        """Take all remaining steps; the first chunk is the one that has the next step."""
        for hook in self._hooks:
            hook.on_train_begin(self.history)
        if self._hook_states:
            self._restore_hooks(self._hook_states)
        iterator = iter(chunks)
        with self._save_on_interrupt(feed):
            for epoch in range(len(self.history.get("loss", [])), self._epochs):
                self._begin_epoch(epoch)
                while self._step < (epoch + 1) * self._steps_per_epoch:
                    if not self._take_chunk(epoch, feed, *next(iterator)):
                        break
                if not self._end_epoch(epoch):
                    break
        self._final.show()
        for hook in self._hooks:
            hook.on_train_end()

    @property
    def _step(self) -> int:
        return int(self._compiled.done)

    def _begin_epoch(self, epoch: int) -> None:
        if self._step == epoch * self._steps_per_epoch:
            self._compiled.sums.start()
            for hook in self._hooks:
                hook.on_epoch_begin(epoch)
        self._hook_states = self._collect_hook_states()

    def _take_chunk(self, epoch: int, feed: Feed, images: tf.Tensor, labels: tf.Tensor) -> bool:
        """Take the steps of a chunk, or its remaining steps after a resume.

        Returns:
            Whether the epoch continues.
        """
        begin = epoch * self._steps_per_epoch
        at, steps = (
            (self._step - begin) % feed.chunk_steps,
            math.ceil(len(labels) / feed.batch_size),
        )
        while at < steps:
            count, started = min(self._steps_per_call, steps - at), time.perf_counter()
            if self._each_step:  # the hooks change: an interrupt saves nothing now
                self._hook_states = None
            for hook in self._hooks:
                hook.on_steps_begin(epoch, self._step - begin)
            losses = self._compiled.call(images, labels, at, count, feed.batch_size).numpy()
            self._adjust_steps_per_call(count, time.perf_counter() - started)
            self._refuse_bad_loss(epoch, losses)
            means = self._compiled.sums.means()
            for hook in self._hooks:
                hook.on_steps_end(epoch, self._step - begin - 1, means)
            if any(hook.stops() for hook in self._hooks):
                return False
            if self._each_step:
                self._hook_states = self._collect_hook_states()
            if self._checkpoints.due:
                self._save(feed)
            at += count
        return True

    def _adjust_steps_per_call(self, count: int, seconds: float) -> None:
        """Adjust the number of steps so that a call takes about `_CALL_SECONDS`."""
        if self._each_step:
            return
        factor = min(4.0, _CALL_SECONDS / max(seconds, 1e-6))
        self._steps_per_call = max(1, int(count * factor))

    def _end_epoch(self, epoch: int) -> bool:
        self._final.show()  # the same model is validated, chosen and exported
        means = {**self._compiled.sums.means(), **self._validate()}
        self._hook_states = None  # the hooks change: an interrupt saves nothing now
        for hook in self._hooks:
            means |= hook.epoch_values()
        continues = [hook.on_epoch_end(epoch, means) for hook in self._hooks]
        if self._final.changed():
            raise ConfigError(
                f"a callback changed the weights at the end of epoch {epoch + 1}",
                expected="a callback that only reads them there: they are averages to validate and "
                "export, and the training continues with other weights",
                follows="the training stopped; no model was kept",
                remedy="change the weights in on_epoch_begin or on_train_batch_end, or train "
                "without use_ema in train.optimizer_options",
            )
        self._final.put_back()
        for name, mean in means.items():
            self.history.setdefault(name, []).append(mean)
        return all(continues)

    def _refuse_bad_loss(self, epoch: int, losses: np.ndarray) -> None:
        """Raise StepError if a loss of one call, (steps,) float64, is not finite."""
        sound = np.isfinite(losses)
        good = losses[: np.argmin(sound)] if not sound.all() else losses
        self._last_loss = float(good[-1]) if good.size else self._last_loss
        if not sound.all():
            step = self._step - losses.size + good.size + 1
            raise StepError(
                f"the loss became NaN or infinite at step {step} (epoch {epoch + 1})",
                expected="a finite number",
                got="no finite loss before it"
                if self._last_loss is None
                else f"last finite loss: {self._last_loss:.4g} at step {step - 1}",
                follows="the training stopped; no model was kept",
                remedy="lower train.learning_rate; look for a log or a division by zero in the "
                "model or the preprocessing_fn; check that train.model_output is right for the "
                "model",
            )

    def restore(self) -> dict[str, Any]:
        """Restore the newest undamaged checkpoint; returns its facts, {} if there is none.

        A checkpoint from other devices or another precision may hold other variables: then the
        training starts again.
        """
        checkpoint = self._checkpoints.load()
        if checkpoint is None:
            return {}
        self._compiled.sums.set_names(checkpoint.facts["sums"])
        named = self._name_variables()
        if any(
            name not in checkpoint.arrays
            # the shape of the value: the variable of the sums may have any length
            or checkpoint.arrays[name].shape != tuple(tf.shape(variable).numpy())
            for name, variable in named.items()
        ):
            self._checkpoints.logger.warning(
                "the checkpoint does not fit: the training starts again"
            )
            self._compiled.sums.start()
            return {}
        for name, variable in named.items():
            value = checkpoint.arrays[name]
            # NumPy does not know bfloat16 and reads it as bytes
            variable.assign(value.view(variable.dtype) if value.dtype.kind == "V" else value)
        self.history = checkpoint.facts["history"]
        self._hook_states = checkpoint
        return checkpoint.facts

    def _save(self, feed: Feed) -> None:
        sums = self._compiled.sums
        if self._hook_states is None or not all(map(math.isfinite, sums.means().values())):
            return
        if not sums.names:  # no step was taken
            return
        self._final.put_back()  # the interrupt may have come while other weights were validated
        arrays = {name: variable.numpy() for name, variable in self._name_variables().items()}
        facts = {
            **self._hook_states.facts,
            "history": self.history,
            "sums": sums.names,
            "feed": dataclasses.asdict(feed),
        }
        self._checkpoints.save(
            self._step, Checkpoint({**self._hook_states.arrays, **arrays}, facts)
        )

    @contextmanager
    def _save_on_interrupt(self, feed: Feed) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._save(feed)
            raise

    def _name_variables(self) -> dict[str, Any]:
        numbered = {f"variable {n}": variable for n, variable in enumerate(self._variables)}
        return {**numbered, **self._compiled.state()}

    def _collect_hook_states(self) -> Checkpoint:
        states = [hook.state() for hook in self._hooks]
        arrays = {
            f"hook {n} {name}": array
            for n, state in enumerate(states)
            for name, array in state.arrays.items()
        }
        return Checkpoint(arrays, {"hooks": [state.facts for state in states]})

    def _restore_hooks(self, saved: Checkpoint) -> None:
        for n, (hook, facts) in enumerate(zip(self._hooks, saved.facts["hooks"], strict=True)):
            prefix = f"hook {n} "
            arrays = {
                k.removeprefix(prefix): v for k, v in saved.arrays.items() if k.startswith(prefix)
            }
            hook.restore(Checkpoint(arrays, facts))
