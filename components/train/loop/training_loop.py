"""The outer loop of training: epochs, chunks, hooks, and where a checkpoint says to go on."""

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

_CALL_SECONDS = 0.25  # what a call of the compiled loop should take: progress, Ctrl-C, checkpoints


class TrainingLoop:
    """Drives a `CompiledLoop` through all epochs.

    A checkpoint holds every variable, the history, and the hooks' states as they were when the
    epoch began, or the last step ended where a hook is told of each. Since a step changes nothing
    but variables, and all of them in one call, the state between two calls is whole at any time,
    and an interrupt may save it.
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
        self._last_loss: float | None = None  # of the last step whose loss was a number
        self._begun: Checkpoint | None = None  # hooks' states; None: they are changing

    def run(self, feed: Feed, chunks: tf.data.Dataset) -> None:
        """Take all steps that are left; `chunks` begin with the one that holds the next."""
        for hook in self._hooks:
            hook.on_train_begin(self.history)
        if self._begun:
            self._restore_hooks(self._begun)
        iterator = iter(chunks)
        with self._saved_when_interrupted(feed):
            for epoch in range(len(self.history.get("loss", [])), self._epochs):
                self._begin(epoch)
                while self._step < (epoch + 1) * self._steps_per_epoch:
                    if not self._take(epoch, feed, *next(iterator)):
                        break
                if not self._end(epoch):
                    break
        self._final.show()
        for hook in self._hooks:
            hook.on_train_end()

    @property
    def _step(self) -> int:
        return int(self._compiled.done)

    def _begin(self, epoch: int) -> None:
        if self._step == epoch * self._steps_per_epoch:
            self._compiled.sums.start()
            for hook in self._hooks:
                hook.on_epoch_begin(epoch)
        self._begun = self._hooks_state()

    def _take(self, epoch: int, feed: Feed, images: tf.Tensor, labels: tf.Tensor) -> bool:
        """All steps of a chunk, or those that are left of it after a resume.

        Returns:
            Whether the epoch goes on.
        """
        begin = epoch * self._steps_per_epoch
        at, steps = (
            (self._step - begin) % feed.chunk_steps,
            math.ceil(len(labels) / feed.batch_size),
        )
        while at < steps:
            count, started = min(self._steps_per_call, steps - at), time.perf_counter()
            if self._each_step:  # which changes the hooks: what an interrupt leaves is the last
                self._begun = None  # checkpoint
            for hook in self._hooks:
                hook.on_steps_begin(epoch, self._step - begin)
            losses = self._compiled.call(images, labels, at, count, feed.batch_size).numpy()
            self._pace(count, time.perf_counter() - started)
            self._refuse_bad_loss(epoch, losses)
            means = self._compiled.sums.means()
            for hook in self._hooks:
                hook.on_steps_end(epoch, self._step - begin - 1, means)
            if any(hook.stops() for hook in self._hooks):
                return False
            if self._each_step:
                self._begun = self._hooks_state()
            if self._checkpoints.due:
                self._save(feed)
            at += count
        return True

    def _pace(self, count: int, seconds: float) -> None:
        """Let calls take about `_CALL_SECONDS`, however long a step is."""
        if self._each_step:
            return
        faster = min(4.0, _CALL_SECONDS / max(seconds, 1e-6))
        self._steps_per_call = max(1, int(count * faster))

    def _end(self, epoch: int) -> bool:
        self._final.show()  # what is judged, chosen and exported is one model
        means = {**self._compiled.sums.means(), **self._validate()}
        self._begun = None  # hooks change: what an interrupt leaves is the last checkpoint
        for hook in self._hooks:
            means |= hook.epoch_values()
        goes_on = [hook.on_epoch_end(epoch, means) for hook in self._hooks]
        if self._final.changed():
            raise ConfigError(
                f"a callback changed the weights at the end of epoch {epoch + 1}",
                expected="that it only reads them there: they are averages, which are judged and "
                "exported, and training goes on without them",
                follows="training stopped; nothing was kept",
                remedy="let it change them in on_epoch_begin or on_train_batch_end, or train "
                "without use_ema in train.optimizer_options",
            )
        self._final.put_back()
        for name, mean in means.items():
            self.history.setdefault(name, []).append(mean)
        return all(goes_on)

    def _refuse_bad_loss(self, epoch: int, losses: np.ndarray) -> None:
        """Of the steps of one call, (steps,) float64."""
        sound = np.isfinite(losses)
        good = losses[: np.argmin(sound)] if not sound.all() else losses
        self._last_loss = float(good[-1]) if good.size else self._last_loss
        if not sound.all():
            step = self._step - losses.size + good.size + 1
            raise StepError(
                f"the loss became NaN or infinite at step {step} (epoch {epoch + 1})",
                expected="a finite number",
                got="no good loss before it"
                if self._last_loss is None
                else f"last good loss: {self._last_loss:.4g} at step {step - 1}",
                follows="training stopped; nothing was kept",
                remedy="lower train.learning_rate; look for a log or a division by zero in the "
                "model or the preprocessing_fn; check that train.model_output says what the "
                "model gives",
            )

    def restore(self) -> dict[str, Any]:
        """Go back to the newest sound checkpoint. Returns its facts, empty if there is none.

        One that was written on other devices or in another precision may hold other variables:
        then training begins anew.
        """
        found = self._checkpoints.load()
        if found is None:
            return {}
        self._compiled.sums.expect(found.facts["sums"])
        named = self._named()
        if any(
            name not in found.arrays
            # of the value: the variable of the sums may take any length
            or found.arrays[name].shape != tuple(tf.shape(variable).numpy())
            for name, variable in named.items()
        ):
            self._checkpoints.logger.warning("the checkpoint does not fit: training begins anew")
            self._compiled.sums.start()
            return {}
        for name, variable in named.items():
            value = found.arrays[name]
            # NumPy does not know bfloat16 and reads it as bytes
            variable.assign(value.view(variable.dtype) if value.dtype.kind == "V" else value)
        self.history = found.facts["history"]
        self._begun = found
        return found.facts

    def _save(self, feed: Feed) -> None:
        sums = self._compiled.sums
        if self._begun is None or not all(map(math.isfinite, sums.means().values())):
            return
        if not sums.names:  # no step was taken
            return
        self._final.put_back()  # where it was interrupted while others were judged
        arrays = {name: variable.numpy() for name, variable in self._named().items()}
        facts = {
            **self._begun.facts,
            "history": self.history,
            "sums": sums.names,
            "feed": dataclasses.asdict(feed),
        }
        self._checkpoints.save(self._step, Checkpoint({**self._begun.arrays, **arrays}, facts))

    @contextmanager
    def _saved_when_interrupted(self, feed: Feed) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._save(feed)
            raise

    def _named(self) -> dict[str, Any]:
        numbered = {f"variable {n}": variable for n, variable in enumerate(self._variables)}
        return {**numbered, **self._compiled.state()}

    def _hooks_state(self) -> Checkpoint:
        states = [hook.state() for hook in self._hooks]
        arrays = {
            f"hook {n} {name}": array
            for n, state in enumerate(states)
            for name, array in state.arrays.items()
        }
        return Checkpoint(arrays, {"hooks": [state.facts for state in states]})

    def _restore_hooks(self, saved: Checkpoint) -> None:
        for n, (hook, facts) in enumerate(zip(self._hooks, saved.facts["hooks"], strict=True)):
            mine = f"hook {n} "
            arrays = {
                k.removeprefix(mine): v for k, v in saved.arrays.items() if k.startswith(mine)
            }
            hook.restore(Checkpoint(arrays, facts))
