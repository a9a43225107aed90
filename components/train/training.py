"""Give a train_fn its data, its hardware, and a training loop that can be resumed.

Your own `train_fn(training) -> model` only writes the step:

    def train_fn(training):
        model = ...                                        # a tf.Module
        def step(images, labels, weights):
            with tf.GradientTape() as tape:
                losses = ...                               # (n,), one for each image
                loss = tf.reduce_sum(losses * weights)
            for variable, gradient in zip(model.variables, tape.gradient(loss, model.variables)):
                variable.assign_sub(0.001 * gradient)
            return {"loss": losses}
        training.run(step, variables=model.variables)
        return model

The loop orders the images, reports progress, writes checkpoints and logs, and stops at a NaN loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.artifacts import Examples
from components.context import Context
from components.train.devices import Hardware
from components.train.loop.checkpoints import Checkpoints
from components.train.loop.compiled_steps import CompiledLoop, Step, Sums
from components.train.loop.final_weights import FinalWeights
from components.train.loop.hook import Hook
from components.train.loop.monitoring import TrainingMonitor
from components.train.loop.training_loop import TrainingLoop
from components.train.preparation import Preparation
from components.train.warm_start import load_weights
from data.batches.label_runs import has_label_runs
from data.batches.parse import translate_record_errors
from data.batches.repeated import read_again
from data.batches.sequential import read_batches
from data.batches.training import SPLIT, Feed, plan_feed, read_training_chunks

if TYPE_CHECKING:
    from components.train.config import Config

__all__ = ["FinalWeights", "Hook", "Training"]

VALIDATION = "validation"
_VALIDATION_BATCH = 512
Values = Callable[[tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]]


class Training:
    """One training of one candidate.

    examples: the examples to train on, with their `spec`.
    config: the config of Train.
    seed: the seed of the run.
    hardware: devices and precision; build the model inside `hardware.scope()`.
    transform: from float32 images (n, height, width, channels), 0-255, to the input of the model.
        `run` and `read_batches` apply it.
    history: the result of `run`: means over images by name, a number for each epoch.
    """

    def __init__(
        self,
        examples: Examples,
        transform: Callable[[tf.Tensor], tf.Tensor],
        config: Config,
        context: Context,
        hardware: Hardware,
    ) -> None:
        self.examples = examples
        self.config = config
        self.seed = context.seed
        self.hardware = hardware
        self.transform = transform
        self.history: dict[str, list[float]] = {}
        self.warm = False  # whether `warm_start` was called
        self.steps_per_epoch = math.ceil(examples.num_examples(SPLIT) / config.batch_size)
        self._context = context
        self._preparation = Preparation(examples, transform, config, context.seed)

    def batches(self, split: str, batch_size: int | None = None) -> tf.data.Dataset:
        """Read the transformed images and the labels of a split in the stored order."""
        size = batch_size or self.config.batch_size
        return read_batches(self.examples, split, batch_size=size, transform=self.transform)

    def warm_start(self, weights: Sequence[Any]) -> None:
        """Assign the weights of the model that `train.warm_start` names, if it is set.

        Raises:
            BadDataError: there is no Penstock model there, its bytes changed, or it is not the
                model that was checked when the step was planned.
            ConfigError: its classes or the shapes of its weights differ; they are named.
        """
        self.warm = True
        config = self.config
        if config.warm_start:
            folder, digest = Path(config.warm_start), config.warm_start_digest
            load_weights(weights, self.examples.spec, folder, digest)

    def run(
        self,
        step: Step,
        *,
        variables: Sequence[Any],
        validate: Values | None = None,
        hooks: Sequence[Hook] = (),
        final: FinalWeights | None = None,
    ) -> dict[str, list[float]]:
        """Take all steps of all epochs, from the last checkpoint if there is one.

        Args:
            step: is compiled; takes augmented and transformed images, labels (n,) int64 and weights
                (n,) float32; updates the variables; returns values per image, (n,) by name, one of
                them "loss". The batch's loss is `sum(losses * weights)`: the weights of classes and
                samples are divided by the size of the batch over all replicas.
            variables: all variables that a step changes, always in the same order: weights, the
                optimizer's variables, random generators.
            validate: a function of images and labels that returns the same values for validation.
            hooks: called while the training runs.
            final: the weights to export if they are not the trained ones, such as an average: they
                are validated, seen by the hooks when an epoch or the training ends, and kept.

        Returns:
            `history`; values of the validation are named `val_…`.

        Raises:
            StepError: the loss became NaN or infinite, or a device is out of memory.
            ConfigError: a hook changed the weights while `final` was in their place.
            BadDataError: the examples cannot be read.
        """
        config, context = self.config, self._context
        compiled = CompiledLoop(
            step, self._preparation.prepare, self.hardware, self.examples.spec.shape
        )
        folder = context.work_dir / "checkpoints" if context.work_dir else None
        loop = TrainingLoop(
            compiled,
            variables=variables,
            hooks=[*hooks, TrainingMonitor(context, config, self.steps_per_epoch, variables)],
            validate=self._make_validation(validate, hooks),
            final=final or FinalWeights(),
            checkpoints=Checkpoints(folder, config.checkpoint_seconds, context.logger),
            epochs=config.epochs,
            steps_per_epoch=self.steps_per_epoch,
        )
        resumed = loop.restore()
        with (
            translate_record_errors(self.examples),
            self.hardware.explain_out_of_memory(config.batch_size),
        ):
            feed = self._plan_feed(resumed)
            loop.run(feed, self._read_chunks(feed, first_step=int(compiled.done)))
        self.history = loop.history
        return self.history

    def warn(self, message: str) -> None:
        """Show and record a warning."""
        self._context.warn(message)

    def _plan_feed(self, resumed: Mapping[str, Any]) -> Feed:
        """Plan how images are fed; a resumed training keeps its plan, for the same order."""
        if resumed:
            return Feed(**resumed["feed"])
        feed = plan_feed(
            self.examples,
            batch_size=self.config.batch_size,
            cache=self.config.cache,
            shuffle=self.config.shuffle,
            scratch=self._context.work_dir,
        )
        is_partial = 0 < feed.shuffle < self.examples.num_examples(SPLIT)
        if is_partial and has_label_runs(self.examples, SPLIT):
            self.warn(
                f"images are sorted by label, and a stream is shuffled {feed.shuffle:,} images at "
                "a time: batches will have few classes; train.cache=disk shuffles all images"
            )
        return feed

    def _read_chunks(self, feed: Feed, first_step: int) -> tf.data.Dataset:
        """Read the chunks of all epochs from a step on, ahead of the devices."""
        chunks = read_training_chunks(
            self.examples,
            feed,
            epochs=self.config.epochs,
            seed=self.seed,
            first_step=first_step,
            scratch=self._context.work_dir,
        )
        return self.hardware.prefetch(chunks)

    def _make_validation(
        self, values: Values | None, hooks: Sequence[Hook]
    ) -> Callable[[], Mapping[str, float]]:
        """Make a function that computes the means of the validation split, {} without one."""
        if values is None or not self.examples.num_examples(VALIDATION):
            return dict
        sums = Sums(self.hardware)
        split = read_again(
            self.examples,
            VALIDATION,
            batch_size=_VALIDATION_BATCH,
            transform=self.transform,
            scratch=self._context.work_dir,
        )

        def add(images: tf.Tensor, labels: tf.Tensor) -> None:
            totals = {
                name: tf.reduce_sum(tf.cast(value, tf.float64))
                for name, value in values(images, labels).items()
            }
            sums.add(totals, tf.shape(labels)[0])

        compiled = tf.function(add, reduce_retracing=True, autograph=False)

        def validate() -> dict[str, float]:
            sums.start()
            for hook in hooks:
                hook.on_validation_begin()
            for batch, (images, labels) in enumerate(split):
                for hook in hooks:
                    hook.on_validation_batch_begin(batch)
                compiled(images, labels)
                for hook in hooks:
                    hook.on_validation_batch_end(batch, sums.means())
            means = sums.means()
            for hook in hooks:
                hook.on_validation_end(means)
            return {f"val_{name}": mean for name, mean in means.items()}

        return validate
