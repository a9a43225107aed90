"""What a training tells those who listen as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.train.loop.checkpoints import Checkpoint


class Hook:
    """Told as training goes. Epochs and steps count from 0, steps anew in each epoch.

    each_step: whether it is to be told of each step; else many are taken between two calls.
    """

    each_step = False

    def on_train_begin(self, history: Mapping[str, Sequence[float]]) -> None:
        """Before the first step. `history` is what a resumed training has behind it."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Not called for an epoch that is resumed midway."""

    def on_steps_begin(self, epoch: int, step: int) -> None:
        """Before a call of the compiled loop, whose first step this is."""

    def on_steps_end(self, epoch: int, step: int, means: Mapping[str, float]) -> None:
        """After it; `step` was its last; means over the images of the epoch so far."""

    def stops(self) -> bool:
        """Whether the epoch, and with it the training, is to end after the steps just taken."""
        return False

    def on_validation_begin(self) -> None:
        """Before the validation of an epoch, where there is a validation split."""

    def on_validation_batch_begin(self, batch: int) -> None:
        """Before a batch of the validation split."""

    def on_validation_batch_end(self, batch: int, means: Mapping[str, float]) -> None:
        """After it; means over the validation split's images so far."""

    def on_validation_end(self, means: Mapping[str, float]) -> None:
        """After the validation; means over its images, without `val_` before their names."""

    def on_epoch_end(self, epoch: int, means: Mapping[str, float]) -> bool:
        """Whether training is to go on. `means` has the validation's as well.

        The weights are those that would be exported now: where an average is, the averages.
        """
        return True

    def on_train_end(self) -> None:
        """After the last step, the weights as they will be exported."""

    def epoch_values(self) -> Mapping[str, float]:
        """What the hook adds to the means of an epoch that has ended."""
        return {}

    def state(self) -> Checkpoint:
        """What the hook needs to go on, as it is between two epochs."""
        return Checkpoint({}, {})

    def restore(self, state: Checkpoint) -> None:
        """Go on from what `state` gave; called after `on_train_begin`."""
