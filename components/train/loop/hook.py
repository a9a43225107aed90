"""Define the hooks that a training calls while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.train.loop.checkpoints import Checkpoint


class Hook:
    """Called while a training runs. Epochs count from 0, and so do the steps of each epoch.

    each_step: whether to call the hook for each step; otherwise many steps lie between two calls.
    """

    each_step = False

    def on_train_begin(self, history: Mapping[str, Sequence[float]]) -> None:
        """Called before the first step, with the history so far of a resumed training."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Called before an epoch, except for an epoch that is resumed midway."""

    def on_steps_begin(self, epoch: int, step: int) -> None:
        """Called before a call of the compiled loop, with its first step."""

    def on_steps_end(self, epoch: int, step: int, means: Mapping[str, float]) -> None:
        """Called after it, with its last step and the means over the epoch so far."""

    def stops(self) -> bool:
        """Whether to end the epoch and the training after the steps just taken."""
        return False

    def on_validation_begin(self) -> None:
        """Called before the validation of an epoch, if there is a validation split."""

    def on_validation_batch_begin(self, batch: int) -> None:
        """Called before a batch of the validation split."""

    def on_validation_batch_end(self, batch: int, means: Mapping[str, float]) -> None:
        """Called after it, with the means over the validation split so far."""

    def on_validation_end(self, means: Mapping[str, float]) -> None:
        """Called after the validation, with the means; their names have no `val_`."""

    def on_epoch_end(self, epoch: int, means: Mapping[str, float]) -> bool:
        """Called after an epoch; returns whether to continue. `means` includes the validation.

        The weights are those that would be exported now, such as averages.
        """
        return True

    def on_train_end(self) -> None:
        """Called after the last step; the weights are those that will be exported."""

    def epoch_values(self) -> Mapping[str, float]:
        """Return values to add to the means of an epoch that has ended."""
        return {}

    def state(self) -> Checkpoint:
        """Return the state that the hook needs to resume, as it is between two epochs."""
        return Checkpoint({}, {})

    def restore(self, state: Checkpoint) -> None:
        """Restore what `state` returned; called after `on_train_begin`."""
